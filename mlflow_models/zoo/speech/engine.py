"""What speech engines share: from recordings to text, in segments."""

import itertools
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.speech import apart
from zoo.speech.level import raised
from zoo.speech.options import NO_SPEECH, OFF, SEPARATE, SpeechOptions
from zoo.speech.recording import Polisher, Recording, Source, WindowJob
from zoo.speech.sound_engine import Event, SoundEngine
from zoo.speech.speakers import Speakers
from zoo.speech.transcript import Segment, Transcript
from zoo.speech.windows import Window, without_text

Spoken = TypeVar("Spoken", bound=SpeechOptions)


class SpeechEngine(SoundEngine[Spoken, list[Segment], Transcript]):
    """Turns speech into text.

    Attributes:
        speakers: Tells who says what, where the model has a network for that.
    """

    speakers = Speakers()

    def routes(self, server: Any) -> list[Any]:
        """Give the routes of the protocols that only speech models speak (`zoo.serving.app`)."""
        from zoo.speech import openai_http, realtime

        return [*realtime.routes(server), *openai_http.routes(server)]

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

    def polisher(self, recording: Recording[list[Segment]], options: Spoken) -> Polisher:  # noqa: ARG002
        """Give what turns the recording's segments into those of the answer, as they are found."""
        return list

    def take(
        self, recording: Recording[list[Segment]], found: list[Segment], options: Spoken
    ) -> None:
        super().take(recording, found, options)
        if not options.vad:
            recording.reached = found[-1].end if found else recording.seconds
            recording.complete = not found
        recording.polish = recording.polish or self.polisher(recording, options)
        recording.segments += recording.polish([_until(recording.seconds, one) for one in found])

    def final(self, recording: Recording[list[Segment]], options: Spoken) -> list[Segment]:
        whole = options.speakers == OFF and options.channels != SEPARATE
        return recording.segments if whole else []

    def __call__(self, items: Sequence[Source], options: Spoken) -> list[Transcript | Exception]:
        self.speakers.check(options)
        if options.channels != SEPARATE:
            return super().__call__(items, options)
        recordings = [apart.Split(item) for item in items]
        channels = [channel for one in recordings for channel in one.sources]
        heard = iter(super().__call__(channels, options))
        return [one.merged(heard) for one in recordings]

    def stream(self, item: Source, options: Spoken) -> Iterator[Event]:
        """Transcribe one recording, and tell what is found as it is found.

        As `SoundEngine.stream`. With `speakers`, and with `channels` `separate`, all segments come
        at the end: only the whole recording tells who speaks, and what another channel has at a
        segment's time.
        """
        self.speakers.check(options)
        if options.channels != SEPARATE:
            yield from super().stream(item, options)
            return
        self.check(options)
        recording = apart.Split(item)
        yield from self._events(recording.sources, options, recording.merged)

    def hear(self, sound: np.ndarray, options: Spoken, language: str | None = None) -> Transcript:
        """Transcribe one window of sound, without looking for the speech in it.

        Args:
            sound: float32 (samples,) at 16 kHz, 30 s at most.
            options: For it.
            language: Of the speech, where it has been detected before.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        recording = self._recording(sound, options)
        recording.seconds = len(sound) / SAMPLE_RATE
        window = Window(raised(sound), [(0, len(sound))])
        recording.spans += window.spans
        recording.language = recording.language or language
        self.listen(recording, window, options)
        job = WindowJob(recording, window, options)
        for _ in self._collect([job], self._runner.submit([job])):
            pass
        if recording.failure is not None:
            raise recording.failure
        return self.result(recording, options)

    def denoises(self, options: Spoken) -> bool:
        return options.denoise

    def _batches(
        self, recordings: list[Recording[list[Segment]]], options: Spoken, size: int
    ) -> Iterator[list[WindowJob[Spoken, list[Segment]]]]:
        if options.vad:
            yield from super()._batches(recordings, options, size)
            return
        # Each recording's segments are found one after the other; recordings take turns.
        left = iter(recordings)
        turns = deque(itertools.islice(left, self.threads))
        while turns:
            recording = turns.popleft()
            if recording.complete or recording.failure is not None:
                turns.extend(itertools.islice(left, 1))
            else:
                yield [WindowJob(recording, None, options)]
                turns.append(recording)

    def _speech(
        self, recordings: list[Recording[list[Segment]]], options: Spoken
    ) -> Iterator[tuple[Recording[list[Segment]], Window]]:
        for recording, window in super()._speech(recordings, options):
            self.listen(recording, window, options)
            yield recording, window

    def _run(self, batch: list[WindowJob[Spoken, list[Segment]]]) -> list[list[Segment]]:
        if batch[0].window is None:
            return [self._next(job.recording, job.options) for job in batch]
        windows = [job.window for job in batch if job.window is not None]
        voices = self.speakers.hear(windows, batch[0].options)
        for job, window, heard in zip(batch, windows, voices, strict=True):
            job.recording.heard[window.spans[0]] = heard
        return super()._run(batch)

    def _next(self, recording: Recording[list[Segment]], options: Spoken) -> list[Segment]:
        """Find the next segment of a recording that isn't cut; at its end, none."""
        if recording.rest is None:
            recording.rest = self.segments(recording, options)
        return list(itertools.islice(recording.rest, 1))

    def result(self, recording: Recording[list[Segment]], options: Spoken) -> Transcript:
        found = Transcript(
            recording.language or "",
            recording.seconds,
            recording.segments,
            recording.warnings + [NO_SPEECH] * (options.vad and not recording.spans),
            [
                (start / SAMPLE_RATE, end / SAMPLE_RATE)
                for start, end in without_text(recording.spans, recording.segments)
            ],
        )
        return self.speakers.tell(found, recording.voices, options)


def _until(seconds: float, one: Segment) -> Segment:
    """Cut a segment's times at the end of the recording."""
    words = one.words
    if words is not None:
        words = [
            replace(word, start=min(word.start, seconds), end=min(word.end, seconds))
            for word in words
        ]
    return replace(one, start=min(one.start, seconds), end=min(one.end, seconds), words=words)
