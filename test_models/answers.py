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
    """A caption; `score` is the mean log-probability of its tokens."""

    text: str
    score: float | None = None


class Neighbour(Part):
    """A labelled image of the model's collection; `similarity` is the cosine of CLIP's features."""

    id: str
    category: str | None = None
    similarity: float


class Captions(Answer):
    """An image's captions, the best first.

    Attributes:
        embedding: CLIP's features, or the prefix, if asked for.
        match: cosine of the text that was asked about and the image.
        category: where a labelled collection is packed; None if nothing there is like the image.
        neighbours: the most similar images of that collection, the most similar first.
    """

    captions: list[Caption] = Field(default_factory=list)
    embedding: list[float] | None = None
    match: float | None = None
    category: str | None = None
    neighbours: list[Neighbour] | None = None
