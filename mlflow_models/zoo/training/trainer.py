"""What trainers share: the order of examples, and every step's exact loss."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from transformers.trainer_pt_utils import LengthGroupedSampler


class Epochs(Protocol):
    """Examples in epochs, and how long each one is: in seconds or in tokens."""

    epoch: int

    @property
    def lengths(self) -> Sequence[float]: ...

    def __len__(self) -> int: ...


class EpochSampler(torch.utils.data.Sampler[int]):
    """Examples in an order that depends on the seed and the epoch alone, grouped by length."""

    def __init__(self, examples: Epochs, batch_size: int, seed: int) -> None:
        self.examples, self.batch_size, self.seed = examples, batch_size, seed

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(1000 * self.seed + self.examples.epoch)
        lengths = [round(100 * length) for length in self.examples.lengths]
        return iter(LengthGroupedSampler(self.batch_size, lengths=lengths, generator=generator))


class EpochTrainer:
    """Goes before one of Transformers' trainers in a class's bases.

    Attributes:
        losses: the parts of the step's loss.
        transcripts: the last evaluation's pairs of reference and hypothesis.
    """

    args: Any
    data_collator: Any
    state: Any
    train_dataset: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.losses: list[float] = []
        self.transcripts: list[tuple[str, str]] = []

    def network(self) -> Any:
        """The model without what accelerate wraps it in."""
        return self.accelerator.unwrap_model(self.model)  # type: ignore[attr-defined]

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochSampler(train_dataset or self.train_dataset, size, self.args.seed)

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Takes one step of gradient accumulation, and notes its part of the loss, float32 ()."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)  # type: ignore[misc]
        self.losses.append(loss.item())
        return loss


class SpeechTrainer(EpochTrainer):
    """Begins with a flat start, as recognizers of the hidden Markov kind do.

    Args:
        flat_steps: as long as this the model also learns from a linear alignment; it has an
            attribute `flat_start`.
        eval_collator: makes the batches of an evaluation, as evaluate.py hears them; None: as those
            of training.
    """

    def __init__(
        self, *args: Any, flat_steps: int = 0, eval_collator: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.flat_steps, self.eval_collator = flat_steps, eval_collator

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Returns the loader of the dev set, with batches of its own."""
        usual = self.data_collator
        self.data_collator = self.eval_collator or usual
        try:
            return super().get_eval_dataloader(eval_dataset)  # type: ignore[misc]
        finally:
            self.data_collator = usual

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Takes one step, with the flat start's loss or without."""
        self.network().flat_start = self.state.global_step < self.flat_steps
        loss = super().training_step(*args, **kwargs)
        self.network().flat_start = False
        return loss
