"""The loss of the references: what finetune.py chooses checkpoints by, on any test set."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from clip_caption.building.checkpoint import open_model
from clip_caption.training.examples import IGNORED, CaptionExamples, collate
from clip_caption.training.trainer import TrainedCaptioner
from clip_caption.training.words import Words

BATCH_CAPTIONS = 32  # at a time


class ReferenceLoss:
    """The mean cross-entropy of the references' tokens, their ends with them.

    Args:
        checkpoint: A directory, or a `.pt` file.
        normalize: As `open_model` takes it.
        longest: Tokens of a caption; finetune.py's --longest.
    """

    def __init__(self, checkpoint: Path, normalize: str | None, longest: int) -> None:
        self._model = TrainedCaptioner(open_model(checkpoint, normalize), mapper_only=True).eval()
        self._words = Words.read(checkpoint if checkpoint.is_dir() else None)
        self._longest, self._sum, self._tokens = longest, 0.0, 0

    @torch.inference_mode()
    def add(self, features: np.ndarray, references: Sequence[Sequence[str]]) -> None:
        """Count in some images.

        Args:
            features: CLIP's, float32 (images, clip_width).
            references: Captions of each image.

        Raises:
            ZooError: None of them has a word.
        """
        examples = CaptionExamples(features, references, self._words, self._longest)
        for start in range(0, len(examples), BATCH_CAPTIONS):
            rows = range(start, min(start + BATCH_CAPTIONS, len(examples)))
            batch = collate([examples[row] for row in rows])
            tokens = int((batch["labels"] != IGNORED).sum())
            self._sum += tokens * self._model(**batch)["loss"].item()
            self._tokens += tokens

    @property
    def value(self) -> float:
        """The loss, in nats per token."""
        return self._sum / self._tokens if self._tokens else float("nan")
