"""Turns windows of speech into segments with times, by the rules of openai-whisper's `transcribe`.

Beam search ranks texts by mean log-probability; other temperatures are the fallback; silent windows
are skipped; segments end at timestamps.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from ctranslate2 import Device, StorageView
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import TranscriptionOptions, get_suppressed_tokens

from whisper_asr.options import Options
from whisper_asr.text import REPETITIVE, compression_ratio
from zoo.speech.transcript import Segment, Word
from zoo.speech.windows import Window

UNLIKELY, SILENT = -1.0, 0.6  # openai-whisper's thresholds
DRAWS = 5  # sampled texts at a temperature above 0; the likeliest is taken
MAX_PASSES = 30  # over one window; a trained model needs one or two
FIRST_TIMESTAMP_SECONDS = 1.0  # the latest time at which a window's first segment may begin
PREPENDED, APPENDED = "\"'“¿([{-", "\"'.。,，!！?？:：”)]}、"


@dataclass
class Decoded:
    """A window's tokens, and the model's scores of them."""

    tokens: list[int]
    avg_logprob: float
    no_speech_prob: float
    compression_ratio: float

    @property
    def failed(self) -> bool:
        """Whether to try another temperature."""
        return not self.silent and (
            self.compression_ratio > REPETITIVE or self.avg_logprob < UNLIKELY
        )

    @property
    def silent(self) -> bool:
        """Whether nobody speaks."""
        return self.no_speech_prob > SILENT and self.avg_logprob < UNLIKELY


class WindowDecoder:
    """Decodes windows in one language under one request's options.

    Args:
        model: The loaded model; any number of decoders and threads may share it.
        language: A code such as `zh`.
        options: The request's.
    """

    def __init__(self, model: WhisperModel, language: str, options: Options) -> None:
        self._model = model
        self._options = options
        self.tokenizer = Tokenizer(
            model.hf_tokenizer, model.model.is_multilingual, options.task, language
        )
        self._settings = settings(self.tokenizer, options)
        earlier = self.tokenizer.encode(" " + options.initial_prompt.strip())
        self._prompt = model.get_prompt(
            self.tokenizer,
            earlier if options.initial_prompt else [],
            without_timestamps=not options.timestamps,
            hotwords=options.hotwords or None,
        )

    def __call__(self, windows: list[Window]) -> list[list[Segment]]:
        """Decode windows to segments, which have the times of the recording.

        If the model's last timestamp comes before a window's end, the rest is decoded again.
        """
        work = [_Progress(window, log_mel(self._model, window.sound)) for window in windows]
        left = work
        while left:
            mels = np.stack([pad_or_trim(one.ahead) for one in left])  # (batch, mels, frames)
            encoded = self._model.encode(mels)
            for place, decoded in enumerate(self._decode(encoded, len(left))):
                self._advance(left[place], decoded, encoded, place)
            left = [one for one in left if one.ahead.shape[-1]]
        return [one.segments for one in work]

    def _advance(self, one: "_Progress", decoded: Decoded, encoded: Any, place: int) -> None:
        """Turn tokens into segments, and move on to where they end."""
        if decoded.failed and len(self._settings.temperatures) > 1:
            decoded = self._try_again(alone(encoded, place), decoded)
        if decoded.silent:
            one.seek = one.mel.shape[-1]
            return
        start, rest = one.seek, one.ahead.shape[-1]
        pieces, one.seek, ended = self._model._split_segments_by_timestamps(
            tokenizer=self.tokenizer,
            tokens=decoded.tokens,
            time_offset=start / self._model.frames_per_second,
            segment_size=rest,
            segment_duration=rest / self._model.frames_per_second,
            seek=start,
        )
        if self._options.word_timestamps:
            self._align(alone(encoded, place), pieces, rest)
            last = max((word["end"] for piece in pieces for word in piece["words"]), default=0.0)
            if not ended and last * self._model.frames_per_second > start:
                one.seek = round(last * self._model.frames_per_second)
        one.passes += 1
        if one.seek <= start or one.passes == MAX_PASSES:
            one.seek = one.mel.shape[-1]
        for piece in pieces:
            text = self.tokenizer.decode(piece["tokens"])
            if piece["start"] != piece["end"] and text.strip():
                made = segment(piece["start"], piece["end"], text, decoded, piece.get("words"))
                one.segments.append(one.window.place(made))

    def _decode(self, encoded: Any, count: int) -> list[Decoded]:
        """Decode by beam search; if the first temperature isn't 0, by sampling."""
        hot = self._settings.temperatures[0] > 0
        results = self._model.model.generate(
            encoded,
            [self._prompt] * count,
            beam_size=1 if hot else self._options.beam_size,
            num_hypotheses=DRAWS if hot else 1,
            sampling_topk=0 if hot else 1,
            sampling_temperature=self._settings.temperatures[0],
            max_length=self._model.max_length,
            suppress_tokens=list(self._settings.suppress_tokens),
            max_initial_timestamp_index=round(FIRST_TIMESTAMP_SECONDS / self._model.time_precision),
            return_scores=True,
            return_no_speech_prob=True,
        )
        return [self._weigh(result) for result in results]

    def _weigh(self, result: Any) -> Decoded:
        tokens = result.sequences_ids[0]
        return Decoded(
            tokens,
            # The score is the mean over the tokens; openai-whisper counts the end token too.
            result.scores[0] * len(tokens) / (len(tokens) + 1),
            result.no_speech_prob,
            compression_ratio(self.tokenizer.decode(tokens).strip()),
        )

    def _try_again(self, encoded: Any, first: Decoded) -> Decoded:
        """Decode a window at the other temperatures in turn; if all fail, take the likeliest."""
        others = replace(self._settings, temperatures=self._settings.temperatures[1:])
        result, avg_logprob, _, ratio = self._model.generate_with_fallback(
            encoded, self._prompt, self.tokenizer, others
        )
        again = Decoded(result.sequences_ids[0], avg_logprob, result.no_speech_prob, ratio)
        if again.failed and first.compression_ratio <= REPETITIVE:
            return max(first, again, key=lambda one: one.avg_logprob)
        return again

    def _align(self, encoded: Any, pieces: list[dict[str, Any]], frames: int) -> None:
        """Add `words` to the pieces, from the cross-attention."""
        self._model.add_word_timestamps(
            [pieces], self.tokenizer, encoded, frames, PREPENDED, APPENDED, 0.0
        )
        for piece in pieces:
            piece["words"] = piece.get("words", [])


