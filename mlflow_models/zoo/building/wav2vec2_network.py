"""Wav2Vec2's network, written for its ONNX graph: Transformers' arithmetic in the fastest form.

Baevski et al. 2020, "wav2vec 2.0: A Framework for Self-Supervised Learning of Speech
Representations". Frames stay in rows (batch, frames, channels) from the first layer to the last.
Strided convolutions are products of a matrix with parts of the input: int8 arithmetic has fast
products, but no fast convolution.

In a batch the network hears each recording as if it were alone: it is told the recordings' lengths,
and what fills up the shorter ones has no part in means, in convolutions or in attention. A
recording's own frames never hear the samples behind it, so only three places need the lengths: the
normalisation over time of the first convolution (`feat_extract_norm` is `group`), the position
embeddings, and attention. Transformers leaves out the first.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from zoo.errors import CheckpointError


class Network(nn.Module):
    """The network: from waves, normalised as the checkpoint expects, to the logits of a head.

    Args:
        model: Transformers' Wav2Vec2 with any head; its layers are used, and changed.
        head: What follows the encoder; `zoo.building.wav2vec2_heads` has them.

    Raises:
        CheckpointError: The model has parts that this network lacks.
    """

    def __init__(self, model: Any, head: nn.Module) -> None:
        super().__init__()
        config, body = model.config, model.wav2vec2
        if config.add_adapter or getattr(config, "adapter_attn_dim", None):
            raise CheckpointError("The checkpoint has adapters, which can't be converted.")
        acts = {config.hidden_act, config.feat_extract_activation}
        if acts != {"gelu"}:
            raise CheckpointError(f"The checkpoint's activation is {acts}, not 'gelu'.")
        self.convolutions = nn.ModuleList(
            Convolution(layer) for layer in body.feature_extractor.conv_layers
        )
        self.projection_norm = body.feature_projection.layer_norm
        self.projection = body.feature_projection.projection
        self.places = body.encoder.pos_conv_embed.conv
        nn.utils.parametrize.remove_parametrizations(self.places, "weight")
        self.cut = body.encoder.pos_conv_embed.padding.num_pad_remove
        self.norm = body.encoder.layer_norm
        self.norm_first = config.do_stable_layer_norm
        self.layers = nn.ModuleList(
            Layer(layer, config.num_attention_heads, self.norm_first)
            for layer in body.encoder.layers
        )
        self.head = head

    def forward(self, waves: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """Compute logits.

        Args:
            waves: float32 (batch, samples) at 16 kHz; shorter ones are filled up at their end.
            lengths: How many samples each of them has, int64 (batch,). None: all are as long.

        Returns:
            float32 (batch, frames, labels), a frame every 20 ms; or what another head makes. What
            belongs to no recording is undefined.
        """
        x, counts = waves[:, :, None], lengths  # (batch, samples, 1)
        for convolution in self.convolutions:
            x, counts = convolution(x, counts)  # (batch, frames, channels), (batch,) frames
        x = self.projection(self.projection_norm(x))  # (batch, frames, width)
        keys = inside = None
        if counts is not None:
            keys, inside = _key_lengths(counts, x.shape[1]), _inside(counts, x.shape[1])
            x = torch.where(inside, x, 0.0)  # as the convolution fills up a recording
        places = self.places(x.transpose(1, 2))  # (batch, width, frames): position embeddings
        if self.cut:
            places = places[:, :, : -self.cut]
        x = x + functional.gelu(places).transpose(1, 2)
        if not self.norm_first:
            x = self.norm(x)
        for layer in self.layers:
            x = layer(x, keys)
        if self.norm_first:
            x = self.norm(x)
        logits: torch.Tensor = self.head(x, inside)
        return logits


def _inside(counts: torch.Tensor, frames: int) -> torch.Tensor:
    """Tell which of a batch's frames are recordings': from (batch,) to bool (batch, frames, 1)."""
    return torch.arange(frames, device=counts.device)[None, :, None] < counts[:, None, None]


def _key_lengths(counts: torch.Tensor, frames: int) -> torch.Tensor:
    """Tell attention how many frames it may attend to, as ONNX Runtime's kernels take it.

    In this form the CUDA provider takes its memory-efficient kernel, and the CPU's reads the first
    part (com.microsoft.MultiHeadAttention, `key_padding_mask`).

    Args:
        counts: int64 (batch,).
        frames: Of the longest.

    Returns:
        int32 (3 * batch + 2,): the counts, then where each recording's queries start and where the
        last one's end, and the same of the keys.
    """
    starts = torch.arange(counts.shape[0] + 1, device=counts.device) * frames
    return torch.cat([counts, starts, starts]).to(torch.int32)


class Convolution(nn.Module):
    """A strided convolution over time with its normalisation and GELU."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        (self.size,), (self.stride,) = layer.conv.kernel_size, layer.conv.stride
        # (out, in, time) to (out, time * in), the order of `stretches`
        weight = layer.conv.weight.detach().transpose(1, 2).flatten(1)
        self.product = nn.Linear(weight.shape[1], weight.shape[0], layer.conv.bias is not None)
        self.product.weight = nn.Parameter(weight)
        if layer.conv.bias is not None:
            self.product.bias = nn.Parameter(layer.conv.bias.detach())
        self.norm: Any = getattr(layer, "layer_norm", None)
        self.over_time = isinstance(self.norm, nn.GroupNorm)

    def forward(
        self, x: torch.Tensor, counts: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Convolve a batch.

        Args:
            x: float32 (batch, time, channels in).
            counts: How much of the time is each recording's, int64 (batch,). None: all.

        Returns:
            float32 (batch, frames, channels out), and the counts of the frames.
        """
        frames = (x.shape[1] - self.size) // self.stride + 1
        last = (frames - 1) * self.stride + 1
        stretches = [x[:, place : place + last : self.stride] for place in range(self.size)]
        x = torch.cat(stretches, dim=2)  # (batch, frames, time * channels in)
        if counts is not None:
            counts = (counts - self.size) // self.stride + 1
        if self.over_time:
            x = self._normalized(x, counts)
        else:
            x = self.product(x)
            if self.norm is not None:
                x = self.norm(x)
        return functional.gelu(x), counts

    def _normalized(self, x: torch.Tensor, counts: torch.Tensor | None) -> torch.Tensor:
        """Compute the product so that each channel has mean 0 and variance 1 over time.

        The small covariance of the input, 10 x 10, tells each channel's variance. So the weights
        are scaled beforehand, and the large result is written only once.

        Args:
            x: float32 (batch, frames, time * channels in).
            counts: How many frames are each recording's, int64 (batch,). None: all.

        Returns:
            float32 (batch, frames, channels out).
        """
        if counts is None:
            x = x - x.mean(dim=1, keepdim=True)
            covariance = x.transpose(1, 2) @ x / x.shape[1]  # (batch, inputs, inputs)
        else:
            inside, number = _inside(counts, x.shape[1]), counts[:, None, None].to(x.dtype)
            mean = torch.where(inside, x, 0.0).sum(dim=1, keepdim=True) / number
            x = torch.where(inside, x - mean, 0.0)
            covariance = x.transpose(1, 2) @ x / number
        weight = self.product.weight  # (channels out, inputs)
        variance = ((weight @ covariance) * weight).sum(dim=2)  # (batch, channels out)
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        return x @ (weight * scale[:, :, None]).transpose(1, 2) + self.norm.bias


class Attention(torch.autograd.Function):
    """Attention; exported as the one operator that ONNX Runtime has for it."""

    @staticmethod
    def forward(
        _: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        keys: torch.Tensor | None,
        heads: int,
    ) -> torch.Tensor:
        """Attend over all frames of a recording.

        Args:
            query: float32 (batch, frames, width).
            key: float32 (batch, frames, width).
            value: float32 (batch, frames, width).
            keys: What `_key_lengths` gives. None: the recordings are equally long.
            heads: How many heads there are.

        Returns:
            float32 (batch, frames, width).
        """
        batch, frames, width = query.shape
        query, key, value = (  # (batch, heads, frames, width / heads) each
            part.view(batch, frames, heads, width // heads).transpose(1, 2)
            for part in (query, key, value)
        )
        mask = None if keys is None else _inside(keys[:batch], frames).transpose(1, 2)[:, None]
        mixed = functional.scaled_dot_product_attention(query, key, value, mask)
        return mixed.transpose(1, 2).reshape(batch, frames, width)

    @staticmethod
    def symbolic(graph: Any, query: Any, key: Any, value: Any, keys: Any, heads: int) -> Any:
        """Write the operator into the graph."""
        inputs = [query, key, value]
        if keys is not None:
            no_bias = graph.op("prim::Constant").setType(torch._C.OptionalType.ofTensor())
            inputs += [no_bias, keys]
        operator = "com.microsoft::MultiHeadAttention"
        return graph.op(operator, *inputs, num_heads_i=heads).setType(query.type())


class Layer(nn.Module):
    """A layer of the Transformer; it normalises before (XLSR) or after (base) its two parts."""

    def __init__(self, layer: Any, heads: int, norm_first: bool) -> None:
        super().__init__()
        attention = layer.attention
        parts = [attention.q_proj, attention.k_proj, attention.v_proj]
        self.parts = nn.Linear(parts[0].in_features, 3 * parts[0].out_features)
        self.parts.weight = nn.Parameter(torch.cat([part.weight for part in parts]))
        self.parts.bias = nn.Parameter(torch.cat([part.bias for part in parts]))
        self.out = attention.out_proj
        self.heads, self.norm_first = heads, norm_first
        self.norm, self.last_norm = layer.layer_norm, layer.final_layer_norm
        self.wide = layer.feed_forward.intermediate_dense
        self.narrow = layer.feed_forward.output_dense

    def forward(self, x: torch.Tensor, keys: torch.Tensor | None) -> torch.Tensor:
        """Transform frames: float32 (batch, frames, width) to float32 (batch, frames, width)."""
        if self.norm_first:
            x = x + self.attend(self.norm(x), keys)
            return x + self.feed(self.last_norm(x))
        x = self.norm(x + self.attend(x, keys))
        normalised: torch.Tensor = self.last_norm(x + self.feed(x))
        return normalised

    def attend(self, x: torch.Tensor, keys: torch.Tensor | None) -> torch.Tensor:
        """Apply self-attention, float32 (batch, frames, width) to (batch, frames, width)."""
        mixed = Attention.apply(*self.parts(x).chunk(3, dim=2), keys, self.heads)
        out: torch.Tensor = self.out(mixed)
        return out

    def feed(self, x: torch.Tensor) -> torch.Tensor:
        """Apply the feed-forward part, float32 (batch, frames, width) to (batch, frames, width)."""
        out: torch.Tensor = self.narrow(functional.gelu(self.wide(x)))
        return out
