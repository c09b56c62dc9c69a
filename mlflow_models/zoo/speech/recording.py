"""A recording of a request, and the windows of it that are decoded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from zoo.data.audio import SAMPLE_RATE, decode_blocks
from zoo.data.channels import Mixed
from zoo.errors import BadInput
from zoo.serving import runner
from zoo.speech.denoise import denoised
from zoo.speech.options import SoundOptions
from zoo.speech.turns import Heard
from zoo.speech.vad import Span
from zoo.speech.windows import Window

BLOCK_SECONDS = 600.0  # of a recording that are in memory at once

Asked = TypeVar("Asked", bound=SoundOptions)
Found = TypeVar("Found")
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
        found: What was found in each window, by the window's first span.
        spans: Where speech was found, in order.
        heard: The voices in each window, by the window's first span, where they were asked for.
        warnings: Codes of what a user should know of the sound.
        language_probability: How likely the language is that was detected.
    """

    def __init__(self, source: Source, language: str | None, channels: Mixed = "mix") -> None:
        self.source, self.language, self.channels = source, language, channels
        self.language_probability: float | None = None
        self.seconds = 0.0
        self.spans: list[Span] = []
        self.warnings: list[str] = []
        self.found: dict[Span, Found] = {}
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
    """A window to decode; without a window, a whole recording."""

    recording: Recording[Found]
    window: Window | None
    options: Asked

    @property
    def language(self) -> str | None:
        """The language of the window, or of the recording."""
        return (self.window and self.window.language) or self.recording.language
