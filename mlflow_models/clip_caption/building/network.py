"""ClipCap's network: CLIP features, a mapper, and GPT-2, which reads what the mapper writes.

Mokady, Hertz and Bermano 2021, "ClipCap: CLIP Prefix for Image Captioning" (arXiv 2111.09734). The
modules' names are those of the published checkpoints (CLIP_prefix_caption), so that a state dict of
one fits the other. Training and conversion use this; the served model has no torch.
"""

import torch
from torch import nn
from torch.nn import functional
from transformers import GPT2Config, GPT2LMHeadModel

HEADS = 8  # of the Transformer mapper, in every published checkpoint; the weights don't tell


class MlpMapper(nn.Module):
    """Features (batch, clip_width) to prefixes (batch, prefix_length x gpt_width), over one hidden
    layer of half that."""

    def __init__(self, clip_width: int, gpt_width: int, prefix_length: int) -> None:
        super().__init__()
        out = gpt_width * prefix_length
        self.model = nn.Sequential(
            nn.Linear(clip_width, out // 2), nn.Tanh(), nn.Linear(out // 2, out)
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Float32 (batch, clip_width) to (batch, prefix_length x gpt_width)."""
        prefixes: torch.Tensor = self.model(features)
        return prefixes


class LinearMapper(nn.Linear):
    """Features (batch, clip_width) to prefixes (batch, prefix_length x gpt_width): what the
    published code takes where a long prefix would make the MLP too large."""

    def __init__(self, clip_width: int, gpt_width: int, prefix_length: int) -> None:
        super().__init__(clip_width, gpt_width * prefix_length)


class TransformerMapper(nn.Module):
    """Features (batch, clip_width) to prefixes (batch, prefix_length, gpt_width).

    The features are spread over `clip_length` places; learned constants stand in the prefix's, and
    what the layers make of these is the prefix.
    """

    def __init__(
        self,
        clip_width: int,
        gpt_width: int,
        prefix_length: int,
        clip_length: int,
        layers: int = 8,
        heads: int = HEADS,
    ) -> None:
        super().__init__()
        self.clip_length, self.heads = clip_length, heads
        self.linear = nn.Linear(clip_width, clip_length * gpt_width)
        self.prefix_const = nn.Parameter(torch.randn(prefix_length, gpt_width))
        self.transformer = _Transformer(gpt_width, heads, layers)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Float32 (batch, clip_width) to (batch, prefix_length, gpt_width)."""
        width = self.prefix_const.shape[1]
        places = self.linear(features).view(-1, self.clip_length, width)
        constants = self.prefix_const.expand(features.shape[0], -1, -1)
        x = self.transformer(torch.cat((places, constants), dim=1))
        prefixes: torch.Tensor = x[:, self.clip_length :]
        return prefixes


class _Transformer(nn.Module):
    """The mapper's layers."""

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer(width, heads) for _ in range(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _Layer(nn.Module):
    """A layer of the mapper: self-attention over all places, then a ReLU MLP of twice the width,
    both normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(width, 2 * width), "fc2": nn.Linear(2 * width, width)}
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attn(self.norm1(x))
        hidden = functional.relu(self.mlp["fc1"](self.norm2(x)))
        summed: torch.Tensor = x + self.mlp["fc2"](hidden)
        return summed


class _Attention(nn.Module):
    """Self-attention without a mask; no bias before it, as published."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_queries = nn.Linear(width, width, bias=False)
        self.to_keys_values = nn.Linear(width, 2 * width, bias=False)
        self.project = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, places, width = x.shape
        parts = (self.to_queries(x), *self.to_keys_values(x).chunk(2, dim=2))
        query, key, value = (
            part.view(batch, places, self.heads, width // self.heads).transpose(1, 2)
            for part in parts
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: torch.Tensor = self.project(mixed.transpose(1, 2).reshape(batch, places, width))
        return out


Mapper = MlpMapper | LinearMapper | TransformerMapper


class CaptionModel(nn.Module):
    """A mapper and GPT-2 under the published names, `clip_project` and `gpt`.

    Args:
        mapper: what writes the prefix.
        config: of GPT-2.
        normalize: whether the mapper reads features of length 1; None: as published, the
            Transformer does, the others don't.
    """

    def __init__(self, mapper: Mapper, config: GPT2Config, normalize: bool | None = None) -> None:
        super().__init__()
        self.gpt = GPT2LMHeadModel(config)
        self.clip_project = mapper
        self.normalize = isinstance(mapper, TransformerMapper) if normalize is None else normalize

    def prefixes(self, features: torch.Tensor) -> torch.Tensor:
        """What GPT-2 reads first: float32 (batch, prefix_length, gpt_width).

        Args:
            features: CLIP's, float32 (batch, clip_width), as CLIP gives them: not normalised.
        """
        if self.normalize:
            features = functional.normalize(features, dim=-1)
        mapped: torch.Tensor = self.clip_project(features)
        return mapped.view(features.shape[0], -1, self.gpt.config.n_embd)

    def forward(self, features: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Logits of what follows each token: float32 (batch, length + 1, vocabulary).

        The first is what follows the prefix, so `logits[:, :-1]` foretells `tokens`. Captions that
        are shorter than the others are filled up at their ends: no mask is needed, since a token
        sees only what stands before it; leave the filling out of the loss.

        Args:
            features: CLIP's, float32 (batch, clip_width).
            tokens: captions, int64 (batch, length).
        """
        prefixes = self.prefixes(features)
        embedded = torch.cat((prefixes, self.gpt.transformer.wte(tokens)), dim=1)
        hidden = self.gpt.transformer(inputs_embeds=embedded).last_hidden_state
        logits: torch.Tensor = self.gpt.lm_head(hidden[:, prefixes.shape[1] - 1 :])
        return logits
