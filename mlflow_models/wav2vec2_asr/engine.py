"""Transcribes recordings of any length by Wav2Vec2 with CTC. No MLflow, no pandas."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from wav2vec2_asr import ctc
from wav2vec2_asr.acoustic import Acoustic
from wav2vec2_asr.chunks import PAUSE_FRAMES, frames_of, pieces
from wav2vec2_asr.ctc import Character, split
from wav2vec2_asr.language_model import BeamSearch, LanguageModelSettings
from wav2vec2_asr.options import Options
from zoo.data.audio import SAMPLE_RATE
from zoo.errors import BadParameter
from zoo.serving import runner
from zoo.serving.declaration import tailored
from zoo.speech.engine import SpeechEngine
from zoo.speech.options import OFF
from zoo.speech.recording import Recording
from zoo.speech.sound_engine import threads_per_batch
from zoo.speech.speakers import Speakers
from zoo.speech.transcript import Segment, Word
from zoo.speech.windows import Window, speech_windows

LANGUAGE_MODEL = "language_model.json"
GPU_WINDOWS = 16  # of 20 s, say; the network divides them where they are long
GPU_THREADS = 2  # one computes, the other searches texts meanwhile


class Engine(SpeechEngine[Options]):
    """Turns speech into text; one object serves any number of threads.

    Args:
        directory: What `convert` wrote; it may have a language model.
        threads: How many recordings, or parts of a long one, are transcribed at once. None: the
            number of cores, divided by `OMP_NUM_THREADS`, which each of them uses; on a GPU
            `GPU_THREADS`.
    """

    def __init__(self, directory: Path, threads: int | None = None) -> None:
        each = threads_per_batch()
        self.acoustic = Acoustic(directory, each)
        gpu = self.acoustic.on_gpu
        usual = GPU_THREADS if gpu else max(1, runner.cores() // each)
        wait = runner.GPU_WAIT_SECONDS if gpu else 0.0
        super().__init__(threads or usual, self.acoustic.batches, wait)
        self.speakers = Speakers.open(directory, each)
        labels = self.acoustic.labels
        search = functools.partial(BeamSearch, labels.texts, labels.blank, special=labels.special)
        self._searches = {False: search()}
        self.languages, self.options = (self.acoustic.language,), Options
        if (directory / LANGUAGE_MODEL).is_file():
            found = LanguageModelSettings.read(directory / LANGUAGE_MODEL)
            self._searches[True] = search(found.model, found.weight, found.bonus, found.beam_size)
            self.options = tailored(
                Options, language_model={"default": True}, beam_size={"default": found.beam_size}
            )

    def check(self, options: Options) -> None:
        if options.language_model and True not in self._searches:
            raise BadParameter("language_model", "is true, but this model has none packed")
        if options.language_model and options.beam_size == 1:
            raise BadParameter("beam_size", "is 1; a language model needs 2 or more")

    def batch_size(self, options: Options) -> int:  # noqa: ARG002
        return GPU_WINDOWS if self.acoustic.batches else 1

    def windows(self, blocks: Iterator[np.ndarray], options: Options) -> Iterator[Window]:
        longest = round(options.chunk_length_s * SAMPLE_RATE)
        return speech_windows(blocks, longest, options.vad_threshold)

    def detect_language(self, sound: np.ndarray, options: Options) -> tuple[str, float]:  # noqa: ARG002
        return self.acoustic.language, 1.0

    def decode(self, windows: list[Window], _: str, options: Options) -> list[list[Segment]]:
        found = []
        heard = self.acoustic([window.sound for window in windows])
        for window, logits in zip(windows, heard, strict=True):
            runner.stop_if_cancelled()
            one = self._segment(ctc.log_softmax(logits), 0, options)
            found.append([window.place(replace(one, text=f" {one.text.strip()}"))] if one else [])
        return found

    def segments(self, recording: Recording[list[Segment]], options: Options) -> Iterator[Segment]:
        labels = self.acoustic.labels

        def run(sound: np.ndarray) -> np.ndarray:
            """Turn float32 (samples,) into log-probabilities, float32 (frames, labels)."""
            runner.stop_if_cancelled()
            return ctc.log_softmax(self.acoustic([sound])[0])

        outputs = frames_of(
            recording.blocks(options.denoise),
            run,
            self.acoustic.hop,
            self.acoustic.reach,
            options.chunk_length_s,
            options.stride_length_s,
        )
        silent = labels.special | ({labels.space} if labels.space is not None else set())
        segments = (
            self._segment(log_probs, first, options)
            for first, log_probs in pieces(outputs, frozenset(silent))
        )
        yield from _spaced(segments, PAUSE_FRAMES * self.acoustic.hop / SAMPLE_RATE)

    def _segment(self, log_probs: np.ndarray, first: int, options: Options) -> Segment | None:
        """Find what is said in a piece, with the spaces around it; None: nothing is said.

        Args:
            log_probs: Natural logarithms, float32 (frames, labels).
            first: The number of the piece's first frame in the recording.
            options: The request's.
        """
        heard = ctc.characters(self._path(log_probs, options), log_probs, self.acoustic.labels)
        text = "".join(one.text for one in heard)
        while heard and not heard[0].text.strip():
            heard = heard[1:]
        while heard and not heard[-1].text.strip():
            heard = heard[:-1]
        if not heard:
            return None
        start, end = self._times(heard, first)
        words = None
        if options.word_timestamps or options.speakers != OFF:
            words = [
                Word("".join(one.text for one in word), *self._times(word, first), _sure(word))
                for word in ctc.words(heard, split)
            ]
        return Segment(start, end, text, words, {"confidence": _sure(heard)})

    def _path(self, log_probs: np.ndarray, options: Options) -> np.ndarray:
        """Search a path: float32 (frames, labels) to int64 (frames,)."""
        if options.beam_size == 1:
            return ctc.greedy(log_probs)
        return self._searches[options.language_model](log_probs, options.beam_size)

    def _times(self, heard: list[Character], first: int) -> tuple[float, float]:
        """Give the start and the end of characters, in seconds."""
        second = SAMPLE_RATE / self.acoustic.hop
        return (first + heard[0].start) / second, (first + heard[-1].end) / second


def _spaced(segments: Iterable[Segment | None], pause: float) -> Iterator[Segment]:
    """Put a space before a segment if a space, or a pause, comes before it.

    A long segment may be cut within a word; there no space is put.

    Args:
        segments: The segments in order.
        pause: How long a pause is, in seconds.
    """
    last: Segment | None = None
    for one in filter(None, segments):
        apart = last is None or one.start - last.end >= pause
        apart = apart or (last is not None and " " in (last.text[-1], one.text[0]))
        yield replace(one, text=" " * apart + one.text.strip())
        last = one


def _sure(heard: list[Character]) -> float:
    """Compute the mean probability of characters."""
    return float(np.mean([one.probability for one in heard if one.text.strip()]))
