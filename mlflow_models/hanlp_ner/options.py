"""What hanlp_ner declares: its parameters, and what it answers."""

from datetime import date
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hanlp_ner.masking.writing import How, MaskedSpan
from hanlp_ner.normalizing.normalized import Normalized
from hanlp_ner.text.dictionary import DictionaryError, read_few_words
from zoo.errors import BadParameter
from zoo.serving import declaration
from zoo.serving.declaration import Column, Declaration


class Options(declaration.Options):
    """What to find in a text."""

    dictionary: str = Field(
        "{}",
        description="A JSON object with an entity type for each word. These words are always "
        "entities, and so are the words of a packed dictionary.",
    )
    tasks: tuple[str, ...] = Field(
        (), description="The names of other tasks to do, if the checkpoint has several."
    )
    min_confidence: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="Entities with a lower `confidence` are left out; words of a dictionary stay.",
    )
    reference_date: str = Field(
        "",
        description="The day that 今天, 去年 and 三月五日 refer to, such as 2026-01-31. Without it "
        "they have no `normalized`.",
    )
    mask: How = Field(
        "none",
        description="Also answers the text without personal data: with `*` for each of its "
        "characters, a keyed hash, or a label that is the same for the same value. See below.",
    )

    simplify: bool = Field(
        False,
        description="Whether the model reads traditional characters as simplified ones. The answer "
        "has the text's own characters.",
    )

    @cached_property
    def reference(self) -> date | None:
        """Read the reference date; None if there is none."""
        return date.fromisoformat(self.reference_date) if self.reference_date else None

    @cached_property
    def words(self) -> dict[str, str]:
        """Read the dictionary: entity type by word."""
        return read_few_words(self.dictionary)

    @model_validator(mode="after")
    def _read(self) -> "Options":
        try:
            assert self.words is not None
        except DictionaryError as error:
            raise BadParameter("dictionary", str(error)) from None
        try:  # Python reads 20260131 and 2026-W05-6 as well
            as_written = not self.reference or self.reference.isoformat() == self.reference_date
        except ValueError:
            as_written = False
        if not as_written:
            raise BadParameter("reference_date", "should be a day such as 2026-01-31")
        if self.mask != "none" and self.tasks:
            raise BadParameter("mask", "can't go with tasks, whose results have the text's words")
        return self


class Entity(BaseModel):
    """A named entity: characters `start` to `end` (exclusive) of the text as it was sent."""

    model_config = ConfigDict(extra="forbid")
    text: str
    type: str
    start: int
    end: int
    confidence: float = Field(
        ge=0.0,
        le=1.0,
        description="How likely it is right; 1 of a dictionary's word.",
    )
    normalized: Normalized | None = Field(None, description="What it means, where that is clear.")


class MaskedAnswer(BaseModel):
    """A text without personal data."""

    model_config = ConfigDict(extra="forbid")
    text: str
    spans: list[MaskedSpan] = Field(description="In the text's order.")


class Record(BaseModel):
    """A text's entities."""

    model_config = ConfigDict(extra="forbid")
    entities: list[Entity] = Field(description="In the text's order.")
    masked: MaskedAnswer | None = Field(None, description="With `mask`: the text to pass on.")
    tasks: Any = Field(
        None, description="For each piece of the text, its place and the other tasks' results."
    )


DECLARATION = Declaration(
    name="hanlp_ner",
    task="token-classification",
    summary="Finds named entities, such as people, places and organizations, in Chinese text.",
    languages=("zh",),
    columns=(Column("text", "text", "A text of up to 1,000,000 characters.", 1_000_000),),
    options=Options,
    record=Record,
)
