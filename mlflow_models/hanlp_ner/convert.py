"""Turns a HanLP recogniser into files that serve without torch, transformers and HanLP.

HanLP reads characters, gives each one exactly one sub-token, and takes the network's scores at that
sub-token. So its tokenizer is a table from code points to token ids, and the network an ONNX graph
from token ids to scores.
"""

import json
import sys
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from zoo.errors import CheckpointError

from hanlp_ner.component import load


def convert(checkpoint: Path, target: Path) -> None:
    """Writes `model.onnx`, `tables.npz` and `config.json` for `hanlp_ner.engine`.

    Args:
        checkpoint: A single-task HanLP directory.
        target: The directory to write; it must exist and be empty.
    """
    component = load(checkpoint)
    if component.config.get("extra_embeddings"):
        raise CheckpointError(f"'{checkpoint}' uses extra embeddings, which can't be converted.")
    positions = component.model.encoder.transformer.config.max_position_embeddings
    tokenizer = component.transformer_tokenizer
    crf = component.model.crf
    codes, ids = character_table(component)
    tables: dict[str, Any] = {"codes": codes, "ids": ids}
    if crf is not None:
        tables |= {
            "crf_start": crf.start_transitions.detach().numpy(),
            "crf_transitions": crf.transitions.detach().numpy(),
            "crf_end": crf.end_transitions.detach().numpy(),
        }
    np.savez_compressed(target / "tables.npz", **tables)
    export(component, target / "model.onnx")
    config = {
        "tags": list(component.vocabs.tag.idx_to_token),
        "limit": min(positions, 512) - 2,
        "cls": tokenizer.cls_token_id,
        "sep": tokenizer.sep_token_id,
        "unknown": tokenizer.unk_token_id,
    }
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def character_table(component: Any) -> tuple[np.ndarray, np.ndarray]:
    """The token id of every assigned Unicode character that has one.

    The ids come from HanLP's own transform, so normalisation (case, accents, width) is in them.

    Returns:
        Code points and their token ids, `(characters,)` each, in the order of the code points.
    """
    characters = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) not in ("Cs", "Co", "Cn")
    ]
    transform, unknown = (
        component.config.get("transform"),
        component.transformer_tokenizer.unk_token_id,
    )
    codes, ids = [], []
    for first in range(0, len(characters), 500):
        sample = {"token": characters[first : first + 500]}
        if transform:
            sample = transform(sample)
        sample = component.tokenizer_transform(sample)
        token_ids = sample["token_input_ids"]
        for character, places in zip(characters[first:], sample["token_token_span"], strict=False):
            if token_ids[places[0]] != unknown:
                codes.append(ord(character))
                ids.append(token_ids[places[0]])
    return np.array(codes, dtype=np.uint32), np.array(ids, dtype=np.int32)


def export(component: Any, path: Path) -> None:
    """Writes the network as ONNX: `input_ids (batch, length + 2)` to `tags` or `scores`.

    `tags (batch, length)` are the best tags; with a CRF, which decodes outside of the graph, it is
    `scores (batch, length, tags)`. Token id 0 is padding, as in HanLP.
    """
    import torch

    class Network(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any) -> Any:
            mask = input_ids.ne(0)
            encoder = self.model.encoder
            outputs = encoder.transformer(input_ids, attention_mask=mask)
            if encoder.scalar_mix is not None:
                first, last = encoder.scalar_mix.mixture_range
                hidden = encoder.scalar_mix(torch.stack(outputs.hidden_states[first:last]))
            else:
                hidden = outputs[0]
            hidden = hidden[:, 1:-1]  # without [CLS] and [SEP]: (batch, length, width)
            if self.model.secondary_encoder is not None:
                hidden = self.model.secondary_encoder(hidden, mask=mask[:, 2:])
            scores = self.model.classifier(hidden)
            return scores if self.model.crf is not None else scores.argmax(-1)

    network = Network(component.model).eval()
    # Plain matrix products export to a graph that ONNX Runtime optimises best.
    component.model.encoder.transformer.set_attn_implementation("eager")
    output = "tags" if component.model.crf is None else "scores"
    example = torch.tensor([[2, 5, 6, 7, 3], [2, 5, 6, 3, 0]])
    with warnings.catch_warnings():
        # Tracing takes sizes for constants where transformers asks for them; the tests hold other
        # sizes equal to HanLP.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=["input_ids"],
            output_names=[output],
            dynamic_axes={"input_ids": {0: "batch", 1: "length"}},
            opset_version=17,
            dynamo=False,
        )
