"""Transcribes recordings by Whisper on CTranslate2, through faster-whisper.

On a CPU CTranslate2 runs one batch per core at once, each on one thread; on a GPU two, each in a
stream of its own. There is one copy of the weights.
"""

import itertools
import json
import logging
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2 import StorageView
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer

from whisper_asr.decoded import segment
from whisper_asr.decoder import (
    APPENDED,
    FULL_SECONDS,
    MARGIN_SECONDS,
    PREPENDED,
    WindowDecoder,
    log_mel,
    padded_seconds,
)
from whisper_asr.options import Options
from whisper_asr.text import Polish
from zoo.data.audio import SAMPLE_RATE
from zoo.errors import BadInput, BadParameter
from zoo.serving import ctranslate2, devices, runner
from zoo.serving.ctranslate2 import Placement
from zoo.serving.declaration import tailored
from zoo.speech.engine import SpeechEngine
from zoo.speech.level import raised
from zoo.speech.recording import Polisher, Recording
from zoo.speech.sound_engine import threads_per_batch
from zoo.speech.speakers import Speakers
from zoo.speech.transcript import Segment, Transcript
from zoo.speech.windows import ENOUGH_SAMPLES, Window, packed_windows

log = logging.getLogger("theresa.whisper_asr")
MAX_UNCUT_SECONDS = 1200.0  # of a recording whose speech isn't found first; it takes a GB
FULL_SAMPLES = FULL_SECONDS * SAMPLE_RATE
MAX_SPEECH_SAMPLES = (FULL_SECONDS - MARGIN_SECONDS) * SAMPLE_RATE  # of a window
MAX_PROMPT_TOKENS = 223  # half the decoder's context, less the token that opens a prompt


class WhisperEngine(SpeechEngine[Options]):
    """Transcribes windows of 30 s, or the whole recording by openai-whisper's algorithm."""

    def tailor(self, languages: tuple[str, ...]) -> None:
        """Fit the parameters to a checkpoint that knows these languages."""
        self.languages = languages
        self.options = tailored(Options, language={"choices": ("auto", *languages)})

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """Count the tokens of a prompt, which may have at most `MAX_PROMPT_TOKENS`."""

    @abstractmethod
    def decode_sound(self, sound: np.ndarray, language: str, options: Options) -> Iterator[Segment]:
        """Transcribe by openai-whisper's algorithm: the text before a window prompts the model.

        Args:
            sound: float32 (samples,) at 16 kHz.
            language: A code such as `zh`.
            options: The request's.
        """

    def check(self, options: Options) -> None:
        if options.multilingual and not (options.vad and options.language == "auto"):
            raise BadParameter(
                "multilingual", "needs 'language' to be 'auto', and 'vad' to be true"
            )
        taken = 0
        for name in ("initial_prompt", "hotwords"):  # both must leave room for the text
            text = getattr(options, name)
            taken += self.count_tokens(text) if text else 0
            if taken > MAX_PROMPT_TOKENS:
                reason = f"is too long; prompt and hotwords may have {MAX_PROMPT_TOKENS} tokens"
                raise BadParameter(name, reason)

    def language_of(self, options: Options) -> str | None:
        return None if options.language == "auto" else options.language

    def batch_size(self, options: Options) -> int:
        return options.batch_size

    def windows(self, blocks: Iterator[np.ndarray], options: Options) -> Iterator[Window]:
        if options.window == "full":
            return packed_windows(blocks, FULL_SAMPLES, FULL_SAMPLES, options.vad_threshold)
        # People change their language at pauses, which every window ends at.
        enough = 0 if options.multilingual else ENOUGH_SAMPLES
        return packed_windows(blocks, MAX_SPEECH_SAMPLES, enough, options.vad_threshold)

    def listen(self, recording: Recording[list[Segment]], window: Window, options: Options) -> None:
        if options.multilingual:
            found = self.detect_language(window.sound, options)
            window.language, window.language_probability = found
            recording.language = recording.language or window.language
        else:
            super().listen(recording, window, options)

    def segments(self, recording: Recording[list[Segment]], options: Options) -> Iterator[Segment]:
        pieces = []
        for block in recording.blocks(options.denoise):
            pieces.append(block)
            if recording.seconds > MAX_UNCUT_SECONDS:
                raise BadInput(
                    f"lasts longer than {MAX_UNCUT_SECONDS / 60:g} minutes, which is the most "
                    "without 'vad'; set 'vad' to true"
                )
        sound = np.concatenate(pieces)
        windows = list(self.windows(iter([sound]), options))
        recording.spans = [span for window in windows for span in window.spans]
        if recording.language is None:
            heard = windows[0].sound if windows else raised(sound[:FULL_SAMPLES])
            found = self.detect_language(heard, options)
            recording.language, recording.language_probability = found
        yield from self.decode_sound(raised(sound), recording.language, options)

    def polisher(self, recording: Recording[list[Segment]], options: Options) -> Polisher:
        polish = Polish(str(recording.language), options)

        def next_ones(segments: list[Segment]) -> list[Segment]:
            rate = SAMPLE_RATE
            return polish(segments, [(start / rate, end / rate) for start, end in recording.spans])

        return next_ones

    def result(self, recording: Recording[list[Segment]], options: Options) -> Transcript:
        seconds: dict[str, float] = defaultdict(float)  # by language, where windows have their own
        for one in itertools.chain.from_iterable(recording.found):
            if one.language:
                seconds[one.language] += one.end - one.start
        if seconds:
            recording.language = max(seconds, key=seconds.__getitem__)
            recording.language_probability = None
        found = super().result(recording, options)
        found.scores = {"language_probability": recording.language_probability}
        return found


