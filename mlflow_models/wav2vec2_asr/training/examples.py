"""Utterances as the examples that Wav2Vec2 learns from: waves, and characters to find in them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wav2vec2_asr.labels import Labels
from zoo.training.mixture import RATE, Mixed, Mixture

if TYPE_CHECKING:
    import torch
    from datasets import Dataset
    from transformers import Wav2Vec2FeatureExtractor

IGNORED = -100  # a label that the loss skips
STEP_SAMPLES = (
    RATE // 10
)  # samples: batches of few different lengths spare compiling kernels for each
MIN_BATCH_SAMPLES = RATE // 2  # as long as what SpecAugment masks, and more
MIN_SAMPLES = 400  # the convolutions' view of one frame
SPACE, UNKNOWN, BLANK = "|", "[UNK]", "[PAD]"


def vocabulary(texts: Sequence[str]) -> dict[str, int]:
    """Labels by index: the texts' characters, sorted, `|` for the space; then the special ones."""
    characters = {character for text in texts for character in text if not character.isspace()}
    labels = [*sorted({*characters, SPACE}), UNKNOWN, BLANK]
    return {label: index for index, label in enumerate(labels)}


def at_least_a_frame(wave: np.ndarray) -> np.ndarray:
    """Pad a wave, (samples,), with zeros to the convolutions' view of one frame."""
    return np.pad(wave, (0, max(0, MIN_SAMPLES - len(wave))))


class CTCExamples(Mixed):
    """A data set of examples, as PyTorch's loaders index it.

    Args:
        data: columns `audio` (int16 at 16 kHz), `text` and `duration` (seconds).
        labels: a checkpoint's; characters that it hasn't are learnt as unknown.
        mixture: what to make of the utterances; longer ones than its window are left out.
    """

    def __init__(self, data: "Dataset", labels: Labels, mixture: Mixture) -> None:
        super().__init__(data, mixture)
        known = {text: index for index, text in enumerate(labels.texts)}
        unknown = next((known[name] for name in (UNKNOWN, "<unk>") if name in known), None)
        self.space = labels.space
        self.ids = [self._spell(" ".join(text.split()), known, unknown) for text in self.texts]

    def _spell(self, text: str, known: dict[str, int], unknown: int | None) -> list[int]:
        found = (self._label(character, known, unknown) for character in text)
        return [label for label in found if label is not None]

    def _label(self, character: str, known: dict[str, int], unknown: int | None) -> int | None:
        if character == " ":
            return self.space
        for form in (character, character.lower(), character.upper()):
            if form in known:
                return known[form]
        return unknown

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns `wave` (samples,) float32, `labels`, and `spans`: start and end in seconds, and
        labels, of each utterance in it."""
        wave, parts, _ = self.sound(index)
        labels: list[int] = []
        for utterance, _, _ in parts:
            if labels and self.ids[utterance] and self.space is not None:
                labels.append(self.space)
            labels += self.ids[utterance]
        spans = [(start, end, self.ids[utterance]) for utterance, start, end in parts]
        return {"wave": wave, "labels": labels, "spans": spans}


class CTCCollator:
    """Makes a batch of examples.

    Args:
        extractor: the checkpoint's; it normalises the waves and pads them with zeros.
        blank: CTC's.
        hop: samples from one frame to the next.
        aligned: whether to add `frame_ids`, for a flat start.
        exact: whether waves are padded to the longest one only, as evaluate.py does it.
    """

    def __init__(
        self,
        extractor: "Wav2Vec2FeatureExtractor",
        blank: int,
        hop: int,
        aligned: bool,
        exact: bool = False,
    ) -> None:
        self.extractor, self.blank, self.hop, self.aligned = extractor, blank, hop, aligned
        self.exact = exact

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, "torch.Tensor"]:
        """Returns `input_values`, float32 (batch, samples); `attention_mask` where the checkpoint
        takes one; `labels`, int64 (batch, characters); and `frame_ids`, int64 (batch, frames)."""
        import torch

        waves = [at_least_a_frame(example["wave"]) for example in examples]
        longest = max(map(len, waves))
        rounded = max(MIN_BATCH_SAMPLES, -(-longest // STEP_SAMPLES) * STEP_SAMPLES)
        made = self.extractor(
            waves,
            sampling_rate=RATE,
            padding="max_length",
            max_length=longest if self.exact else rounded,
            return_tensors="pt",
        )
        batch = dict(made)
        most = max(1, *(len(example["labels"]) for example in examples))
        labels = torch.full((len(examples), most), IGNORED)
        for row, example in enumerate(examples):
            labels[row, : len(example["labels"])] = torch.tensor(example["labels"])
        batch["labels"] = labels
        if self.aligned:
            frames = made.input_values.shape[1] // self.hop + 1
            batch["frame_ids"] = torch.tensor([self._align(e["spans"], frames) for e in examples])
        return batch

    def _align(self, spans: list[tuple[float, float, list[int]]], frames: int) -> list[int]:
        """What is said in each frame, as if all characters lasted as long."""
        said = [self.blank] * frames
        for start, end, ids in spans:
            first = round(start * RATE / self.hop)
            last = min(frames, round(end * RATE / self.hop))
            for frame in range(first, last if ids else first):
                said[frame] = ids[(frame - first) * len(ids) // max(1, last - first)]
        return said
