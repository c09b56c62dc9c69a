"""What recognizers of speech share: recordings of a request to windows, to batches, and back.

Speech is found first and cut into windows, which are decoded in batches: those of one long
recording, or of all the recordings of a request.
"""

import contextvars
import itertools
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from zoo.data.audio import SAMPLE_RATE, decode_blocks
from zoo.errors import BadInput, Cancelled
from zoo.serving import runner
from zoo.speech.denoise import denoised
from zoo.speech.transcript import Segment, Transcript
from zoo.speech.windows import Span, Window

BLOCK = 600.0  # seconds of a recording that are in memory at a time
OUT_OF_MEMORY = ("out of memory", "failed to allocate memory", "cublas_status_alloc_failed")
Source = bytes | Path | np.ndarray
Result = TypeVar("Result")
log = logging.getLogger("theresa.transcriber")


class Asked(Protocol):
    """What every recognizer's options have."""

    @property
    def language(self) -> str | None:
        """A code, or None where it is to be heard."""

    @property
    def vad(self) -> bool:
        """Find the speech first."""

    @property
    def denoise(self) -> bool:
        """Reduce steady noise first."""

    @property
    def batch_size(self) -> int:
        """Windows that are decoded together."""


Options = TypeVar("Options", bound=Asked)


class Transcriber(ABC, Generic[Options]):
    """Transcribes; one object serves any number of threads.

    Args:
        threads: How many batches are decoded at once.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool = ThreadPoolExecutor(threads, "decoder")

    @abstractmethod
    def windows(self, blocks: Iterator[np.ndarray], options: Options) -> Iterator[Window]:
        """The speech of a recording, which comes block by block."""

    @abstractmethod
    def hear_language(self, sound: np.ndarray) -> str:
        """The language of a window's speech."""

    @abstractmethod
    def decode(self, windows: list[Window], language: str, options: Options) -> list[list[Segment]]:
        """The segments of each window, with the recording's times."""

    @abstractmethod
    def decode_whole(self, recording: "Recording", options: Options) -> Iterator[Segment]:
        """The segments of a recording whose speech isn't to be found first; sets its language."""

    def polished(self, segments: list[Segment], language: str, options: Options) -> list[Segment]:  # noqa: ARG002
        """The segments as they are answered."""
        return segments

    def __call__(self, sources: Sequence[Source], options: Options) -> list[Transcript | Exception]:
        """Transcribes recordings.

        Args:
            sources: Each a file's content or its path, or samples of `zoo.data.audio.decode`.
            options: For all of them.

        Returns:
            A transcript for each, in order, or what is wrong with it: a `BadInput`.
        """
        recordings = [Recording(source, options.language) for source in sources]
        if options.vad:
            self._in_batches(recordings, options)
        else:
            for recording in recordings:
                recording.attempt(self._submit(self._in_sequence, recording, options).result)
        return [self._outcome(recording, options) for recording in recordings]

    def _in_batches(self, recordings: "list[Recording]", options: Options) -> None:
        """Decodes the speech of all recordings; no more batches ahead than there are threads."""
        waiting: deque[Future[None]] = deque()
        for batch in _batches(self._speech(recordings, options), options.batch_size):
            if len(waiting) == self.threads:  # the next one waits its turn among other requests'
                waiting.popleft().result()
            runner.stop_if_cancelled()
            waiting.append(self._submit(self._decode, batch, options))
        for future in waiting:
            future.result()

    def _submit(self, work: Callable[..., None], *arguments: Any) -> Future[None]:
        """Has work done on the decoder's threads, unless the request is cancelled before."""

        def begin() -> None:
            runner.queued(-1)
            runner.stop_if_cancelled()
            work(*arguments)

        runner.queued(1)
        return self._pool.submit(contextvars.copy_context().run, begin)

    def _speech(
        self, recordings: "list[Recording]", options: Options
    ) -> "Iterator[tuple[Recording, Window]]":
        """The windows of one recording after the other; a bad one has none, but its failure."""
        for recording in recordings:
            windows = self.windows(recording.blocks(options.denoise), options)
            while window := recording.attempt(next, windows, None):
                if recording.language is None:
                    recording.language = self.hear_language(window.sound)
                yield recording, window

    def _decode(self, batch: "list[tuple[Recording, Window]]", options: Options) -> None:
        start = time.perf_counter()
        windows = [window for _, window in batch]
        try:
            found = self.decode(windows, str(batch[0][0].language), options)
        except Cancelled:
            raise
        except Exception as error:  # of these recordings alone
            if len(batch) == 1 or not is_out_of_memory(error):
                for recording, _ in batch:
                    recording.failure = error
                return
            found = None
        if found is None:  # only here, where the error holds none of that memory any more
            log.warning("No memory for %d windows at once; taking half as many.", len(batch))
            half = len(batch) // 2
            self._decode(batch[:half], options)
            self._decode(batch[half:], options)
            return
        for (recording, window), segments in zip(batch, found, strict=True):
            recording.segments[window.spans[0]] = segments
            if len(recording.segments) > 1:
                place = window.spans[-1][1] / SAMPLE_RATE
                log.info("Transcribed up to %.0f s of %.0f s so far.", place, recording.seconds)
        runner.computed(len(batch), time.perf_counter() - start)

    def _in_sequence(self, recording: "Recording", options: Options) -> None:
        start = time.perf_counter()
        for place, one in enumerate(self.decode_whole(recording, options)):
            recording.segments[place, place] = [one]
            log.info("Transcribed up to %.0f s of %.0f s so far.", one.end, recording.seconds)
            runner.stop_if_cancelled()
        runner.computed(1, time.perf_counter() - start)

    def _outcome(self, recording: "Recording", options: Options) -> Transcript | Exception:
        """The transcript, or what is wrong with the recording."""
        if recording.failure is not None:
            return recording.failure
        language = recording.language or ""
        in_order = [
            _until(recording.seconds, one)
            for place in sorted(recording.segments)
            for one in recording.segments[place]
        ]
        segments = self.polished(in_order, language, options)
        return Transcript(language, recording.seconds, segments)