@dataclass
class _Progress:
    """A window, its spectrogram, float32 (mels, frames), and how many frames are transcribed."""

    window: Window
    mel: np.ndarray
    seek: int = 0
    passes: int = 0
    segments: list[Segment] = field(default_factory=list)

    @property
    def ahead(self) -> np.ndarray:
        """The frames that are left, float32 (mels, frames)."""
        return self.mel[:, self.seek :]


def alone(encoded: Any, place: int) -> Any:
    """Take one window out of an encoder's output (batch, positions, width): a batch of 1."""
    if encoded.shape[0] == 1:
        return encoded
    on_cpu = encoded.to_device(Device.cpu)
    return StorageView.from_array(np.ascontiguousarray(np.array(on_cpu)[[place]]))


def log_mel(model: WhisperModel, sound: np.ndarray) -> np.ndarray:
    """Compute the log-mel spectrogram of up to 30 s.

    Args:
        model: It has the number of mels.
        sound: float32 (samples,) at 16 kHz.

    Returns:
        float32 (mels, frames), a frame every 10 ms.
    """
    return model.feature_extractor(sound)[..., :-1]


def settings(tokenizer: Tokenizer, options: Options) -> TranscriptionOptions:
    """Write the options in faster-whisper's form; the rest are openai-whisper's values."""
    return TranscriptionOptions(
        beam_size=options.beam_size,
        best_of=DRAWS,
        patience=1,
        length_penalty=1,
        repetition_penalty=1,
        no_repeat_ngram_size=0,
        log_prob_threshold=UNLIKELY,
        no_speech_threshold=SILENT,
        compression_ratio_threshold=REPETITIVE,
        condition_on_previous_text=False,
        prompt_reset_on_temperature=0.5,
        temperatures=list(options.temperature),
        initial_prompt=None,
        prefix=None,
        suppress_blank=True,
        suppress_tokens=list(get_suppressed_tokens(tokenizer, [-1])),
        without_timestamps=not options.timestamps,
        max_initial_timestamp=FIRST_TIMESTAMP_SECONDS,
        word_timestamps=options.word_timestamps,
        prepend_punctuations=PREPENDED,
        append_punctuations=APPENDED,
        multilingual=False,
        max_new_tokens=None,
        clip_timestamps="0",
        hallucination_silence_threshold=None,
        hotwords=options.hotwords or None,
    )


def segment(start: float, end: float, text: str, scored: Any, words: Any) -> Segment:
    """Make a segment with Whisper's scores.

    Args:
        start: When it begins, in seconds.
        end: When it ends, in seconds.
        text: What is said.
        scored: An object that has the scores as attributes.
        words: Dictionaries in faster-whisper's form; or None.
    """
    if words is not None:
        words = [Word(w["word"], w["start"], w["end"], float(w["probability"])) for w in words]
    scores = {
        "avg_logprob": float(scored.avg_logprob),
        "no_speech_prob": float(scored.no_speech_prob),
        "compression_ratio": float(scored.compression_ratio),
    }
    return Segment(start, end, text, words, scores)
