"""What a speech model answers for one recording: the same shape for every one of them."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Word:
    """A word; in a language without spaces, a character. Times in seconds."""

    text: str
    start: float
    end: float
    probability: float


@dataclass
class Segment:
    """A stretch of speech. Times in seconds; `scores` has what a model adds of its own.

    `language` is that of this segment, where a recording may have several.
    """

    start: float
    end: float
    text: str
    words: list[Word] | None = None
    scores: dict[str, float] = field(default_factory=dict)
    language: str | None = None
    language_probability: float | None = None


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
    """

    language: str
    duration: float
    segments: list[Segment]
    warnings: list[str] = field(default_factory=list)
    unrecognized: list[tuple[float, float]] = field(default_factory=list)
    scores: dict[str, float | None] = field(default_factory=dict)

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
            "segments": [
                {
                    "id": number,
                    "start": round(segment.start, 3),
                    "end": round(segment.end, 3),
                    "text": segment.text.strip(),
                    **_words(segment),
                    **{name: _rounded(score) for name, score in segment.scores.items()},
                    **_language(segment),
                }
                for number, segment in enumerate(self.segments)
            ],
        }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


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
            }
            for word in segment.words
        ]
    }
