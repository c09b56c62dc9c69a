"""What engines that hear sound share: the way from recordings to windows, to batches, and back.

Speech is found first and cut into windows. The windows are decoded in batches; one batch may have
the windows of several recordings of a request. Results are collected in the order of time, so that
a long recording's answer can flow (`SoundEngine.stream`).
"""

import itertools
import logging
import os
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from zoo.serving import runner
from zoo.serving.pending import Pending
from zoo.serving.runner import Runner
from zoo.speech.recording import Asked, Found, Recording, Source, WindowJob, seconds_of
from zoo.speech.transcript import Segment
from zoo.speech.windows import Window

MAX_BATCH_WINDOWS = 1_000_000  # so much more than any `batch_size` that a share is exact
Event = tuple[str, dict[str, Any]]
log = logging.getLogger("theresa.speech")


class Answer(Protocol):
    """What was found in a recording."""

    def record(self) -> dict[str, Any]:
        """Give the answer to one row, in JSON's types."""


Result = TypeVar("Result", bound=Answer)


class SoundEngine(ABC, Generic[Asked, Found, Result]):
    """Hears recordings; one object serves any number of threads.

    Args:
        threads: How many batches are computed at once.
        joins: Whether windows of several requests are computed together, where they wait.
        wait_seconds: How long a batch waits at most for such windows: on a CPU 0.

    Attributes:
        options: The parameters, as this checkpoint has them.
        languages: Codes of the languages that it knows.
    """

    options: type[Asked]
    languages: tuple[str, ...]

    def __init__(self, threads: int, joins: bool = False, wait_seconds: float = 0.0) -> None:
        self._on_gpu = wait_seconds > 0  # where a batch takes hardly longer than a window
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

    def take(self, recording: Recording[Found], found: Found, options: Asked) -> None:  # noqa: ARG002
        """Take in what was found in the recording's next window."""
        recording.found.append(found)

    def final(self, recording: Recording[Found], options: Asked) -> list[Segment]:  # noqa: ARG002
        """List the first segments of the answer, which nothing later can change any more."""
        return []

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
        recordings = [self._recording(item, options) for item in items]
        for _ in self._heard(recordings, options):
            pass
        return [one.failure or self.result(one, options) for one in recordings]

    def stream(self, item: Source, options: Asked) -> Iterator[Event]:
        """Hear one recording, and tell what is found as it is found.

        It stays in the background of requests that somebody waits for.

        Args:
            item: As for `__call__`.
            options: The request's.

        Yields:
            An event's name and data. `segment`: a segment of the record, as soon as nothing that
            comes later can change it. `progress`: `seconds` are done, of `duration`, which is None
            where it isn't known. `done`, the last one: the record, as `__call__` gives it.

        Raises:
            BadInput: The recording can't be heard.
            BadParameter: The checkpoint can't do what the options ask for.
        """
        self.check(options)
        yield from self._events([item], options, lambda heard: next(heard))

    def _events(
        self,
        sources: Sequence[Source],
        options: Asked,
        joined: Callable[[Iterator[Result | Exception]], Result | Exception],
    ) -> Iterator[Event]:
        """Yield the events of one request's recordings; `joined` makes one answer of theirs."""
        recordings = [self._recording(source, options) for source in sources]
        duration = seconds_of(sources[0]) if sources else None
        sent = 0
        for recording in self._heard(recordings, options, background=True):
            if recording.failure is not None:
                raise recording.failure
            for segment in self.final(recording, options)[sent:]:
                yield "segment", segment.record(sent)
                sent += 1
            done = sum(one.reached for one in recordings) / len(recordings)
            yield "progress", _progress(done, duration and max(done, duration))
        answer = joined(one.failure or self.result(one, options) for one in recordings)
        if isinstance(answer, Exception):
            raise answer
        record = answer.record()
        for rest in (record.get("segments") or [])[sent:]:
            yield "segment", rest
        seconds = max(one.seconds for one in recordings)
        yield "progress", _progress(seconds, seconds)
        yield "done", record

    def _recording(self, source: Source, options: Asked) -> Recording[Found]:
        return Recording(source, self.language_of(options), options.channels)

    def _heard(
        self, recordings: list[Recording[Found]], options: Asked, background: bool = False
    ) -> Iterator[Recording[Found]]:
        """Decode recordings; yield one each time that something more of it is known."""
        # On a CPU nobody shall wait for more than one window of what is in the background.
        size = 1 if background and not self._on_gpu else self.batch_size(options)
        waiting: deque[
            tuple[list[WindowJob[Asked, Found]], Pending[WindowJob[Asked, Found], Found]]
        ] = deque()
        for batch in self._batches(recordings, options, size):
            # The next one waits its turn among other requests'.
            while waiting and (
                len(waiting) == self.threads
                or waiting[0][1].done
                or batch[0].follows(waiting[0][0][-1])
            ):
                yield from self._collect(*waiting.popleft())
            runner.stop_if_cancelled()
            waiting.append((batch, self._runner.submit(batch, background)))
        while waiting:
            yield from self._collect(*waiting.popleft())

    def _collect(
        self, batch: list[WindowJob[Asked, Found]], pending: Pending[WindowJob[Asked, Found], Found]
    ) -> Iterator[Recording[Found]]:
        """Wait for a batch, and give each recording its result or its error; yield these."""
        for job, found in zip(batch, pending.results(), strict=True):
            recording, again = job.recording, job.recording.reached > 0
            if isinstance(found, Exception):
                recording.failure = found
            else:
                recording.reached = max(recording.reached, job.end)
                self.take(recording, found, job.options)
                if again:
                    place = recording.reached
                    log.info("Heard up to %.0f s of %.0f s so far.", place, recording.seconds)
            yield recording

    def _batches(
        self, recordings: list[Recording[Found]], options: Asked, size: int
    ) -> Iterator[list[WindowJob[Asked, Found]]]:
        """Yield batches of windows as they are found; a batch has one language."""
        jobs = (
            WindowJob(recording, window, options)
            for recording, window in self._speech(recordings, options)
        )
        for _, group in itertools.groupby(jobs, key=lambda job: job.language):
            while batch := list(itertools.islice(group, size)):
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
        """Give a window's share of a batch; a part of an uncut recording fills one."""
        return MAX_BATCH_WINDOWS // (self.batch_size(job.options) if job.window else 1)

    def _kind(self, job: WindowJob[Asked, Found]) -> Hashable:
        """Tell which windows may be computed together."""
        return job.language, job.options


def threads_per_batch() -> int:
    """Give how many threads compute one batch: `OMP_NUM_THREADS`, or 1."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(given)) if given.isdigit() else 1


def _progress(seconds: float, duration: float | None) -> dict[str, Any]:
    return {"seconds": round(seconds, 3), "duration": duration and round(duration, 3)}