class Recording:
    """What is known so far of one recording of a request."""

    def __init__(self, source: Source, language: str | None) -> None:
        self.source, self.language = source, language
        self.seconds = 0.0
        self.segments: dict[Span, list[Segment]] = {}  # by the place of their window
        self.failure: Exception | None = None

    def blocks(self, denoise: bool) -> Iterator[np.ndarray]:
        """Its samples, block by block; counts the seconds."""
        source = self.source
        for block in [source] if isinstance(source, np.ndarray) else decode_blocks(source, BLOCK):
            runner.stop_if_cancelled()
            self.seconds += len(block) / SAMPLE_RATE
            yield denoised(block) if denoise else block

    def attempt(self, step: Callable[..., Result], *arguments: Any) -> Result | None:
        """Takes a step that the recording's content may make impossible."""
        try:
            return step(*arguments)
        except BadInput as error:
            self.failure = error
            return None


def is_out_of_memory(error: Exception) -> bool:
    """Whether a batch was too large for the memory, most of all a GPU's.

    CTranslate2 and ONNX Runtime have no class of their own for it, but these words.
    """
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in OUT_OF_MEMORY)


def _batches(
    windows: Iterator[tuple[Recording, Window]], size: int
) -> Iterator[list[tuple[Recording, Window]]]:
    """Batches of windows in one language."""
    for _, group in itertools.groupby(windows, key=lambda pair: pair[0].language):
        while batch := list(itertools.islice(group, size)):
            yield batch


def _until(seconds: float, one: Segment) -> Segment:
    """A segment that doesn't outlast its recording."""
    words = one.words
    if words is not None:
        words = [
            replace(word, start=min(word.start, seconds), end=min(word.end, seconds))
            for word in words
        ]
    return replace(one, start=min(one.start, seconds), end=min(one.end, seconds), words=words)
