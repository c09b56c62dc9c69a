"""What follows Wav2Vec2's encoder, written for its ONNX graph."""

from typing import Any

import torch
from torch import nn

from zoo.errors import CheckpointError


class MeanPooled(nn.Module):
    """The head of a `Wav2Vec2ForSequenceClassification`: a logit for each label of a recording.

    Args:
        model: The model, whose head is used.

    Raises:
        CheckpointError: The model weighs the layers' outputs, which can't be converted.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        if model.config.use_weighted_layer_sum:
            raise CheckpointError("The checkpoint weighs its layers, which can't be converted.")
        self.projector, self.classifier = model.projector, model.classifier

    def forward(self, frames: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:
        """Compute logits.

        Args:
            frames: float32 (batch, frames, width).
            inside: Which frames are recordings', bool (batch, frames, 1). None: all.

        Returns:
            float32 (batch, labels).
        """
        frames = self.projector(frames)
        if inside is None:
            mean = frames.mean(dim=1)
        else:
            mean = torch.where(inside, frames, 0.0).sum(dim=1) / inside.sum(dim=1)
        logits: torch.Tensor = self.classifier(mean)
        return logits


class PerFrame(nn.Module):
    """A head that knows no recordings, such as a CTC head: one layer on each frame."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, frames: torch.Tensor, inside: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
        """Compute logits: float32 (batch, frames, width) to float32 (batch, frames, labels)."""
        logits: torch.Tensor = self.layer(frames)
        return logits
