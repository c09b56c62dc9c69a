"""Transformers' Trainer for language identifiers: scores by language at every evaluation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import Trainer

from language_id.training.manifest import TaggedClip
from language_id.training.scoring import LanguageScores, recall_line
from zoo.training.trainer import SpeechTrainer


class LanguageTrainer(SpeechTrainer, Trainer):
    """The trainer.

    Args:
        languages: The labels' order.
        heard: The recordings of the dev set, in order.
    """

    def __init__(
        self,
        *args: Any,
        languages: Sequence[str],
        heard: Sequence[TaggedClip],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, compute_metrics=self.score, **kwargs)
        self.languages, self.heard = list(languages), heard

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        """In order: the examples themselves are drawn."""
        return torch.utils.data.SequentialSampler(train_dataset or self.train_dataset)

    def score(self, prediction: Any) -> dict[str, float]:
        """Return error and recalls in percent, and print them."""
        answers = np.asarray(prediction.predictions).argmax(axis=-1)
        groups = [f"{one.language} {one.source}".strip() for one in self.heard]
        scores = LanguageScores(self.languages, prediction.label_ids, answers, groups)
        names = np.asarray(self.languages)
        self.transcripts = list(
            zip(names[prediction.label_ids].tolist(), names[answers].tolist(), strict=True)
        )
        by_group = scores.by_group().items()
        detail = ", ".join(f"{name} {right}/{count}" for name, (count, right) in by_group)
        print(f"step {self.state.global_step}: error {scores.balanced_error:.2f} %; "
              f"recall {recall_line(scores)}; {detail}", flush=True)  # fmt: skip
        recalls = {f"recall_{name}": value for name, value in scores.recall.items()}
        return {"error": scores.balanced_error, **recalls}
