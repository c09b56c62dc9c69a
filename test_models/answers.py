"""What the other models answer, typed; transcripts are in the package `transcripts`."""

from typing import Any

from pydantic import Field

from transcripts.answers import Answer, Part


class Entity(Part):
    """A named entity: characters `start` to `end` of the text as it was sent.

    Attributes:
        confidence: 0 to 1, where the model says so.
        normalized: a date, an amount or a place in a normal form; with `normalize`, where the model
            finds one.
    """

    text: str
    type: str
    start: int
    end: int
    confidence: float | None = None
    normalized: Any = None


class MaskedSpan(Part):
    """What a mask replaces: characters `start` to `end` of the text as it was sent, which are
    `masked_start` to `masked_end` of the masked one. `kind` says what it is."""

    kind: str
    start: int
    end: int
    masked_start: int
    masked_end: int


class Masked(Part):
    """A text without names and numbers of people; `spans` are in order."""

    text: str
    spans: list[MaskedSpan] = Field(default_factory=list)


class Entities(Answer):
    """A text's named entities, in order.

    Attributes:
        masked: the text masked, with `mask`.
        tasks: the other tasks' results, if asked for.
    """

    entities: list[Entity] = Field(default_factory=list)
    masked: Masked | None = None
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
