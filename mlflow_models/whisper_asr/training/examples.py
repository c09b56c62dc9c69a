"""Utterances as the examples that Whisper learns from: a window of sound, and tokens to predict.

The format of the tokens is that of the paper (Radford et al. 2022, "Robust Speech Recognition via
Large-Scale Weak Supervision", section 2.3): language, task, text with or without timestamps, or
`<|nospeech|>`, after an optional prompt of earlier text.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from whisper_asr.building.vocabulary import CONTEXT
from whisper_asr.decoder import padded_seconds
from whisper_asr.options import Options
from whisper_asr.training.transcripts import PROMPT_TOKENS
from zoo.training import mixture
from zoo.training.mixture import RATE

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import WhisperFeatureExtractor, WhisperTokenizer

HEARD_SECONDS = 30.0  # by Whisper, of a recording
TICK = 0.02  # seconds of a timestamp token
IGNORED = -100  # a label that the loss skips
WINDOWS = ("auto", "full", "longest")  # what a batch may be padded to


@dataclass(frozen=True)
class WhisperMixture(mixture.Mixture):
    """How utterances become examples for Whisper, to which silence is `<|nospeech|>`.

    Args:
        language: Whisper's code.
        timestamps: share that predicts timestamps.
        prompt: share with earlier text before it.
    """

    language: str = "zh"
    timestamps: float = 0.0
    prompt: float = 0.0


class Seq2SeqExamples(mixture.Mixed):
    """A data set of examples, as PyTorch's loaders index it.

    Args:
        data: columns `audio` (int16 at 16 kHz), `text` and `duration` (seconds).
        tokenizer: Whisper's multilingual one.
        how: what to make of them; utterances longer than its window are left out.
    """

    mixture: WhisperMixture

    def __init__(self, data: "Dataset", tokenizer: "WhisperTokenizer", how: WhisperMixture) -> None:
        super().__init__(data, how)
        # <|zh|> in a transcript is text, not a command to the decoder
        ids = tokenizer(self.texts, add_special_tokens=False, split_special_tokens=True).input_ids
        self.ids: list[list[int]] = list(ids)
        to_id = tokenizer.convert_tokens_to_ids
        self.start = [to_id("<|startoftranscript|>"), to_id(f"<|{how.language}|>"),
                      to_id("<|transcribe|>")]  # fmt: skip
        self.untimed, self.end = to_id("<|notimestamps|>"), to_id("<|endoftext|>")
        self.previous, self.nospeech = to_id("<|startofprev|>"), to_id("<|nospeech|>")

    @property
    def cut(self) -> int:
        """How many utterances have more tokens than there is room for; the rest isn't learnt."""
        return sum(len(ids) > CONTEXT - PROMPT_TOKENS for ids in self.ids)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns `wave` (samples,) float32, `decoder_input_ids`, `labels`, `segments`, `blank`.

        A segment is start and end in seconds, and text tokens. `blank` says how the rest of a full
        window is filled: with the features of silence, as Transformers does it, or with zeros in
        their place, as openai-whisper's `transcribe` and faster-whisper do it. A model that is to
        run there must have seen both.
        """
        wave, parts, rng = self.sound(index)
        segments = [(start, end, self.ids[utterance]) for utterance, start, end in parts]
        inputs, labels = self._tokens(segments, rng)
        return {
            "wave": wave,
            "blank": bool(rng.random() < 0.5),
            "decoder_input_ids": inputs,
            "labels": labels,
            "segments": segments,
        }

    def _tokens(
        self, segments: list[tuple[float, float, list[int]]], rng: np.random.Generator
    ) -> tuple[list[int], list[int]]:
        """The decoder's input, and what it is to predict at each place."""
        zero = self.untimed + 1
        body: list[int] = []
        timed = rng.random() < self.mixture.timestamps
        if not timed:
            body = [self.untimed, *(token for _, _, ids in segments for token in ids)]
        else:
            for start, end, ids in segments:
                body += [zero + round(start / TICK), *ids, zero + round(end / TICK)]
        known = [*self.start, *body][: CONTEXT - 1]
        targets = [*known[1:], self.end]
        if not segments:  # says so at once; made to go on by a forced prefix, it ends
            known = [*self.start, self.untimed]
            targets = [self.nospeech, IGNORED, IGNORED if timed else self.untimed, self.end]
        if rng.random() < self.mixture.prompt:
            earlier = self._prompt(CONTEXT // 2 - 1, CONTEXT - len(known) - 1, rng)
            known = [self.previous, *earlier, *known]
            targets = [IGNORED] * (len(earlier) + 1) + targets
        return known, targets

    def _prompt(self, most: int, room: int, rng: np.random.Generator) -> list[int]:
        """Tokens of a few other utterances, the last ones that there is room for."""
        others = rng.integers(0, len(self.ids), size=int(rng.integers(1, 6)))
        earlier = [token for other in others for token in self.ids[other]]
        return earlier[-min(most, room) :] if min(most, room) > 0 else []


class Seq2SeqCollator:
    """Makes a batch of examples.

    Args:
        extractor: Whisper's, for log-mel spectrograms in float32.
        window: what a batch is padded to, of `WINDOWS`: the longest example as the engine pads it,
            `seconds`, or the longest example in whole seconds.
        seconds: the full window.
        compact: from token ids to those of the CTC head, where there is one.
        end: the token that the decoder's input is padded with.
        blanks: whether examples that say so have zeros after their sound.
    """

    def __init__(
        self,
        extractor: "WhisperFeatureExtractor",
        window: str,
        seconds: float,
        compact: dict[int, int] | None,
        end: int,
        blanks: bool = True,
    ) -> None:
        self.extractor, self.compact, self.end, self.blanks = extractor, compact, end, blanks
        self.window, self.seconds = window, seconds

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Returns `input_features` (batch, mels, frames), `decoder_input_ids` and `labels`
        (batch, tokens), and for the CTC loss `text_ids` (batch, tokens) and `frame_ids`
        (batch, frames / 2), a linear alignment."""
        waves = [example["wave"] for example in examples]
        length = round(self._seconds(max(map(len, waves))) * RATE)
        made = self.extractor(waves, sampling_rate=RATE, max_length=length, return_tensors="pt")
        for features, example in zip(made.input_features, examples, strict=True):
            zeros = self.blanks and self.window != "auto"  # there the engine pads the sound
            if zeros and example["blank"]:
                features[:, math.ceil(len(example["wave"]) / self.extractor.hop_length) :] = 0.0
        batch = {
            "input_features": made.input_features,
            "decoder_input_ids": _pad([e["decoder_input_ids"] for e in examples], self.end),
            "labels": _pad([e["labels"] for e in examples], IGNORED),
        }
        if self.compact:
            texts = [[i for _, _, ids in e["segments"] for i in ids] for e in examples]
            batch["text_ids"] = _pad(
                [[self.compact[i] for i in ids if i in self.compact] for ids in texts], IGNORED
            )
            frames = made.input_features.shape[-1] // 2
            batch["frame_ids"] = _pad(
                [self._align(e["segments"], frames) for e in examples], len(self.compact)
            )
        return batch

    def _seconds(self, samples: int) -> float:
        """How long the window of a batch is whose longest example has so many samples."""
        if self.window == "auto":
            return padded_seconds(samples, Options(window="auto"))
        longest = min(HEARD_SECONDS, math.ceil(samples / RATE))
        return self.seconds if self.window == "full" else longest

    def _align(self, segments: list[tuple[float, float, list[int]]], frames: int) -> list[int]:
        """What is said in each of the encoder's frames (20 ms), as if all tokens lasted as long."""
        assert self.compact is not None
        said = [len(self.compact)] * frames
        for start, end, ids in segments:
            known = [self.compact[i] for i in ids if i in self.compact]
            first, last = round(start / TICK), min(frames, round(end / TICK))
            for frame in range(first, last if known else first):
                said[frame] = known[(frame - first) * len(known) // max(1, last - first)]
        return said


def _pad(rows: list[list[int]], value: int) -> Any:
    import torch

    width = max(1, max(map(len, rows)))
    return torch.tensor([row + [value] * (width - len(row)) for row in rows])
