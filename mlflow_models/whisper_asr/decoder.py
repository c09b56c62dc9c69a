"""Turns windows of speech into segments with times, by the rules of openai-whisper's `transcribe`.

Beam search ranks texts by mean log-probability; other temperatures are the fallback; silent windows
are skipped; segments end at timestamps. Speech that then has no text is decoded once more, alone.
"""

import functools
import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ctranslate2 import Device, StorageView
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import get_suppressed_tokens

from whisper_asr.decoded import Decoded, segment
from whisper_asr.options import Options
from whisper_asr.recovery import recovered
from zoo.data.audio import SAMPLE_RATE
from zoo.speech.options import OFF
from zoo.speech.transcript import Segment
from zoo.speech.windows import Window

DRAWS = 5  # sampled texts at a temperature above 0; the likeliest is taken
MAX_PASSES = 30  # over one window; a trained model needs one or two
FIRST_TIMESTAMP_SECONDS = 1.0  # the latest time at which a window's first segment may begin
# No language needs more: Thai's letters are three tokens each. It ends loops in short windows.
MAX_TOKENS, MAX_TOKENS_PER_SECOND = 30, 40
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"

FRAMES_PER_SECOND = 100
FRAME_SAMPLES = SAMPLE_RATE // FRAMES_PER_SECOND
FULL_SECONDS = 30  # what Whisper was trained on
# Silence after the speech, without which Whisper goes on writing; and the least window, below
# which it invents. benchmarks/tried.md has the figures.
MARGIN_SECONDS, MIN_WINDOW_SECONDS = 2, 10
STEP_SECONDS = 2  # windows have few lengths, so that they are decoded together


