"""What the speech models answer, typed; and what every answer is."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """An answer or a part of one; fields that a model adds are kept."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Answer(Part):
    """A row's answer.

    Attributes:
        error: why the row couldn't be answered, in one sentence; only where errors are reported.
    """

    error: str | None = None


class Word(Part):
    """A word of a segment. Times in seconds; `probability` is the recognizer's own, 0 to 1."""

    text: str
    start: float
    end: float
    probability: float | None = None
    speaker: str | None = None


class Segment(Part):
    """A stretch of speech. Times in seconds.

    Attributes:
        confidence: mean probability of its characters, where the model says so (CTC).
        avg_logprob: mean log-probability of its tokens, where the model says so (Whisper).
        words: with `word_timestamps`.
        speaker: who says it, such as `S1`; with `speakers`.
        channel: from 1; where channels are heard apart.
        overlap: whether somebody else speaks at the same time.
    """

    id: int = 0
    start: float
    end: float
    text: str
    confidence: float | None = None
    avg_logprob: float | None = None
    words: list[Word] | None = None
    speaker: str | None = None
    channel: int | None = None
    overlap: bool | None = None


class Speaker(Part):
    """Somebody who speaks, for so many seconds.

    Attributes:
        speaker: as segments and turns have it, such as `S1`.
        name: of the enrolled voice, or as a person has it; None: nobody knows.
        channel: from 1; where channels are heard apart.
    """

    speaker: str
    seconds: float = 0.0
    name: str | None = None
    channel: int | None = None


class SpokenTurn(Part):
    """A stretch in which one person speaks. Times in seconds."""

    start: float
    end: float
    speaker: str
    channel: int | None = None


class Transcript(Answer):
    """A recording's text. `duration` in seconds.

    Attributes:
        speakers: who speaks, in the order in which they begin; None: nobody asked.
        turns: who speaks when, in order; None likewise.
        voices: the speakers' voices, as the parameter `voices` takes them; with `return_voices`.
    """

    text: str = ""
    language: str | None = None
    duration: float = 0.0
    segments: list[Segment] = []
    speakers: list[Speaker] | None = None
    turns: list[SpokenTurn] | None = None
    voices: str | None = None
