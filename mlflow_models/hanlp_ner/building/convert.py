"""Turns a HanLP recognizer into files that serve without torch, transformers and HanLP.

Writes ONNX graphs, tables and `config.json` for `hanlp_ner.engine`. A single-task recognizer reads
characters, gives each one exactly one sub-token, and takes the network's scores at that sub-token;
so its tokenizer is a table from code points to token ids. A multi-task one reads words that its own
tokenizer finds; its tasks of sequence labeling are converted, its parsers are packed with HanLP's
own files.
"""

import shutil
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np

from hanlp_ner.building.graphs import EncoderGraph, HeadGraph, TaggerGraph, write
from hanlp_ner.network.component import MULTI_TASK, load
from zoo.building.float16 import to_float16
from zoo.building.onnx import quantize
from zoo.data.outputs import write_json
from zoo.errors import CheckpointError

CLASSIFIER = "/decoder/classifier/"  # stays in float32: it is small, and its scores are compared
EXAMPLE = np.array([[2, *range(5, 35), 3], [2, 5, 6, 3, *28 * [0]]])  # token ids, one row is padded


def convert(
    checkpoint: Path,
    target: Path,
    precision: str = "fp32",
    others: bool = True,
    gpu: bool = False,
) -> dict[str, Any]:
    """Converts a HanLP directory.

    Args:
        checkpoint: What HanLP's `save` wrote.
        target: The directory to write; it must exist and be empty.
        precision: `fp32` gives HanLP's own answers; `fp16` and `int8` are nearly the same, and
            faster on a GPU or on a CPU.
        others: Whether to pack HanLP's own files for the tasks of a multi-task checkpoint that
            can't be converted.
        gpu: Whether the model is for GPUs, whose requirements have no torch.

    Returns:
        The configuration that was written; `others` in it names the tasks that need torch.

    Raises:
        CheckpointError: The checkpoint can't be loaded, has nothing that finds entities, or has
            tasks that need torch where there is none.
    """
    component = load(checkpoint)
    if component.config["classpath"] == MULTI_TASK:
        config = _multi(component, checkpoint, target, others, gpu)
    else:
        config = _single(component, checkpoint, target)
    if precision == "int8":
        for graph in target.glob("*.onnx"):
            quantize(graph)
    elif precision == "fp16":  # a task's classifier is small, and stays as it is
        network = "encoder.onnx" if config["kind"] == "multi" else "model.onnx"
        to_float16(target / network, [CLASSIFIER], {"input_ids": EXAMPLE})
    write_json(target / "config.json", config)
    return config


def _single(component: Any, checkpoint: Path, target: Path) -> dict[str, Any]:
    if component.config.get("extra_embeddings"):
        raise CheckpointError(f"'{checkpoint}' uses extra embeddings, which can't be converted.")
    model = component.model
    codes, ids = character_table(component)
    np.savez_compressed(target / "tables.npz", codes=codes, ids=ids, **_crf(model))
    write(TaggerGraph(model), target / "model.onnx")
    return {
        "kind": "single",
        "tags": list(component.vocabs.tag.idx_to_token),
        **_tokens(component.transformer_tokenizer, model.encoder),
    }


def _multi(
    component: Any, checkpoint: Path, target: Path, others: bool, gpu: bool
) -> dict[str, Any]:
    model, encoder = component.model, component.model.encoder
    heads = _heads(component)
    recognizers = [name for name, head in heads.items() if head["gives"] == "entities"]
    if not recognizers:
        raise CheckpointError(f"'{checkpoint}' has no task that finds entities by tagging words.")
    rest = [name for name in component.config.task_names if others and name not in heads]
    if rest and gpu:
        raise CheckpointError(
            f"A model for GPUs has no torch, which {', '.join(rest)} need; add --no-torch."
        )
    transforms = _transforms(component, heads)
    tokenizer = component.config.encoder.get_tokenizer()
    tokenizer.backend_tokenizer.save(str(target / "tokenizer.json"))
    write(EncoderGraph(encoder), target / "encoder.onnx")
    for name, head in heads.items():
        decoder, stem = model.decoders[name], head["file"]
        write(HeadGraph(decoder, encoder.get_output_dim()), target / f"{stem}.onnx")
        if decoder.crf is not None:
            np.savez(target / f"{stem}.npz", **_crf(decoder))
    if rest:
        _pack(component, transforms, checkpoint, target / "hanlp")
    return {
        "kind": "multi",
        "recognizer": recognizers[0],
        "heads": heads,
        "others": rest,
        "shared": not (model.scalar_mixes or any(model.use_raw_hidden_states.values())),
        "normal": _normal(transforms),
        **_tokens(tokenizer, encoder),
    }