def padded_seconds(samples: int, options: Options) -> int:
    """Give the length of the window in which so much sound is heard.

    Args:
        samples: At 16 kHz.
        options: The request's; `window` decides.
    """
    if options.window == "full":
        return FULL_SECONDS
    needed = max(MIN_WINDOW_SECONDS, samples / SAMPLE_RATE + MARGIN_SECONDS)
    return min(FULL_SECONDS, -int(-needed // STEP_SECONDS) * STEP_SECONDS)


class WindowDecoder:
    """Decodes windows in one language under one request's options.

    Args:
        model: The loaded model; any number of decoders and threads may share it.
        language: A code such as `zh`.
        options: The request's.
        most: Gives how many windows of so many seconds are decoded together at most.
    """

    def __init__(
        self, model: WhisperModel, language: str, options: Options, most: Callable[[int], int]
    ) -> None:
        self._model, self._language, self._options = model, language, options
        self._most = most
        # Then a segment is a whole window, which has no other places where a speaker may change.
        self._only_windows = options.speakers != OFF and not options.timestamps
        self.tokenizer = Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, options.task, language
        )
        self._suppressed = list(get_suppressed_tokens(self.tokenizer, [-1]))
        earlier = self.tokenizer.encode(" " + options.initial_prompt.strip())
        self._prompt = model.get_prompt(
            self.tokenizer,
            earlier if options.initial_prompt else [],
            without_timestamps=not options.timestamps,
            hotwords=options.hotwords or None,
        )

    def __call__(self, windows: Sequence[Window]) -> list[list[Segment]]:
        """Decode windows to segments, which have the times of the recording.

        If the model's last timestamp comes before a window's end, the rest is decoded again. What
        the window's segments don't cover, or with far too little text, is decoded alone.
        """
        return recovered(windows, self._decode_windows, self._decode_alone)

    def _decode_alone(self, windows: Sequence[Window]) -> list[list[Segment]]:
        """Decode parts of windows; a prompt may be why they were left out, so they have none."""
        options = self._options.model_copy(update={"initial_prompt": ""})
        plain = WindowDecoder(self._model, self._language, options, self._most)
        return plain._decode_windows(windows)

    def _decode_windows(self, windows: Sequence[Window]) -> list[list[Segment]]:
        work = [self._progress(window) for window in windows]
        length = operator.attrgetter("padded")
        for padded, group in itertools.groupby(sorted(work, key=length), key=length):
            alike = list(group)
            size = min(self._options.batch_size, self._most(padded))
            for start in range(0, len(alike), size):
                self._decode_batch(alike[start : start + size])
        return [one.segments for one in work]

    def _decode_batch(self, left: list["_Progress"]) -> None:
        """Decode windows of one length until nothing of them is left."""
        while left:
            encoded = Encoded(self._model.encode(np.stack([one.ahead for one in left])))
            longest = max(one.seconds_left for one in left)
            for place, result in enumerate(self._generate(encoded.whole, len(left), 0, longest)):
                decoded = self._weigh(result, left[place].seconds_left)
                self._advance(left[place], decoded, encoded, place)
            left = [one for one in left if one.frames_left > 0]

    def _progress(self, window: Window) -> "_Progress":
        padded = padded_seconds(len(window.sound), self._options)
        sound = window.sound
        if self._options.window == "auto":  # the reference pads the spectrogram, with zeros
            sound = pad_or_trim(sound, padded * SAMPLE_RATE)
        mel = log_mel(self._model, sound)
        return _Progress(window, mel, len(window.sound) // FRAME_SAMPLES, padded)

    def _advance(self, one: "_Progress", decoded: Decoded, encoded: "Encoded", place: int) -> None:
        """Turn tokens into segments, and move on to where they end."""
        if decoded.failed and len(self._options.temperature) > 1:
            decoded = self._try_again(encoded.alone(place), decoded)
        if decoded.silent:
            one.seek = one.frames
            return
        start, rest = one.seek, one.frames_left
        pieces, one.seek, ended = self._model._split_segments_by_timestamps(
            tokenizer=self.tokenizer,
            tokens=decoded.tokens,
            time_offset=start / FRAMES_PER_SECOND,
            segment_size=rest,
            segment_duration=rest / FRAMES_PER_SECOND,
            seek=start,
        )
        if self._options.word_timestamps or self._only_windows:
            self._align(encoded.alone(place), pieces, rest)
        if self._options.word_timestamps:
            last = max((word["end"] for piece in pieces for word in piece["words"]), default=0.0)
            if not ended and last * FRAMES_PER_SECOND > start:
                one.seek = round(last * FRAMES_PER_SECOND)
        one.passes += 1
        if one.seek <= start or one.passes == MAX_PASSES:
            one.seek = one.frames
        for piece in pieces:
            text = self.tokenizer.decode(piece["tokens"])
            if piece["start"] < min(piece["end"], one.seconds) and text.strip():
                made = segment(piece["start"], piece["end"], text, decoded, piece.get("words"))
                one.segments.append(one.window.place(made))

    def _generate(self, encoded: Any, count: int, number: int, seconds: float) -> list[Any]:
        """Decode by beam search, or by sampling at a temperature above 0.

        Args:
            encoded: The encoder's output, (batch, positions, width).
            count: The size of the batch.
            number: Of the temperature.
            seconds: How long the longest window's speech lasts.
        """
        temperature = self._options.temperature[number]
        hot = temperature > 0
        room = self._model.max_length
        if self._options.window == "auto":
            room = MAX_TOKENS + int(MAX_TOKENS_PER_SECOND * seconds)
        results: list[Any] = self._model.model.generate(
            encoded,
            [self._prompt] * count,
            beam_size=1 if hot else self._options.beam_size,
            num_hypotheses=DRAWS if hot else 1,
            sampling_topk=0 if hot else 1,
            sampling_temperature=temperature,
            max_length=min(self._model.max_length, len(self._prompt) + room),
            suppress_tokens=self._suppressed,
            max_initial_timestamp_index=round(FIRST_TIMESTAMP_SECONDS / self._model.time_precision),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return results

    def _weigh(self, result: Any, seconds: float) -> Decoded:
        tokens = result.sequences_ids[0]
        return Decoded(
            tokens,
            self.tokenizer.decode(tokens),
            # The score is the mean over the tokens; openai-whisper counts the end token too.
            result.scores[0] * len(tokens) / (len(tokens) + 1),
            result.no_speech_prob,
            seconds,
        )

    def _try_again(self, encoded: Any, first: Decoded) -> Decoded:
        """Decode a window at the other temperatures in turn; if all fail, take the likeliest."""
        tried = [first]
        for number in range(1, len(self._options.temperature)):
            (result,) = self._generate(encoded, 1, number, first.seconds)
            tried.append(self._weigh(result, first.seconds))
            if not tried[-1].failed:
                return tried[-1]
        return max(tried, key=lambda one: (not one.repeats, one.avg_logprob))

    def _align(self, encoded: Any, pieces: list[dict[str, Any]], frames: int) -> None:
        """Add `words` to the pieces, from the cross-attention."""
        self._model.add_word_timestamps(
            [pieces], self.tokenizer, encoded, frames, PREPENDED, APPENDED, 0.0
        )
        for piece in pieces:
            piece["words"] = piece.get("words", [])


@dataclass
class _Progress:
    """A window, its spectrogram, float32 (mels, frames), and how far it is transcribed."""

    window: Window
    mel: np.ndarray
    frames: int  # that are sound
    padded: int  # seconds that the encoder is given
    seek: int = 0
    passes: int = 0
    segments: list[Segment] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long the sound lasts; text after it is made up."""
        return self.frames / FRAMES_PER_SECOND

    @property
    def frames_left(self) -> int:
        """How many frames aren't transcribed."""
        return self.frames - self.seek

    @property
    def seconds_left(self) -> float:
        """How long they last."""
        return self.frames_left / FRAMES_PER_SECOND

    @property
    def ahead(self) -> np.ndarray:
        """The frames that are left, padded: float32 (mels, frames)."""
        return pad_or_trim(self.mel[:, self.seek :], FRAMES_PER_SECOND * self.padded)


@dataclass(frozen=True)
class Encoded:
    """The encoder's output of a batch, where it was computed: (batch, positions, width)."""

    whole: Any

    def alone(self, place: int) -> Any:
        """Take one window out: a batch of 1."""
        if self.whole.shape[0] == 1:
            return self.whole
        return StorageView.from_array(np.ascontiguousarray(self._on_cpu[[place]]))

    @functools.cached_property
    def _on_cpu(self) -> np.ndarray:  # once for all windows
        return np.array(self.whole.to_device(Device.cpu))


def log_mel(model: WhisperModel, sound: np.ndarray) -> np.ndarray:
    """Compute the log-mel spectrogram of up to 30 s.

    Args:
        model: It has the number of mels.
        sound: float32 (samples,) at 16 kHz.

    Returns:
        float32 (mels, frames), a frame every 10 ms.
    """
    return model.feature_extractor(sound)[..., :-1]
