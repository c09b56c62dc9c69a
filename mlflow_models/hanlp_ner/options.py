"""What hanlp_ner declares: its parameters, and what it answers."""

from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    simplify: bool = Field(
        False,
        description="Whether the model reads traditional characters as simplified ones. The answer "
        "has the text's own characters.",
    )

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


class Record(BaseModel):
    """A text's entities."""

    model_config = ConfigDict(extra="forbid")
    entities: list[Entity] = Field(description="In the text's order.")
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
