"""What trainers of speech models share: the order of examples, and every step's exact loss."""

from collections.abc import Iterator
from typing import Any

import torch
from transformers.trainer_pt_utils import LengthGroupedSampler

from zoo.training.mixture import Mixed


class EpochSampler(torch.utils.data.Sampler[int]):
    """Examples in an order that depends on the seed and the epoch alone, grouped by length."""

    def __init__(self, examples: Mixed, batch_size: int, seed: int) -> None:
        self.examples, self.batch_size, self.seed = examples, batch_size, seed

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(1000 * self.seed + self.examples.epoch)
        lengths = [round(100 * length) for length in self.examples.lengths]
        return iter(LengthGroupedSampler(self.batch_size, lengths=lengths, generator=generator))


class SpeechTrainer:
    """Goes before one of Transformers' trainers in a class's bases.

    Attributes:
        flat_steps: as long as this the model also learns from a linear alignment, as recognizers
            of the hidden Markov kind begin ("flat start"); it has an attribute `flat_start`.
        losses: the parts of the step's loss.
        transcripts: the last evaluation's pairs of reference and hypothesis.
    """

    args: Any
    state: Any
    train_dataset: Any

    def __init__(self, *args: Any, flat_steps: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.flat_steps = flat_steps
        self.losses: list[float] = []
        self.transcripts: list[tuple[str, str]] = []

    def network(self) -> Any:
        """The model without what accelerate wraps it in."""
        return self.accelerator.unwrap_model(self.model)  # type: ignore[attr-defined]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochSampler(train_dataset or self.train_dataset, size, self.args.seed)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Takes one step of gradient accumulation, and notes its part of the loss."""
        self.network().flat_start = self.state.global_step < self.flat_steps
        loss: torch.Tensor = super().training_step(*args, **kwargs)  # type: ignore[misc]
        self.network().flat_start = False
        self.losses.append(loss.item())
        return loss
