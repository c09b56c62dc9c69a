"""HanLP's networks as ONNX graphs."""

from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.nn import functional

from zoo.building.onnx import export

AXES = {
    "input_ids": ("batch", "length"),
    "hidden": ("batch", "length"),
    "places": ("batch", "items", "parts"),
}


class EncoderGraph(torch.nn.Module):
    """HanLP's encoder: `input_ids (batch, length + 2)` to `hidden (batch, length + 2, width)`.

    Ids are int64, vectors float32. Token id 0 is padding, as in HanLP.
    """

    outputs: ClassVar = ["hidden"]

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.encoder = encoder
        # Plain matrix products export to a graph that ONNX Runtime optimizes best.
        encoder.transformer.set_attn_implementation("eager")

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        outputs = self.encoder.transformer(input_ids, attention_mask=input_ids.ne(0))
        if self.encoder.scalar_mix is None:
            return outputs[0]
        first, last = self.encoder.scalar_mix.mixture_range
        return self.encoder.scalar_mix(torch.stack(outputs.hidden_states[first:last]))

    def example(self) -> dict[str, torch.Tensor]:
        """An input of each kind: full, and padded."""
        return {"input_ids": torch.tensor([[2, 5, 6, 7, 3], [2, 5, 6, 3, 0]])}


class TaggerGraph(torch.nn.Module):
    """A single-task recognizer: `input_ids (batch, length + 2)` to scores of each character.

    Output: `scores (batch, length, tags)`, float32; the tags are chosen outside of the graph.
    """

    outputs: ClassVar = ["scores"]

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder, self.decoder = EncoderGraph(model.encoder), model
        self.example = self.encoder.example

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        hidden = self.encoder(input_ids)[:, 1:-1]  # without [CLS] and [SEP]
        return _classify(self.decoder, hidden, input_ids[:, 2:].ne(0))


class HeadGraph(torch.nn.Module):
    """A multi-task checkpoint's decoder of tags: vectors out of the encoder's, and their scores.

    Inputs: `hidden (batch, length + 2, width)`, and `places (batch, items, sub-tokens)`, int64:
    the rows of `hidden` that an item's vector is averaged from; place 0 stands for none. Output as
    above.
    """

    outputs: ClassVar = ["scores"]

    def __init__(self, decoder: Any, width: int) -> None:
        super().__init__()
        self.decoder, self.width = decoder, width

    def forward(self, hidden: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        batch, length, width = hidden.shape
        rows = torch.arange(batch, device=places.device)[:, None, None] * length
        # (batch, items, sub-tokens, width)
        parts = functional.embedding(places + rows, hidden.reshape(-1, width))
        given = places.ne(0)
        count = given.sum(-1, keepdim=True).clamp(min=1)
        vectors = (parts * given.unsqueeze(-1)).sum(2) / count  # (batch, items, width)
        return _classify(self.decoder, vectors, given[:, :, 0])

    def example(self) -> dict[str, torch.Tensor]:
        """An input of each kind: items of two sub-tokens and of one, and padding."""
        places = torch.tensor([[[1, 2], [3, 0], [4, 0]], [[1, 0], [2, 3], [0, 0]]])
        return {"hidden": torch.randn(2, 6, self.width), "places": places}


def _classify(decoder: Any, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    if getattr(decoder, "secondary_encoder", None) is not None:
        vectors = decoder.secondary_encoder(vectors, mask=mask)
    return decoder.classifier(vectors)


def write(network: EncoderGraph | TaggerGraph | HeadGraph, path: Path) -> None:
    """Writes a network as ONNX, with batch and lengths left open."""
    example = network.example()
    axes = {name: AXES[name] for name in example}
    export(network, path, example, network.outputs, axes)
