"""What the speech models declare alike: their column, their common parameters, their record."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from zoo.data.channels import Channels
from zoo.serving.declaration import Column, Options
from zoo.speech.vad import SURE

WarningCode = Literal["no_speech", "opposite_phase"]
WARNINGS = (
    "`no_speech`: no speech was found. `opposite_phase`: the two channels had opposite phase, and "
    "one was inverted."
)
NO_SPEECH = "no_speech"
AUDIO = Column("audio", "file", "A recording: any file that FFmpeg reads.")


class SoundOptions(Options):
    """The parameters of every model that hears recordings."""

    channels: Channels = Field(
        "mix",
        description="`left` and `right` take one of two channels. `mix` is their mean; where they "
        "have opposite phase, it inverts the second first. More than two are mixed.",
    )
    vad_threshold: float = Field(
        SURE,
        ge=0.05,
        le=0.95,
        description="How probable speech must be (Silero's voice activity detector). A lower value "
        "finds more speech, and takes more of other sounds for speech.",
    )


class SpeechOptions(SoundOptions):
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


class Unrecognized(BaseModel):
    """A part of a recording. Times in seconds."""

    model_config = ConfigDict(extra="forbid")
    start: float
    end: float


class Record(BaseModel):
    """A recording's transcript; a model adds `segments`, with its own scores."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(description="All segments' text.")
    language: str = Field(description="A code such as `zh`.")
    duration: float = Field(description="Seconds.")
    warnings: list[WarningCode] = Field(description=WARNINGS)
    unrecognized: list[Unrecognized] = Field(
        description="Where speech was found, and the model heard no text in it."
    )
