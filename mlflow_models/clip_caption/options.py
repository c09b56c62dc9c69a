"""What clip_caption declares: its columns, its parameters, and what it answers."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from clip_caption.pixels import Crop
from zoo.data.fetch import MAX_URL_CHARACTERS
from zoo.errors import BadParameter
from zoo.serving import declaration
from zoo.serving.declaration import Column, Declaration
from zoo.serving.rows import LONE_SURROGATE

MAX_CAPTIONS = 20  # of one photo, written at once
MAX_TEXT_CHARACTERS = 1_000  # CLIP reads 77 tokens
# To read one takes a ViT-B/32 5.8 GFLOP by its sizes, to see a photo 8.7; each is read once
MAX_LABELS = 100


class Options(declaration.Options):
    """The parameters. A checkpoint may have room for fewer tokens."""

    mode: Literal["beam", "greedy", "nucleus"] = Field(
        "beam", description="How captions are searched for; `nucleus` draws them by chance."
    )
    beam_size: int = Field(5, ge=1, le=MAX_CAPTIONS, description="How many beams `beam` keeps.")
    max_tokens: int = Field(
        67, ge=1, le=200, description="The most tokens of a caption, with the period at its end."
    )
    num_captions: int = Field(
        1,
        ge=0,
        le=MAX_CAPTIONS,
        description="How many captions to give: the best beams, or as many draws; `greedy` gives "
        "one. 0: none.",
    )
    top_p: float = Field(
        0.8,
        ge=0.01,
        le=1,
        description="`nucleus` draws from the likeliest tokens that together are so probable.",
    )
    temperature: float = Field(
        1.0, ge=0.01, le=10, description="`beam` and `nucleus` divide the logits by it."
    )
    seed: int = Field(0, ge=0, le=2**32 - 1, description="The seed of the draws of `nucleus`.")
    crop: Crop = Field(
        "center",
        description="What is looked at: `center`, the square in the middle, as CLIP was trained; "
        "`pad`, the whole photo, made square by bars; `tiles`, squares that together show all of a "
        "long photo, whose features are averaged.",
    )
    embedding: Literal["none", "clip", "prefix"] = Field(
        "none", description="`clip` gives CLIP's features; `prefix`, what GPT-2 gets for them."
    )
    neighbours: int = Field(
        0,
        ge=0,
        le=100,
        description="How many similar photos of the collection to name. With 0 there is no "
        "category, and search words find as many as vote.",
    )
    match_text: str = Field(
        "",
        max_length=MAX_TEXT_CHARACTERS,
        description="A text to compare the photo with; OpenAI's CLIP reads 77 tokens of it.",
    )
    with_text: str = Field(
        "",
        max_length=MAX_TEXT_CHARACTERS,
        description="Words that the neighbours should fit, too: a search by a photo and by words.",
    )
    skip: int = Field(
        0,
        ge=0,
        le=10_000,
        description="How many of the nearest neighbours to leave out, for the next page of a "
        "search.",
    )
    in_categories: tuple[str, ...] = Field(
        (), description="Neighbours must have one of these categories. None given: any."
    )
    in_places: tuple[str, ...] = Field(
        (), description="Neighbours must be of one of these places, as the collection names them."
    )
    since: str = Field("", description="The first day of the neighbours, such as 2026-01-31.")
    until: str = Field("", description="The last day of the neighbours, such as 2026-12-31.")
    labels: tuple[str, ...] = Field(
        (),
        description="Words or sentences, of which the photo is told the likeliest: no training is "
        "needed. With a packed set of labels its names are the default. At most 100.",
    )
    language: Literal["en"] = Field(
        "en", description="The language of the captions. Others need a packed translator."
    )

    @property
    def rows(self) -> int:
        """Count the captions of a photo that are written at once."""
        return {"beam": self.beam_size, "greedy": 1, "nucleus": max(1, self.num_captions)}[
            self.mode
        ]

    @field_validator("match_text", "with_text")
    @classmethod
    def _is_unicode(cls, text: str) -> str:
        if LONE_SURROGATE.search(text):
            raise ValueError("is not valid Unicode: it has half a surrogate pair")
        return text.strip()

    @field_validator("labels")
    @classmethod
    def _are_labels(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(labels) > MAX_LABELS:
            raise ValueError(f"has more than {MAX_LABELS} labels")
        stripped = tuple(cls._is_unicode(label) for label in labels)
        if not all(stripped):
            raise ValueError("has an empty text")
        if any(len(label) > MAX_TEXT_CHARACTERS for label in stripped):
            raise ValueError(f"has a text of more than {MAX_TEXT_CHARACTERS} characters")
        if len({label.casefold() for label in stripped}) < len(stripped):
            raise ValueError("has the same text twice")
        return stripped

    @model_validator(mode="after")
    def _fit(self) -> "Options":
        if self.num_captions > self.rows:
            raise BadParameter("num_captions", f"is over {self.rows}, which '{self.mode}' gives")
        return self


class Caption(BaseModel):
    """A caption."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(description="In the `language` that is asked for.")
    score: float = Field(description="The mean log-probability of its tokens.")
    english: str | None = Field(
        None, description="The caption that was written and scored, if `text` is translated."
    )


