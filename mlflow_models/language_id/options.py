"""What language_id declares: its parameters, and what it answers."""

from pydantic import BaseModel, ConfigDict, Field

from zoo.serving.declaration import Declaration
from zoo.speech.options import AUDIO, WARNINGS, SoundOptions, WarningCode


class Options(SoundOptions):
    """What to tell of a recording."""

    top: int = Field(3, ge=1, le=1_000, description="How many languages to name, likeliest first.")
    segments: bool = Field(False, description="Also tell the language of each stretch of speech.")


class Language(BaseModel):
    """A language, and how likely it is spoken."""

    model_config = ConfigDict(extra="forbid")
    language: str
    probability: float


class Segment(Language):
    """A stretch of speech. Times in seconds."""

    start: float
    end: float


class Record(BaseModel):
    """What is spoken in a recording."""

    model_config = ConfigDict(extra="forbid")
    language: str | None = Field(description="The likeliest; null where nobody speaks.")
    probability: float = Field(description="0 where nobody speaks.")
    languages: list[Language] = Field(description="Likeliest first, `top` of them.")
    warnings: list[WarningCode] = Field(description=WARNINGS)
    segments: list[Segment] | None = Field(None, description="With `segments`.")


DECLARATION = Declaration(
    name="language_id",
    task="audio-classification",
    summary="Tells which language is spoken.",
    languages=("zh", "th", "en"),
    columns=(AUDIO,),
    options=Options,
    record=Record,
    fork_safe=False,
)
