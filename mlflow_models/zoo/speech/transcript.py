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
    """A stretch of speech. Times in seconds; `scores` has what a model adds of its own."""

    start: float
    end: float
    text: str
    words: list[Word] | None = None
    scores: dict[str, float] = field(default_factory=dict)


@dataclass
class Transcript:
    """A recording's text.

    Attributes:
        language: A code such as `zh`.
        duration: Seconds.
        segments: In order.
        warnings: Codes of what a user should know of the recording.
    """

    language: str
    duration: float
    segments: list[Segment]
    warnings: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All segments' text; each segment brings the space before it."""
        return "".join(segment.text for segment in self.segments).strip()

    def record(self) -> dict[str, Any]:
        """Give the answer to one row, in JSON's types."""
        return {
            "text": self.text,
            "language": self.language,
            "duration": round(self.duration, 3),
            "warnings": self.warnings,
            "segments": [
                {
                    "id": number,
                    "start": round(segment.start, 3),
                    "end": round(segment.end, 3),
                    "text": segment.text.strip(),
                    **_words(segment),
                    **{name: round(score, 4) for name, score in segment.scores.items()},
                }
                for number, segment in enumerate(self.segments)
            ],
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