class Neighbour(BaseModel):
    """A photo of the packed or mounted collection."""

    model_config = ConfigDict(extra="forbid")
    id: str
    category: str | None = Field(
        description="With commas between them if it has several; null if it has none."
    )
    similarity: float = Field(
        description="The cosine of CLIP's features, with the row's photo or words."
    )
    caption: str | None = Field(None, description="If the collection has captions.")
    date: str | None = Field(None, description="If the collection has dates.")
    place: str | None = Field(None, description="If the collection has places.")
    photo: str | None = Field(
        None,
        description="The address of its thumbnail, below the server's own; if these are packed.",
    )


class Label(BaseModel):
    """A label, and how likely it is."""

    model_config = ConfigDict(extra="forbid")
    label: str
    probability: float


class Record(BaseModel):
    """The answer to a photo; what wasn't asked for is left out."""

    model_config = ConfigDict(extra="forbid")
    captions: list[Caption] | None = Field(None, description="Best first.")
    embedding: list[float] | None = Field(None, description="With `embedding`.")
    match: float | None = Field(None, description="The cosine of `match_text` and the photo.")
    category: str | None = Field(
        None,
        description="By vote of the collection's nearest photos that have one; null if they are "
        "too unlike the photo, or none has one.",
    )
    categories: list[str] | None = Field(
        None,
        description="All that are likely, the likeliest first; if photos of the packed collection "
        "have several categories.",
    )
    neighbours: list[Neighbour] | None = Field(None, description="Nearest first.")
    total: int | None = Field(
        None, description="How many photos of the packed collection pass the filters."
    )
    usual: float | None = Field(
        None,
        description="How usual the photo is for this model: the percentile of its nearness to the "
        "photos that the model knows, from 0 to 100.",
    )
    label: str | None = Field(None, description="The likeliest label; null if none of them fits.")
    labels: list[Label] | None = Field(
        None,
        description="The likeliest first. What the probabilities lack to 1 is that of none of "
        "them.",
    )


DECLARATION = Declaration(
    name="clip_caption",
    task="image-to-text",
    summary="Says in English what a photo shows, and tells which photos are alike.",
    languages=("en",),
    columns=(
        Column("image", "file", "A photo's file: JPEG, PNG, WebP, HEIC, AVIF, GIF or BMP."),
        Column("image_url", "url", "Where the server fetches the photo.", MAX_URL_CHARACTERS),
        Column("search_text", "text", "Words to search the collection for.", MAX_TEXT_CHARACTERS),
    ),
    options=Options,
    record=Record,
)