class Engine(WhisperEngine):
    """Turns speech into text on CTranslate2; one object serves any number of threads.

    Args:
        directory: What `convert` wrote.
        threads: How many batches are decoded at once. None: on a CPU the number of cores, divided
            by `OMP_NUM_THREADS`, which each of them uses; on a GPU one or two, by its memory.

    Attributes:
        device: Where it computes: `cpu` or `cuda`.
    """

    def __init__(self, directory: Path, threads: int | None = None) -> None:
        self.model = _open(directory, threads)
        placement = self.model.placement
        self.device = placement.device.kind
        super().__init__(placement.batches, joins=True, wait_seconds=placement.wait_seconds)
        self.speakers = Speakers.open(directory, threads_per_batch())
        known = self.model.hf_tokenizer.token_to_id
        codes = self.model.supported_languages
        self.tailor(tuple(code for code in codes if known(f"<|{code}|>") is not None))

    def count_tokens(self, text: str) -> int:
        return len(self.model.hf_tokenizer.encode(f" {text.strip()}", add_special_tokens=False).ids)

    def detect_language(self, sound: np.ndarray, options: Options) -> tuple[str, float]:
        # The sound is padded, not the spectrogram: silence isn't zeros there. (mels, frames)
        samples = padded_seconds(len(sound), options) * SAMPLE_RATE
        mel = log_mel(self.model, pad_or_trim(sound, samples))
        ((found, *_),) = self.model.model.detect_language(self.model.encode(mel))
        token, probability = found
        return str(token).strip("<|>"), float(probability)

    def decode(self, windows: list[Window], language: str, options: Options) -> list[list[Segment]]:
        return WindowDecoder(self.model, language, options, self.model.most)(windows)

    def decode_sound(self, sound: np.ndarray, language: str, options: Options) -> Iterator[Segment]:
        found, _ = self.model.transcribe(
            sound,
            language=language,
            task=options.task,
            beam_size=options.beam_size,
            temperature=list(options.temperature),
            initial_prompt=options.initial_prompt or None,
            hotwords=options.hotwords or None,
            without_timestamps=not options.timestamps,
            word_timestamps=options.word_timestamps,
            prepend_punctuations=PREPENDED,
            append_punctuations=APPENDED,
        )
        for one in found:
            words = None if one.words is None else [vars(word) for word in one.words]
            yield segment(one.start, one.end, one.text, one, words)


def _open(directory: Path, threads: int | None) -> "_Model":
    """Open what `convert` wrote: on the GPU, or where that can't be used, on the CPU."""
    about = json.loads((directory / "engine.json").read_text(encoding="utf-8"))
    precision, weights_bytes = about["precision"], (directory / "model.bin").stat().st_size
    placement = ctranslate2.on_gpu(precision, weights_bytes, threads)
    if placement is not None:
        try:
            return _Model(directory, placement)
        except (RuntimeError, ValueError) as error:  # a full memory, a GPU that is too old
            devices.stay_on_cpu(f"CTranslate2 can't use it ({error})")
    each = threads_per_batch()
    return _Model(directory, ctranslate2.on_cpu(precision, each, threads), each)


class _Model(WhisperModel):
    """faster-whisper's model, which stops for cancelled requests and shortens prompts.

    Args:
        directory: What `convert` wrote.
        placement: How it is computed.
        threads: Of one batch on a CPU.

    Attributes:
        width: The width of the encoder's output, 512 for base.
    """

    def __init__(self, directory: Path, placement: Placement, threads: int = 1) -> None:
        super().__init__(
            str(directory),
            device=placement.device.kind,
            compute_type=placement.compute_type,
            cpu_threads=threads,
            num_workers=placement.batches,
        )
        self.placement = placement
        shortest = np.zeros((self.feature_extractor.mel_filters.shape[0], 2), np.float32)
        self.width = int(self.encode(shortest).shape[-1])  # it shows that the device works, too

    def most(self, padded: int) -> int:
        """Give how many windows of so many seconds are decoded together at most."""
        keys_bytes, number_bytes = self.placement.keys_bytes, self.placement.number_bytes
        return ctranslate2.windows_in_memory(self.width, padded, keys_bytes, number_bytes)

    def encode(self, features: np.ndarray) -> Any:
        """Encode spectrograms, on a CPU one after the other.

        That is as fast as a batch, and only one window's attention is in memory: 180 MB for
        large-v3.

        Args:
            features: One spectrogram, float32 (mels, frames), or several, (batch, mels, frames).

        Returns:
            A StorageView, float32 or float16 (batch, positions, width).
        """
        if features.ndim == 2 or len(features) == 1 or self.placement.on_gpu:
            runner.stop_if_cancelled()
            return super().encode(features)
        parts = [np.array(self.encode(one[None])) for one in features]
        return StorageView.from_array(np.concatenate(parts))

    def get_prompt(
        self, tokenizer: Tokenizer, previous_tokens: list[int], *arguments: Any, **options: Any
    ) -> list[int]:
        hotwords = options.get("hotwords")
        taken = len(tokenizer.encode(" " + hotwords.strip())) if hotwords else 0
        room = MAX_PROMPT_TOKENS - taken
        earlier = previous_tokens[-room:] if room > 0 else []
        prompt: list[int] = super().get_prompt(tokenizer, earlier, *arguments, **options)
        return prompt
