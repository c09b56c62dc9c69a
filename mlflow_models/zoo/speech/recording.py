"""A recording of a request, and the windows of it that are decoded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from zoo.data.audio import SAMPLE_RATE, decode_blocks, duration
from zoo.data.channels import Mixed
from zoo.errors import BadInput
from zoo.serving import runner
from zoo.speech.denoise import denoised
from zoo.speech.options import SoundOptions
from zoo.speech.transcript import Segment
from zoo.speech.turns import Heard
from zoo.speech.vad import Span
from zoo.speech.windows import Window

BLOCK_SECONDS = 600.0  # of a recording that are in memory at once

Asked = TypeVar("Asked", bound=SoundOptions)
Found = TypeVar("Found")
Polisher = Callable[[list[Segment]], list[Segment]]
"""Gives a recording's next segments as they are answered; it knows the ones before."""
Value = TypeVar("Value")


@dataclass(frozen=True)
class OneChannel:
    """A channel of a file, from 0."""

    file: bytes | Path
    number: int


Source = bytes | Path | np.ndarray | OneChannel


class Recording(Generic[Found]):
    """What is known so far of one recording of a request.

    Attributes:
        seconds: How long it is, as far as it is read.
        reached: Up to which second it is heard.
        found: What was found in each window, in order.
        segments: Of speech, as they are answered, in order.
        polish: Makes these of the segments that were found; None before the first.
        rest: Segments that are still to be found, where a recording isn't cut into windows.
        complete: Whether there are none.
        spans: Where speech was found, in order.
        heard: The voices in each window, by the window's first span, where they were asked for.
        warnings: Codes of what a user should know of the sound.
        language_probability: How likely the language is that was detected.
    """

    def __init__(self, source: Source, language: str | None, channels: Mixed = "mix") -> None:
        self.source, self.language, self.channels = source, language, channels
        self.language_probability: float | None = None
        self.seconds = self.reached = 0.0
        self.spans: list[Span] = []
        self.warnings: list[str] = []
        self.found: list[Found] = []
        self.segments: list[Segment] = []
        self.polish: Polisher | None = None
        self.rest: Iterator[Segment] | None = None
        self.complete = False
        self.heard: dict[Span, list[Heard]] = {}
        self.failure: Exception | None = None

    def blocks(self, denoise: bool) -> Iterator[np.ndarray]:
        """Yield the samples block by block, float32 (samples,) at 16 kHz; count the seconds."""
        source = self.source
        channels: Mixed | int = self.channels
        if isinstance(source, OneChannel):
            channels, source = source.number, source.file
        self.seconds = 0.0
        blocks: Iterable[np.ndarray] = (
            [source]
            if isinstance(source, np.ndarray)
            else decode_blocks(source, BLOCK_SECONDS, channels, self.warnings)
        )
        for block in blocks:
            runner.stop_if_cancelled()
            self.seconds += len(block) / SAMPLE_RATE
            yield denoised(block) if denoise else block

    @property
    def voices(self) -> list[Heard]:
        """The voices in all windows, in the order of time."""
        return [one for place in sorted(self.heard) for one in self.heard[place]]

    def attempt(self, step: Callable[..., Value], *arguments: Any) -> Value | None:
        """Take a step; if the recording's content makes it impossible, keep the error instead."""
        try:
            return step(*arguments)
        except BadInput as error:
            self.failure = error
            return None


@dataclass(frozen=True)
class WindowJob(Generic[Asked, Found]):
    """A window to decode; without a window, the next part of a recording that isn't cut."""

    recording: Recording[Found]
    window: Window | None
    options: Asked

    @property
    def language(self) -> str | None:
        """The language of the window, or of the recording."""
        return (self.window and self.window.language) or self.recording.language

    @property
    def end(self) -> float:
        """When the window ends, in seconds of the recording; without a window, 0."""
        return self.window.spans[-1][1] / SAMPLE_RATE if self.window else 0.0

    def follows(self, other: "WindowJob[Asked, Found]") -> bool:
        """Tell whether it can't begin before the other is done."""
        return self.window is None and self.recording is other.recording


def seconds_of(source: Source) -> float | None:
    """Give how long a recording lasts, as far as that is known before it is decoded."""
    if isinstance(source, np.ndarray):
        return len(source) / SAMPLE_RATE
    return duration(source.file if isinstance(source, OneChannel) else source)
