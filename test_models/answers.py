"""What the other models answer, typed; transcripts are in the package `transcripts`."""

from typing import Any

from pydantic import Field

from transcripts.answers import Answer, Part


class Entity(Part):
    """A named entity: characters `start` to `end` of the text as it was sent."""

    text: str
    type: str
    start: int
    end: int


class Entities(Answer):
    """A text's named entities, in order; `tasks` holds the other tasks' results, if asked for."""

    entities: list[Entity] = Field(default_factory=list)
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
