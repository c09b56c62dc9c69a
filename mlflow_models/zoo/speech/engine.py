"""What speech engines share: the way from recordings to windows, to batches, and back.

Speech is found first and cut into windows. The windows are decoded in batches; one batch may have
the windows of several recordings of a request.
"""

import itertools
import logging
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Generic, TypeVar

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.serving import runner
from zoo.serving.pending import Pending
from zoo.serving.runner import Runner
from zoo.speech import apart
from zoo.speech.level import raised
from zoo.speech.options import NO_SPEECH, SEPARATE, SpeechOptions
from zoo.speech.recording import Asked, Found, Recording, Source, WindowJob
from zoo.speech.speakers import Speakers
from zoo.speech.transcript import Segment, Transcript
from zoo.speech.windows import Window, without_text

MAX_BATCH_WINDOWS = 1_000_000  # so much more than any `batch_size` that a share is exact
Spoken = TypeVar("Spoken", bound=SpeechOptions)
Result = TypeVar("Result")
log = logging.getLogger("theresa.speech")


class SoundEngine(ABC, Generic[Asked, Found, Result]):
    """Hears recordings; one object serves any number of threads.

    Args:
        threads: How many batches are computed at once.
        joins: Whether windows of several requests are computed together, where they wait.
        wait_seconds: How long a batch waits at most for such windows.

    Attributes:
        options: The parameters, as this checkpoint has them.
        languages: Codes of the languages that it knows.
    """

    options: type[Asked]
    languages: tuple[str, ...]

    def __init__(self, threads: int, joins: bool = False, wait_seconds: float = 0.0) -> None:
        self._runner: Runner[WindowJob[Asked, Found], Found] = Runner(
            self._run, self._share, MAX_BATCH_WINDOWS, self._kind, threads, joins, wait_seconds
        )

    @property
    def threads(self) -> int:
        """How many batches are computed at once."""
        return self._runner.threads

    @abstractmethod
    def windows(self, blocks: Iterator[np.ndarray], options: Asked) -> Iterator[Window]:
        """Find the speech of a recording.

        Args:
            blocks: The recording, block by block, each float32 (samples,) at 16 kHz.
            options: The request's.
        """

    @abstractmethod
    def decode(self, windows: list[Window], language: str, options: Asked) -> list[Found]:
        """Tell what is in each window."""

    @abstractmethod
    def result(self, recording: Recording[Found], options: Asked) -> Result:
        """Put together what was found in a recording."""

    def check(self, options: Asked) -> None:
        """Raise `BadParameter` where this checkpoint can't do what the options ask for."""

    def denoises(self, options: Asked) -> bool:  # noqa: ARG002
        """Tell whether noise is reduced first."""
        return False

    def language_of(self, options: Asked) -> str | None:  # noqa: ARG002
        """Give the language of the speech; None if it must be detected."""
        return self.languages[0]

    def batch_size(self, options: Asked) -> int:  # noqa: ARG002
        """Give how many windows are computed together."""
        return 1

    def __call__(self, items: Sequence[Source], options: Asked) -> list[Result | Exception]:
        """Hear recordings.

        Args:
            items: For each recording a file's content, its path, or float32 (samples,) at 16 kHz.
            options: For all of them.

        Returns:
            For each recording, in order, a result, or the `BadInput` that says what is wrong.

        Raises:
            BadParameter: The checkpoint can't do what the options ask for.
        """
        self.check(options)
        recordings: list[Recording[Found]] = [
            Recording(item, self.language_of(options), options.channels) for item in items
        ]
        waiting: deque[
            tuple[list[WindowJob[Asked, Found]], Pending[WindowJob[Asked, Found], Found]]
        ] = deque()
        for batch in self._batches(recordings, options):
            if len(waiting) == self.threads:  # the next one waits its turn among other requests'
                _collect(*waiting.popleft())
            runner.stop_if_cancelled()
            waiting.append((batch, self._runner.submit(batch)))
        for batch, pending in waiting:
            _collect(batch, pending)
        return [one.failure or self.result(one, options) for one in recordings]

    def _batches(
        self, recordings: list[Recording[Found]], options: Asked
    ) -> Iterator[list[WindowJob[Asked, Found]]]:
        """Yield batches of windows as they are found; a batch has one language."""
        jobs = (
            WindowJob(recording, window, options)
            for recording, window in self._speech(recordings, options)
        )
        for _, group in itertools.groupby(jobs, key=lambda job: job.language):
            while batch := list(itertools.islice(group, self.batch_size(options))):
                yield batch

    def _speech(
        self, recordings: list[Recording[Found]], options: Asked
    ) -> Iterator[tuple[Recording[Found], Window]]:
        """Yield the windows of all recordings; of a bad recording, keep the error."""
        for recording in recordings:
            windows = self.windows(recording.blocks(self.denoises(options)), options)
            while window := recording.attempt(next, windows, None):
                recording.spans += window.spans
                yield recording, window

    def _run(self, batch: list[WindowJob[Asked, Found]]) -> list[Found]:
        """Decode a batch, on one of the engine's threads."""
        windows = [job.window for job in batch if job.window is not None]
        return self.decode(windows, str(batch[0].language), batch[0].options)

    def _share(self, job: WindowJob[Asked, Found]) -> int:
        """Give a window's share of a batch; a whole recording fills one."""
        return MAX_BATCH_WINDOWS // (self.batch_size(job.options) if job.window else 1)

    def _kind(self, job: WindowJob[Asked, Found]) -> Hashable:
        """Tell which windows may be computed together."""
        return job.language, job.options


