"""A network of one fixed length, which is what phones run: shorter clips are padded and masked."""

from typing import Any

import torch
from torch import nn

from zoo.errors import CheckpointError

TINY = 1e-7  # that Wav2Vec2FeatureExtractor adds to the variance
UNATTENDED = -1e9  # added to an attention score: its exponential is 0


class FixedLength(nn.Module):
    """Recognises clips of up to so many samples, each as if it were alone and unpadded.

    What comes after the clip is left out of every sum over time: the sound's normalisation, the
    group normalisation of the base checkpoints, and attention. Without that, padding changes the
    text.

    Args:
        model: a `Wav2Vec2ForCTC` in evaluation mode.
        samples: the length.
        normalize: whether the checkpoint takes sound of zero mean and unit variance. Sound that is
            so already stays as it is.

    Raises:
        CheckpointError: the network has parts that can't be exported.
    """

    def __init__(self, model: Any, samples: int, normalize: bool) -> None:
        super().__init__()
        if model.config.add_adapter:
            raise CheckpointError("The checkpoint has an adapter, which can't be exported.")
        self.samples, self.normalize = samples, normalize
        self.convolutions = model.wav2vec2.feature_extractor.conv_layers
        self.projection = model.wav2vec2.feature_projection
        self.encoder = model.wav2vec2.encoder
        self.norm_first = model.config.do_stable_layer_norm  # as XLSR; the base ones: afterwards
        self.head = model.lm_head
        self.kernels = [(one.conv.kernel_size[0], one.conv.stride[0]) for one in self.convolutions]
        self.hop, self.reach = 1, 1  # samples from frame to frame, and that one frame hears
        for kernel, stride in self.kernels:
            self.reach += (kernel - 1) * self.hop
            self.hop *= stride

    def forward(self, waves: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        """Recognises one clip.

        Args:
            waves: float32 (1, samples), zeros after the clip.
            length: int64 (1,), the clip's samples.

        Returns:
            float32 (1, frames, labels); the clip has the first `frames_of(length)` of them.
        """
        if self.normalize:
            inside = _first(waves.shape[1], length)[:, None].float()
            x = _normalized(waves[:, None], inside, length[:, None, None], TINY)
        else:
            x = waves[:, None]
        for layer, (kernel, stride) in zip(self.convolutions, self.kernels, strict=True):
            length = torch.div(length - kernel, stride, rounding_mode="floor") + 1
            norm = getattr(layer, "layer_norm", None)
            if isinstance(norm, nn.GroupNorm):  # each channel is a group of its own
                x = layer.conv(x)
                inside = _first(x.shape[2], length)[:, None].float()
                x = _normalized(x, inside, length[:, None, None], norm.eps)
                x = layer.activation(x * norm.weight[:, None] + norm.bias[:, None])
            else:
                x = layer(x)
        hidden, _ = self.projection(x.transpose(1, 2))
        logits: torch.Tensor = self.head(self._encode(hidden, _first(hidden.shape[1], length)))
        return logits

    def _encode(self, hidden: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
        """The Transformer: (1, frames, width); `inside` is bool (1, frames)."""
        hidden = hidden * inside[:, :, None].float()
        hidden = hidden + self.encoder.pos_conv_embed(hidden)
        if not self.norm_first:
            hidden = self.encoder.layer_norm(hidden)
        outside = (1 - inside.float()) * UNATTENDED
        for layer in self.encoder.layers:
            hidden = layer(hidden, attention_mask=outside[:, None, None])
        if self.norm_first:
            hidden = self.encoder.layer_norm(hidden)
        return hidden

    def example(self) -> tuple[torch.Tensor, torch.Tensor]:
        """An input of `forward`: noise as long as can be, float32 (1, samples), and int64 (1,)."""
        return torch.randn(1, self.samples), torch.tensor([self.samples])

    def frames_of(self, length: int) -> int:
        """How many frames a clip of so many samples has."""
        return max(0, (length - self.reach) // self.hop + 1)


def _first(size: int, length: torch.Tensor) -> torch.Tensor:
    """bool (batch, size): whether a place comes before the length."""
    return torch.arange(size)[None] < length[:, None]


def _normalized(
    x: torch.Tensor, inside: torch.Tensor, count: torch.Tensor, epsilon: float
) -> torch.Tensor:
    """Zero mean and unit variance over the time inside; zeros outside. (batch, channels, time)."""
    mean = (x * inside).sum(dim=2, keepdim=True) / count
    centred = (x - mean) * inside
    variance = centred.square().sum(dim=2, keepdim=True) / count
    return centred * torch.rsqrt(variance + epsilon)
