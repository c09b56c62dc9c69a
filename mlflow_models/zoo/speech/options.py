"""What the speech models declare alike: their column, their common parameters, their record."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from zoo.data.channels import Channels, Mixed
from zoo.errors import BadParameter
from zoo.serving.declaration import Column, Options
from zoo.speech.vad import SURE

WarningCode = Literal[
    "no_speech", "opposite_phase", "one_channel", "channels_left_out", "fewer_speakers"
]
WARNINGS = (
    "`no_speech`: no speech was found. `opposite_phase`: the two channels had opposite phase, and "
    "one was inverted. `one_channel`: `channels` is `separate`, and there is only one. "
    "`channels_left_out`: some are silent or identical; `channels` of the answer says which. "
    "`fewer_speakers`: fewer people were heard than `speakers` or `min_speakers` says."
)
NO_SPEECH, ONE_CHANNEL, CHANNELS_LEFT_OUT = "no_speech", "one_channel", "channels_left_out"
FEWER_SPEAKERS = "fewer_speakers"
OFF, AUTO, SEPARATE = "off", "auto", "separate"
MAX_SPEAKERS = 50
MAX_VOICES_CHARACTERS = 2_000_000  # 600 voices of 256 numbers
AUDIO = Column("audio", "file", "A recording: any file that FFmpeg reads.")


class SoundOptions(Options):
    """The parameters of every model that hears recordings."""

    channels: Mixed = Field(
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
    channels: Channels = Field(  # type: ignore[assignment]
        "mix",
        description="`left` and `right` take one of two channels. `mix` is their mean; where they "
        "have opposite phase, it inverts the second first. More than two are mixed. `separate` "
        "transcribes each apart, as for a call that has a channel for each side.",
    )
    speakers: str = Field(
        OFF,
        description="Say who speaks: `auto` finds out how many people there are; a number, as the "
        'text `"2"`, says it; `off` doesn\'t ask. With `channels` `separate`: in each channel.',
    )
    min_speakers: int = Field(
        1, ge=1, le=MAX_SPEAKERS, description="With `speakers` `auto`: the fewest people."
    )
    max_speakers: int = Field(
        20, ge=1, le=MAX_SPEAKERS, description="With `speakers` `auto`: the most people."
    )
    voices: str = Field(
        "",
        max_length=MAX_VOICES_CHARACTERS,
        description="With `speakers`: enrolled voices, from which speakers get their names; the "
        "content of `voices.json`, which `enroll.py` writes. They add to the packed ones.",
    )
    return_voices: bool = Field(
        False,
        description="With `speakers`: answer `voices` too, the speakers' own voices in the form "
        "that the parameter `voices` takes. With a name in the place of `S1`, a later recording "
        "of that person has it.",
    )

    @field_validator("speakers", mode="before")
    @classmethod
    def _written(cls, value: object) -> object:
        """Take a number as well as its text."""
        number = isinstance(value, int) and not isinstance(value, bool)
        return str(value) if number else value

    @field_validator("speakers")
    @classmethod
    def _known(cls, value: str) -> str:
        counted = value.isascii() and value.isdigit() and 1 <= int(value[:4]) <= MAX_SPEAKERS
        if value not in (OFF, AUTO) and not counted:
            raise ValueError(f"should be off, auto, or a number from 1 to {MAX_SPEAKERS}")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "SpeechOptions":
        if self.min_speakers > self.max_speakers:
            raise BadParameter("min_speakers", "is more than 'max_speakers'")
        return self

    @property
    def number_of_speakers(self) -> int | None:
        """How many people speak; None where that is to be found out."""
        return int(self.speakers) if self.speakers.isdigit() else None


class Word(BaseModel):
    """A word of a segment. Times in seconds."""

    model_config = ConfigDict(extra="forbid")
    text: str
    start: float
    end: float
    probability: float
    speaker: str | None = Field(None, description="With `speakers`.")


class Segment(BaseModel):
    """A stretch of speech. Times in seconds."""

    model_config = ConfigDict(extra="forbid")
    id: int
    start: float
    end: float
    text: str
    words: list[Word] | None = Field(None, description="With `word_timestamps`.")
    speaker: str | None = Field(None, description="With `speakers`: S1 is who speaks first.")
    channel: int | None = Field(None, description="With `channels` `separate`: from 1.")
    overlap: bool | None = Field(
        None, description="With `channels` `separate`: somebody speaks in another channel, too."
    )


class Unrecognized(BaseModel):
    """A part of a recording. Times in seconds."""

    model_config = ConfigDict(extra="forbid")
    start: float
    end: float


class Speaker(BaseModel):
    """A person who speaks."""

    model_config = ConfigDict(extra="forbid")
    speaker: str = Field(description="As in the segments.")
    seconds: float = Field(description="For how long.")
    name: str | None = Field(
        None, description="Of the enrolled voice; left out if it is near none."
    )
    similarity: float | None = Field(None, description="To the enrolled voice, as a cosine.")
    channel: int | None = Field(None, description="With `channels` `separate`: from 1.")


class SpokenTurn(BaseModel):
    """A stretch in which one person speaks, by the sound alone. Times in seconds."""

    model_config = ConfigDict(extra="forbid")
    start: float
    end: float
    speaker: str
    channel: int | None = Field(None, description="With `channels` `separate`: from 1.")


class HeardChannel(BaseModel):
    """A channel of a recording."""

    model_config = ConfigDict(extra="forbid")
    channel: int = Field(description="From 1.")
    left_out: Literal["silent", "identical"] | None = Field(
        None, description="Why it has no text of its own; left out if it has."
    )


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
    speakers: list[Speaker] | None = Field(
        None, description="With `speakers`: who speaks, in the order in which they begin."
    )
    turns: list[SpokenTurn] | None = Field(
        None, description="With `speakers`: who speaks when, in order."
    )
    voices: str | None = Field(None, description="With `return_voices`: JSON.")
    channels: list[HeardChannel] | None = Field(None, description="With `channels` `separate`.")