class SpeechEngine(SoundEngine[Spoken, list[Segment], Transcript]):
    """Turns speech into text.

    Attributes:
        speakers: Tells who says what, where the model has a network for that.
    """

    speakers = Speakers()

    @abstractmethod
    def segments(self, recording: Recording[list[Segment]], options: Spoken) -> Iterator[Segment]:
        """Yield the segments of a whole recording, and set its language."""

    @abstractmethod
    def detect_language(self, sound: np.ndarray, options: Spoken) -> tuple[str, float]:
        """Detect the language of a window's speech, float32 (samples,) at 16 kHz.

        Returns:
            Its code and its probability.
        """

    def listen(self, recording: Recording[list[Segment]], window: Window, options: Spoken) -> None:
        """Detect the language of a recording by its first window of speech."""
        if recording.language is None:
            found = self.detect_language(window.sound, options)
            recording.language, recording.language_probability = found

    def polished(
        self,
        segments: list[Segment],
        recording: Recording[list[Segment]],  # noqa: ARG002
        options: Spoken,  # noqa: ARG002
    ) -> list[Segment]:
        """Give the segments as they are answered."""
        return segments

    def __call__(self, items: Sequence[Source], options: Spoken) -> list[Transcript | Exception]:
        self.speakers.check(options)
        if options.channels != SEPARATE:
            return super().__call__(items, options)
        recordings = [apart.Split(item) for item in items]
        channels = [channel for one in recordings for channel in one.sources]
        heard = iter(super().__call__(channels, options))
        return [one.merged(heard) for one in recordings]

    def hear(self, sound: np.ndarray, options: Spoken) -> Transcript:
        """Transcribe one window of sound, without looking for the speech in it.

        Args:
            sound: float32 (samples,) at 16 kHz, 30 s at most.
            options: For it.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        recording: Recording[list[Segment]] = Recording(sound, self.language_of(options))
        recording.seconds = len(sound) / SAMPLE_RATE
        window = Window(raised(sound), [(0, len(sound))])
        recording.spans += window.spans
        self.listen(recording, window, options)
        job = WindowJob(recording, window, options)
        _collect([job], self._runner.submit([job]))
        if recording.failure is not None:
            raise recording.failure
        return self.result(recording, options)

    def denoises(self, options: Spoken) -> bool:
        return options.denoise

    def _batches(
        self, recordings: list[Recording[list[Segment]]], options: Spoken
    ) -> Iterator[list[WindowJob[Spoken, list[Segment]]]]:
        if options.vad:
            yield from super()._batches(recordings, options)
        else:
            yield from ([WindowJob(recording, None, options)] for recording in recordings)

    def _speech(
        self, recordings: list[Recording[list[Segment]]], options: Spoken
    ) -> Iterator[tuple[Recording[list[Segment]], Window]]:
        for recording, window in super()._speech(recordings, options):
            self.listen(recording, window, options)
            yield recording, window

    def _run(self, batch: list[WindowJob[Spoken, list[Segment]]]) -> list[list[Segment]]:
        if batch[0].window is None:
            return [self._whole(job.recording, job.options) for job in batch]
        windows = [job.window for job in batch if job.window is not None]
        voices = self.speakers.hear(windows, batch[0].options)
        for job, window, heard in zip(batch, windows, voices, strict=True):
            job.recording.heard[window.spans[0]] = heard
        return super()._run(batch)

    def _whole(self, recording: Recording[list[Segment]], options: Spoken) -> list[Segment]:
        """Transcribe a recording without looking for its speech first."""
        found = []
        for one in self.segments(recording, options):
            found.append(one)
            log.info("Transcribed up to %.0f s of %.0f s so far.", one.end, recording.seconds)
            runner.stop_if_cancelled()
        return found

    def result(self, recording: Recording[list[Segment]], options: Spoken) -> Transcript:
        language = recording.language or ""
        in_order = [
            _until(recording.seconds, one)
            for place in sorted(recording.found)
            for one in recording.found[place]
        ]
        segments = self.polished(in_order, recording, options)
        found = Transcript(
            language,
            recording.seconds,
            segments,
            recording.warnings + [NO_SPEECH] * (options.vad and not recording.spans),
            [
                (start / SAMPLE_RATE, end / SAMPLE_RATE)
                for start, end in without_text(recording.spans, segments)
            ],
        )
        return self.speakers.tell(found, recording.voices, options)


def threads_per_batch() -> int:
    """Give how many threads compute one batch: `OMP_NUM_THREADS`, or 1."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(given)) if given.isdigit() else 1


def _collect(
    batch: list[WindowJob[Asked, Found]], pending: Pending[WindowJob[Asked, Found], Found]
) -> None:
    """Wait for a batch, and give each recording its result or its error."""
    for job, found in zip(batch, pending.results(), strict=True):
        recording, window = job.recording, job.window
        if isinstance(found, Exception):
            recording.failure = found
            continue
        recording.found[window.spans[0] if window else (0, 0)] = found
        if window and len(recording.found) > 1:
            place = window.spans[-1][1] / SAMPLE_RATE
            log.info("Heard up to %.0f s of %.0f s so far.", place, recording.seconds)


def _until(seconds: float, one: Segment) -> Segment:
    """Cut a segment's times at the end of the recording."""
    words = one.words
    if words is not None:
        words = [
            replace(word, start=min(word.start, seconds), end=min(word.end, seconds))
            for word in words
        ]
    return replace(one, start=min(one.start, seconds), end=min(one.end, seconds), words=words)