def _heads(component: Any) -> dict[str, dict[str, Any]]:
    """The tasks that one classifier over the encoder's last layer does, with what they need.

    Returns:
        By task: what it `gives` (words, tags or entities), its tags, `after`, the task whose words
        it tags, and the name of its `file`.
    """
    from hanlp.components.mtl.tasks.ner.tag_ner import TaggingNamedEntityRecognition
    from hanlp.components.mtl.tasks.pos import TransformerTagging
    from hanlp.components.mtl.tasks.tok.tag_tok import TaggingTokenization

    gives = {
        TaggingTokenization: "words",
        TransformerTagging: "tags",
        TaggingNamedEntityRecognition: "entities",
    }
    heads: dict[str, dict[str, Any]] = {}
    for names in component._tasks_in_topological_order:
        for name in names:
            task, model = component[name], component.model
            after = component._computation_graph[name]
            if (
                type(task) in gives
                and name not in model.scalar_mixes
                and not model.use_raw_hidden_states[name]
                and all(heads.get(one, {}).get("gives") == "words" for one in after)
                and len(after) == (gives[type(task)] != "words")
            ):
                heads[name] = {
                    "gives": gives[type(task)],
                    "after": next(iter(after), None),
                    "tags": list(task.vocabs.tag.idx_to_token),
                }
    ordered = {name: heads[name] for name in component.config.task_names if name in heads}
    for number, head in enumerate(ordered.values()):
        head["file"] = f"head-{number}"
    return ordered


def _tokens(tokenizer: Any, encoder: Any) -> dict[str, int]:
    """Ids of the special tokens, and how many others the encoder takes."""
    positions = encoder.transformer.config.max_position_embeddings
    return {
        "limit": min(positions, 512) - 2,
        "cls": tokenizer.cls_token_id,
        "sep": tokenizer.sep_token_id,
        "unknown": tokenizer.unk_token_id,
    }


def _crf(decoder: Any) -> dict[str, Any]:
    """The scores of a decoder's CRF, as arrays; none where it has no CRF."""
    if decoder.crf is None:
        return {}
    return {
        "crf_start": decoder.crf.start_transitions.detach().numpy(),
        "crf_transitions": decoder.crf.transitions.detach().numpy(),
        "crf_end": decoder.crf.end_transitions.detach().numpy(),
    }


def _assigned() -> list[str]:
    """Every character that Unicode assigns, but for the private ones."""
    characters = map(chr, range(sys.maxunicode + 1))
    return [one for one in characters if unicodedata.category(one) not in ("Cs", "Co", "Cn")]


def character_table(component: Any) -> tuple[np.ndarray, np.ndarray]:
    """The token id of every assigned Unicode character that has one.

    The ids come from HanLP's own transform, so normalization (case, accents, width) is in them.

    Returns:
        Code points, uint32, and their token ids, int32, `(characters,)` each, in the order of the
        code points.
    """
    characters = _assigned()
    transform = component.config.get("transform")
    unknown = component.transformer_tokenizer.unk_token_id
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


def _transforms(component: Any, heads: dict[str, Any]) -> list[Any]:
    """The transforms that a text goes through before its words are found."""
    tokenizer = next(component[name] for name, head in heads.items() if head["gives"] == "words")
    return [each for each in (tokenizer.transform, component.config.get("transform")) if each]


def _normal(transforms: list[Any]) -> dict[str, str]:
    """What a checkpoint's transforms make of single characters, where it is another one."""
    normal = {}
    for character in _assigned() if transforms else ():
        text = character
        for transform in transforms:
            text = transform({"token": text})["token"]
        # HanLP takes offsets in the changed text for offsets in the original, so only changes
        # that keep the length can be meant.
        if text != character and len(text) == 1:
            normal[character] = text
    return normal


def _pack(component: Any, transforms: list[Any], checkpoint: Path, target: Path) -> None:
    """Copies a checkpoint so that it loads with no network: transformer and tables come along."""
    from hanlp.utils.io_util import get_resource

    shutil.copytree(
        checkpoint, target, ignore=shutil.ignore_patterns("transformer", "utils", "dictionary.json")
    )
    component.config.encoder.get_tokenizer().save_pretrained(target / "transformer")
    component.model.encoder.transformer.config.save_pretrained(target / "transformer")
    for transform in transforms:
        if isinstance(mapper := getattr(transform, "mapper", None), str):
            (target / "utils").mkdir(exist_ok=True)
            shutil.copy(get_resource(mapper), target / "utils" / mapper.rpartition("/")[2])
