"""What the speech models declare alike: their column, their common parameters, their record."""

from pydantic import BaseModel, ConfigDict, Field

from zoo.serving.declaration import Column, Options

AUDIO = Column("audio", "file", "A recording: any file that FFmpeg reads.")


class SpeechOptions(Options):
    """The parameters of every speech model."""

    vad: bool = Field(
        True,
        description="Find the speech first, and transcribe only that; else the whole recording.",
    )
    denoise: bool = Field(
        False, description="First reduce the steady noise of noisy recordings (spectral gating)."
    )
    word_timestamps: bool = Field(False, description="Give the times of every word.")


class Word(BaseModel):
    """A word of a segment. Times in seconds."""

    model_config = ConfigDict(extra="forbid")
    text: str
    start: float
    end: float
    probability: float


class Segment(BaseModel):
    """A stretch of speech. Times in seconds."""

    model_config = ConfigDict(extra="forbid")
    id: int
    start: float
    end: float
    text: str
    words: list[Word] | None = Field(None, description="With `word_timestamps`.")


class Record(BaseModel):
    """A recording's transcript; a model adds `segments`, with its own scores."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(description="All segments' text.")
    language: str = Field(description="A code such as `zh`.")
    duration: float = Field(description="Seconds.")
