"""What a speech model answers for one recording: the same shape for every one of them."""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.speech.voices import Gallery


@dataclass
class Word:
    """A word; in a language without spaces, a character. Times in seconds."""

    text: str
    start: float
    end: float
    probability: float
    speaker: str | None = None


@dataclass
class Segment:
    """A stretch of speech. Times in seconds; `scores` has what a model adds of its own.

    `language` is that of this segment, where a recording may have several. `speaker` says it, or
    `channel` has it, where that was asked for; in an `overlap` somebody else speaks, too.
    """

    start: float
    end: float
    text: str
    words: list[Word] | None = None
    scores: dict[str, float] = field(default_factory=dict)
    language: str | None = None
    language_probability: float | None = None
    speaker: str | None = None
    channel: int | None = None
    overlap: bool | None = None

    def spoken_by(self, speaker: str) -> "Segment":
        """Give the segment, and its words, a speaker."""
        words = self.words and [replace(word, speaker=speaker) for word in self.words]
        return replace(self, words=words, speaker=speaker)

    def record(self, number: int) -> dict[str, Any]:
        """Give the segment of the answer to a row, in JSON's types; `number` counts from 0."""
        return {
            "id": number,
            "start": round(self.start, 3),
            "end": round(self.end, 3),
            "text": self.text.strip(),
            **_words(self),
            **{name: _rounded(score) for name, score in self.scores.items()},
            **_language(self),
            **_given(speaker=self.speaker, channel=self.channel),
            **_given(overlap=self.overlap),
        }


@dataclass
class SpokenTurn:
    """A stretch in which one person speaks, as it is heard. Times in seconds."""

    start: float
    end: float
    speaker: str
    channel: int | None = None


@dataclass
class Speaker:
    """A person who speaks: for how many seconds, and who it is, if the voice is enrolled."""

    speaker: str
    seconds: float
    name: str | None = None
    similarity: float | None = None
    channel: int | None = None


@dataclass
class HeardChannel:
    """A channel of a recording, from 1; `left_out` says why it has no text, if it has none."""

    channel: int
    left_out: str | None = None


@dataclass
class Transcript:
    """A recording's text.

    Attributes:
        language: A code such as `zh`.
        duration: Seconds.
        segments: In order.
        warnings: Codes of what a user should know of the recording.
        unrecognized: From and to, in seconds: speech without text.
        scores: What a model adds of its own.
        speakers: Who speaks, in the order in which they begin; None if that wasn't asked for.
        turns: Who speaks when, in order; None likewise.
        voices: Of the speakers, by their labels; None likewise.
        channels: Those of a recording whose channels are heard apart.
    """

    language: str
    duration: float
    segments: list[Segment]
    warnings: list[str] = field(default_factory=list)
    unrecognized: list[tuple[float, float]] = field(default_factory=list)
    scores: dict[str, float | None] = field(default_factory=dict)
    speakers: list[Speaker] | None = None
    turns: list[SpokenTurn] | None = None
    voices: "Gallery | None" = None
    channels: list[HeardChannel] | None = None

    @property
    def text(self) -> str:
        """All segments' text; each segment brings the space before it."""
        return "".join(segment.text for segment in self.segments).strip()

    def record(self) -> dict[str, Any]:
        """Give the answer to one row, in JSON's types."""
        return {
            "text": self.text,
            "language": self.language,
            **{name: _rounded(score) for name, score in self.scores.items()},
            "duration": round(self.duration, 3),
            "warnings": self.warnings,
            "unrecognized": [
                {"start": round(start, 3), "end": round(end, 3)} for start, end in self.unrecognized
            ],
            "segments": [one.record(number) for number, one in enumerate(self.segments)],
            **self._attribution(),
        }

    def _attribution(self) -> dict[str, Any]:
        """Give who speaks when, and the channels, where they were asked for."""
        found: dict[str, Any] = {}
        if self.speakers is not None:
            found["speakers"] = [
                {
                    "speaker": one.speaker,
                    "seconds": round(one.seconds, 3),
                    **_given(name=one.name, similarity=_rounded(one.similarity)),
                    **_given(channel=one.channel),
                }
                for one in self.speakers
            ]
        if self.turns is not None:
            found["turns"] = [
                {
                    "start": round(one.start, 3),
                    "end": round(one.end, 3),
                    "speaker": one.speaker,
                    **_given(channel=one.channel),
                }
                for one in self.turns
            ]
        if self.voices is not None:
            found["voices"] = self.voices.text()
        if self.channels is not None:
            found["channels"] = [
                {"channel": one.channel, **_given(left_out=one.left_out)} for one in self.channels
            ]
        return found


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def _given(**fields: Any) -> dict[str, Any]:
    """Leave out the fields that have no value."""
    return {name: value for name, value in fields.items() if value is not None}


def _language(segment: Segment) -> dict[str, Any]:
    if segment.language is None:
        return {}
    return {
        "language": segment.language,
        "language_probability": _rounded(segment.language_probability),
    }


def _words(segment: Segment) -> dict[str, Any]:
    if segment.words is None:
        return {}
    return {
        "words": [
            {
                "text": word.text.strip(),
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "probability": round(word.probability, 4),
                **_given(speaker=word.speaker),
            }
            for word in segment.words
        ]
    }
