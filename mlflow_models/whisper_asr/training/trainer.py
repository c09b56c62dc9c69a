"""Transformers' Seq2SeqTrainer for Whisper: the order of examples, and the evaluation."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers import Seq2SeqTrainer
from transformers.trainer_pt_utils import LengthGroupedSampler

from whisper_asr.training.examples import IGNORED, Examples
from whisper_asr.training.normalizer import Normalizer
from whisper_asr.training.scoring import character_errors
from zoo.speech.scoring import total


class EpochSampler(torch.utils.data.Sampler[int]):
    """Examples in an order that depends on the seed and the epoch alone, grouped by length."""

    def __init__(self, examples: Examples, batch_size: int, seed: int) -> None:
        self.examples, self.batch_size, self.seed = examples, batch_size, seed

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(1000 * self.seed + self.examples.epoch)
        lengths = [round(100 * length) for length in self.examples.lengths]
        return iter(LengthGroupedSampler(self.batch_size, lengths=lengths, generator=generator))


def plain(model: Any) -> Any:
    """The Whisper within a peft model, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


class WhisperTrainer(Seq2SeqTrainer):
    """The trainer; `losses` has the parts of the step's loss, `transcripts` the last evaluation's
    pairs of reference and hypothesis.

    Args:
        flat_steps: as long as this the encoder also learns from a linear alignment, as recognizers
            of the hidden Markov kind begin ("flat start").
    """

    def __init__(self, *args: Any, flat_steps: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, compute_metrics=self.score, **kwargs)
        self.flat_steps = flat_steps
        self.losses: list[float] = []
        self.transcripts: list[tuple[str, str]] = []

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochSampler(train_dataset or self.train_dataset, size, self.args.seed)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Takes one step of gradient accumulation, and notes its part of the loss."""
        model = plain(self.accelerator.unwrap_model(self.model))
        model.flat_start = self.state.global_step < self.flat_steps
        loss: torch.Tensor = super().training_step(*args, **kwargs)
        model.flat_start = False
        self.losses.append(loss.item())
        return loss

    def prediction_step(
        self, model: Any, inputs: dict[str, Any], prediction_loss_only: bool, *rest: Any, **kw: Any
    ) -> Any:
        """Generates, at the window of the batch."""
        plain(self.accelerator.unwrap_model(model)).set_window(inputs["input_features"].shape[-1])
        inputs = {k: v for k, v in inputs.items() if k not in ("text_ids", "frame_ids")}
        return super().prediction_step(model, inputs, prediction_loss_only, *rest, **kw)

    def score(self, prediction: Any) -> dict[str, float]:
        """Returns the character error rate of what was generated, in percent."""
        decode = self.processing_class.batch_decode
        texts = []
        for ids in (prediction.label_ids, prediction.predictions):
            ids = [[i for i in row if i != IGNORED] for row in ids.tolist()]
            texts.append(decode(ids, skip_special_tokens=True))
        self.transcripts = list(zip(*texts, strict=True))
        errors = [character_errors(*pair, Normalizer()) for pair in self.transcripts]
        return {"cer": total(errors).rate}
