"""What the other models answer, typed; transcripts are in the package `transcripts`."""

from typing import Any

from pydantic import Field

from transcripts.answers import Answer, Part


class NormalForm(Part):
    """What an entity means, for programs.

    Attributes:
        kind: such as `date`, `money`, `place`.
        value: by ISO 8601, or a decimal number.
        currency: of a sum of money, by ISO 4217.
        unit: of a quantity, by UCUM.
        path: official names of a place, the largest first.
        detail: of a place, what follows the last of them, such as a street.
        code: of a division of China, by GB/T 2260.
        country: of a place, by ISO 3166-1.
    """

    kind: str
    value: str | None = None
    currency: str | None = None
    unit: str | None = None
    path: list[str] | None = None
    detail: str | None = None
    code: str | None = None
    country: str | None = None

    def __str__(self) -> str:
        """In a line, for people."""
        parts = [*(self.path or ()), self.detail, self.value, self.currency, self.unit]
        return " ".join(one for one in parts if one)


class Entity(Part):
    """A named entity: characters `start` to `end` of the text as it was sent.

    Attributes:
        confidence: 0 to 1, where the model says so.
        normalized: what it means, where that is clear.
    """

    text: str
    type: str
    start: int
    end: int
    confidence: float | None = None
    normalized: NormalForm | None = None


class Replacement(Part):
    """What a mask replaces: characters `start` to `end` of the text as it was sent, which are
    `masked_start` to `masked_end` of the masked one. `kind` says what it is."""

    kind: str
    start: int
    end: int
    masked_start: int
    masked_end: int


class MaskedCopy(Part):
    """A text without names and numbers of people; `spans` are in order."""

    text: str
    spans: list[Replacement] = Field(default_factory=list)


class Entities(Answer):
    """A text's named entities, in order.

    Attributes:
        masked: the text masked, with `mask`.
        tasks: the other tasks' results, if asked for.
    """

    entities: list[Entity] = Field(default_factory=list)
    masked: MaskedCopy | None = None
    tasks: list[dict[str, Any]] | None = None


class Caption(Part):
    """A caption; `score` is the mean log-probability of its tokens.

    Attributes:
        english: what the model wrote, where `text` is a translation.
    """

    text: str
    score: float | None = None
    english: str | None = None


class Neighbour(Part):
    """An image of the model's collection; `similarity` is the cosine of CLIP's features.

    Attributes:
        photo: where the server has its thumbnail: a path below the model's address.
    """

    id: str
    category: str | None = None
    similarity: float
    caption: str | None = None
    date: str | None = None
    place: str | None = None
    photo: str | None = None


class LabelProbability(Part):
    """A label that was asked about, and how likely it is."""

    label: str
    probability: float


class Facets(Part):
    """What the photos of a model's collection can be filtered by.

    Attributes:
        photos: how many there are.
        categories: by their names; empty if it has none.
        places: likewise.
        first_day: such as 2026-01-31; None if the collection has no days.
        last_day: likewise.
    """

    photos: int
    categories: list[str] = Field(default_factory=list)
    places: list[str] = Field(default_factory=list)
    first_day: str | None = None
    last_day: str | None = None


class Captions(Answer):
    """An image's captions, the best first.

    Attributes:
        embedding: CLIP's features, or the prefix, if asked for.
        match: cosine of the text that was asked about and the image.
        category: by vote of the model's collection; None if nothing there is like the image, or the
            collection has no categories.
        neighbours: the most similar images of that collection, the most similar first.
        total: how many images of the collection pass the filters of a search.
        usual: how usual the image is for the model, a percentile; None if the model can't say.
        label: the likeliest of the labels that were asked about; None if none fits.
        labels: all of them, the likeliest first.
    """

    captions: list[Caption] = Field(default_factory=list)
    embedding: list[float] | None = None
    match: float | None = None
    category: str | None = None
    neighbours: list[Neighbour] | None = None
    total: int | None = None
    usual: float | None = None
    label: str | None = None
    labels: list[LabelProbability] | None = None
