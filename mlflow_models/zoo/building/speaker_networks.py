"""Networks that embed voices, in PyTorch, with the shapes and names of the published checkpoints.

Each turns features, float32 (windows, frames, bands), into embeddings of unit length, float32
(windows, width). They exist to be exported: `zoo.speech.embedding` runs the graph.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

BLOCKS = {"ResNet18": (2, 2, 2, 2), "ResNet34": (3, 4, 6, 3)}  # residual blocks of each stage
TINY = 1e-8  # keeps a root, or a division, finite


class Ge2e(nn.Module):
    """Three LSTM layers, whose last state is projected (Wan et al. 2018), as in Resemblyzer.

    Args:
        bands: Of the spectrogram.
        hidden: Of each layer.
        width: Of the embedding.
        layers: How many there are.
    """

    def __init__(self, bands: int, hidden: int, width: int, layers: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(bands, hidden, layers, batch_first=True)
        self.linear = nn.Linear(hidden, width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Embed windows."""
        _, (state, _) = self.lstm(features)
        return _unit(torch.relu(self.linear(state[-1])))


class ResNet(nn.Module):
    """A residual network with statistics pooling, as in WeSpeaker (Zeinali et al. 2019).

    Args:
        blocks: How many residual blocks each of the four stages has.
        bands: Of the spectrogram.
        width: Of the embedding.
        channels: Of the first stage; each later stage has twice as many as the one before.
    """

    def __init__(
        self, blocks: Sequence[int], bands: int = 80, width: int = 256, channels: int = 32
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        before = channels
        for stage, count in enumerate(blocks):
            inside = channels << stage
            first = _Residual(before, inside, 1 if stage == 0 else 2)
            others = [_Residual(inside, inside, 1) for _ in range(count - 1)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(first, *others))
            before = inside
        self.stages = len(blocks)
        height = bands
        for _ in range(self.stages - 1):
            height = -(-height // 2)
        self.seg_1 = nn.Linear(2 * before * height, width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Embed windows."""
        found = torch.relu(self.bn1(self.conv1(features.transpose(1, 2)[:, None])))
        for stage in range(self.stages):
            found = getattr(self, f"layer{stage + 1}")(found)
        mean = found.mean(dim=-1, keepdim=True)
        # torch.var isn't in ONNX; the sum over one less is its unbiased estimate.
        variance = (found - mean).square().sum(dim=-1) / (found.shape[-1] - 1)
        deviation = torch.sqrt(variance + TINY)
        pooled = torch.cat([mean[..., 0].flatten(1), deviation.flatten(1)], dim=1)
        return _unit(self.seg_1(pooled))


class _Residual(nn.Module):
    """Two convolutions and what goes past them."""

    def __init__(self, before: int, inside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, inside, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inside)
        self.conv2 = nn.Conv2d(inside, inside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inside)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != inside:
            past = nn.Conv2d(before, inside, 1, stride, bias=False)
            self.shortcut = nn.Sequential(past, nn.BatchNorm2d(inside))

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        found = torch.relu(self.bn1(self.conv1(sound)))
        return torch.relu(self.bn2(self.conv2(found)) + self.shortcut(sound))


class EcapaTdnn(nn.Module):
    """ECAPA-TDNN (Desplanques et al. 2020), as in SpeechBrain.

    Args:
        bands: Of the spectrogram.
        width: Of the embedding.
        channels: Of each block; the last number is that of the layer that joins them.
        kernels: The size of each block's convolution, in frames.
        dilations: The distance of its taps, in frames.
        attention: Channels of the pooling's attention.
        squeezed: Channels of each block's squeeze and excitation.
        scale: Groups of channels within a block.
    """

    def __init__(
        self,
        bands: int,
        width: int,
        channels: Sequence[int],
        kernels: Sequence[int],
        dilations: Sequence[int],
        attention: int,
        squeezed: int = 128,
        scale: int = 8,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([_Tdnn(bands, channels[0], kernels[0], dilations[0])])
        for place in range(1, len(channels) - 1):
            self.blocks.append(
                _SqueezeBlock(
                    channels[place - 1],
                    channels[place],
                    kernels[place],
                    dilations[place],
                    squeezed,
                    scale,
                )
            )
        joined = sum(channels[1:-1])
        self.mfa = _Tdnn(joined, channels[-1], kernels[-1], dilations[-1])
        self.asp = _AttentivePooling(channels[-1], attention)
        self.asp_bn = _Norm(2 * channels[-1])
        self.fc = _Convolution(2 * channels[-1], width)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Embed windows."""
        found = features.transpose(1, 2)  # (windows, bands, frames)
        outputs = []
        for block in self.blocks:
            found = block(found)
            outputs.append(found)
        pooled = self.asp(self.mfa(torch.cat(outputs[1:], dim=1)))
        return _unit(self.fc(self.asp_bn(pooled))[..., 0])


class _Convolution(nn.Module):
    """A convolution over time whose output is as long as its input; the edges are mirrored."""

    def __init__(self, before: int, after: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(before, after, kernel, dilation=dilation)
        self.around = dilation * (kernel - 1) // 2

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        if self.around:
            sound = F.pad(sound, (self.around, self.around), "reflect")
        found: torch.Tensor = self.conv(sound)
        return found


class _Norm(nn.Module):
    """A batch normalization, named as in SpeechBrain."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.norm(sound)
        return found


class _Tdnn(nn.Module):
    def __init__(self, before: int, after: int, kernel: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = _Convolution(before, after, kernel, dilation)
        self.norm = _Norm(after)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.norm(torch.relu(self.conv(sound)))
        return found


class _Groups(nn.Module):
    """Groups of channels, each of which hears the one before (Res2Net)."""

    def __init__(self, channels: int, kernel: int, dilation: int, scale: int) -> None:
        super().__init__()
        inside = channels // scale
        blocks = [_Tdnn(inside, inside, kernel, dilation) for _ in range(scale - 1)]
        self.blocks = nn.ModuleList(blocks)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        first, *groups = torch.chunk(sound, len(self.blocks) + 1, dim=1)
        found = [first]
        for place, (block, group) in enumerate(zip(self.blocks, groups, strict=True)):
            found.append(block(group + found[-1] if place else group))
        return torch.cat(found, dim=1)


class _Squeeze(nn.Module):
    """Weighs each channel by the means of all."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.conv1 = _Convolution(channels, squeezed)
        self.conv2 = _Convolution(squeezed, channels)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        means = sound.mean(dim=2, keepdim=True)
        return sound * torch.sigmoid(self.conv2(torch.relu(self.conv1(means))))


class _SqueezeBlock(nn.Module):
    def __init__(
        self, before: int, after: int, kernel: int, dilation: int, squeezed: int, scale: int
    ) -> None:
        super().__init__()
        self.tdnn1 = _Tdnn(before, after)
        self.res2net_block = _Groups(after, kernel, dilation, scale)
        self.tdnn2 = _Tdnn(after, after)
        self.se_block = _Squeeze(after, squeezed)
        self.shortcut = _Convolution(before, after) if before != after else nn.Identity()

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        found = self.se_block(self.tdnn2(self.res2net_block(self.tdnn1(sound))))
        summed: torch.Tensor = found + self.shortcut(sound)
        return summed


class _AttentivePooling(nn.Module):
    """Pools frames to their weighted means and deviations, (windows, 2 * channels, 1)."""

    def __init__(self, channels: int, attention: int) -> None:
        super().__init__()
        self.tdnn = _Tdnn(3 * channels, attention)
        self.conv = _Convolution(attention, channels)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        around = [one.expand_as(sound) for one in _statistics(sound, torch.ones_like(sound))]
        scores = self.conv(torch.tanh(self.tdnn(torch.cat([sound, *around], dim=1))))
        return torch.cat(_statistics(sound, torch.softmax(scores, dim=2)), dim=1)


def _statistics(sound: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute weighted means and deviations over time, each (windows, channels, 1)."""
    weights = weights / weights.sum(dim=2, keepdim=True)
    mean = (weights * sound).sum(dim=2, keepdim=True)
    variance = (weights * (sound - mean).square()).sum(dim=2, keepdim=True)
    return mean, torch.sqrt(variance.clamp(min=1e-12))


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Scale vectors, (windows, width), to unit length."""
    return vectors / (vectors.square().sum(dim=1, keepdim=True).sqrt() + TINY)
