"""Turns a HanLP recognizer into files that serve without torch, transformers and HanLP.

Writes ONNX graphs, tables and `config.json` for `hanlp_ner.engine`. A single-task recognizer reads
characters, gives each one exactly one sub-token, and takes the network's scores at that sub-token;
so its tokenizer is a table from code points to token ids. A multi-task one reads words that its own
tokenizer finds; its tasks of sequence labeling are converted, its parsers are packed with HanLP's
own files.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from hanlp_ner.building.characters import character_table, normal, transforms
from hanlp_ner.building.graphs import EncoderGraph, HeadGraph, TaggerGraph, write
from hanlp_ner.building.settings import (
    check_encoder,
    check_single,
    refusal,
    rules,
    unknown,
    why_not,
)
from hanlp_ner.network.component import MULTI_TASK, load
from zoo.building.float16 import to_float16
from zoo.building.onnx import quantize
from zoo.data.outputs import write_json
from zoo.errors import CheckpointError

LONGEST = 512  # tokens that HanLP reads at once, for a single task
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
    _say_unknown(component)
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


def _say_unknown(component: Any) -> None:
    """Say which keys HanLP doesn't know. They change no answer, there or here."""
    tasks = component.tasks if component.config["classpath"] == MULTI_TASK else {}
    top = {key: value for key, value in component.config.items() if key not in tasks}
    odd = unknown(top, type(component), "fit")
    for name, task in tasks.items():
        odd += [f"{name}.{key}" for key in unknown(task.config, type(task), "__init__")]
    if odd:
        print(
            f"config.json has keys that HanLP doesn't know, which change nothing: {', '.join(odd)}."
        )


def _single(component: Any, checkpoint: Path, target: Path) -> dict[str, Any]:
    config, model, owner = component.config, component.model, f"'{checkpoint}'"
    check_single(config, owner)
    own = rules(config, owner, "characters")
    some = transforms([config.get("transform")], config.token_key, owner)
    codes, ids = character_table(component, some, owner)
    np.savez_compressed(target / "tables.npz", codes=codes, ids=ids, **_crf(model))
    write(TaggerGraph(model), target / "model.onnx")
    return {
        "kind": "single",
        "tags": list(component.vocabs.tag.idx_to_token),
        "rules": own,
        # what dictionaries of entities look for is what the network reads
        "normal": normal(some) if "whitelist" in own or "blacklist" in own else {},
        **_tokens(component.transformer_tokenizer, model.encoder, LONGEST),
    }


def _multi(
    component: Any, checkpoint: Path, target: Path, others: bool, gpu: bool
) -> dict[str, Any]:
    model, encoder, owner = component.model, component.model.encoder, f"'{checkpoint}'"
    check_encoder(component.config.encoder, model.scalar_mixes, owner)
    heads = _heads(component, owner)
    recognizer = next(name for name, head in heads.items() if head["gives"] == "entities")
    rest = [name for name in component.config.task_names if others and name not in heads]
    if rest and gpu:
        raise CheckpointError(
            f"A model for GPUs has no torch, which {', '.join(rest)} need; add --no-torch."
        )
    some = _transforms(component, heads, owner)
    tokenizer = component.config.encoder.get_tokenizer()
    tokenizer.backend_tokenizer.save(str(target / "tokenizer.json"))
    write(EncoderGraph(encoder), target / "encoder.onnx")
    for name, head in heads.items():
        decoder, stem = model.decoders[name], head["file"]
        write(HeadGraph(decoder, encoder.get_output_dim()), target / f"{stem}.onnx")
        if decoder.crf is not None:
            np.savez(target / f"{stem}.npz", **_crf(decoder))
    if rest:
        _pack(component, some, checkpoint, target / "hanlp")
    table = normal(some)
    if left_out := len(table) - len(_same_length(table)):
        print(f"'transform' makes other than one character of {left_out}; they stay as they are.")
    return {
        "kind": "multi",
        "recognizer": recognizer,
        "heads": heads,
        "others": rest,
        "shared": not any(model.use_raw_hidden_states.values()),
        "normal": _same_length(table),
        "raw": _same_length(normal(some[:-1])),  # HanLP's words have the text before the last one
        "joined": not some,  # without a transform they lack the spaces between their sub-tokens
        **_tokens(tokenizer, encoder, component.config.encoder.max_sequence_length),
    }


def _heads(component: Any, owner: str) -> dict[str, dict[str, Any]]:
    """The tasks that one classifier over the encoder's last layer does, with what they need.

    Returns:
        By task: what it `gives` (words, tags or entities), its tags, its `rules`, `after`, the task
        whose words it tags, and the name of its `file`.

    Raises:
        CheckpointError: The first task that finds entities isn't among them.
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
    reasons: dict[str, str] = {}
    for name in (name for names in component._tasks_in_topological_order for name in names):
        task, after = component[name], sorted(component._computation_graph[name])
        if type(task) not in gives:
            continue
        kind = gives[type(task)]
        if (reason := why_not(name, task, kind)) is not None:
            reasons[name] = reason
        elif [heads.get(one, {}).get("gives") for one in after] != ["words"] * (kind != "words"):
            causes = [f" ('{one}': {reasons[one]})" for one in after if one in reasons]
            reasons[name] = f"its dependency is not one task that finds words{''.join(causes)}"
        else:
            heads[name] = {
                "gives": kind,
                "after": next(iter(after), None),
                "tags": list(task.vocabs.tag.idx_to_token),
                "rules": rules(task.config, f"'{name}' of {owner}", kind),
                "output_spans": kind == "words" and bool(task.config.get("output_spans")),
            }
    names = component.config.task_names
    found = [one for one in names if gives.get(type(component[one])) == "entities"]
    if not found:
        raise CheckpointError(f"{owner} has no task that finds entities by tagging words.")
    if found[0] not in heads:
        raise CheckpointError(f"'{found[0]}' of {owner} can't be served: {reasons[found[0]]}.")
    ordered = {name: heads[name] for name in names if name in heads}
    for number, head in enumerate(ordered.values()):
        head["file"] = f"head-{number}"
    return ordered


def _transforms(component: Any, heads: dict[str, Any], owner: str) -> list[Any]:
    """The transforms that a text goes through before its words are found.

    Raises:
        CheckpointError: Two tasks read a text in two ways; or a transform isn't of characters.
    """
    every = component.config.get("transform")
    found = {
        name: transforms([component[name].transform, every], "token", f"'{name}' of {owner}")
        for name, head in heads.items()
        if head["gives"] == "words"
    }
    first, *more = found
    for name in more:
        if normal(found[name]) != normal(found[first]):
            raise refusal("transform", f"'{name}' of {owner}", f"is not that of '{first}'")
    if any(type(each).__name__ == "NormalizeToken" for each in found[first]):
        why = "is a NormalizeToken, which replaces whole texts only; use NormalizeCharacter"
        raise refusal("transform", f"'{first}' of {owner}", why)
    return found[first]


def _same_length(table: dict[str, str]) -> dict[str, str]:
    """Leave out what changes a text's length, for HanLP's offsets then count the changed text."""
    return {character: text for character, text in table.items() if len(text) == 1}


def _tokens(tokenizer: Any, encoder: Any, longest: int) -> dict[str, int]:
    """Ids of the special tokens, and how many others the encoder takes of `longest` tokens."""
    positions = encoder.transformer.config.max_position_embeddings
    return {
        "limit": min(positions, longest) - 2,
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


def _pack(component: Any, some: list[Any], checkpoint: Path, target: Path) -> None:
    """Copies a checkpoint so that it loads with no network: transformer and tables come along."""
    from hanlp.utils.io_util import get_resource

    shutil.copytree(
        checkpoint, target, ignore=shutil.ignore_patterns("transformer", "utils", "dictionary.json")
    )
    component.config.encoder.get_tokenizer().save_pretrained(target / "transformer")
    transformer = component.model.encoder.transformer
    if component.config.encoder.trainable:
        transformer.config.save_pretrained(target / "transformer")
    else:  # its weights aren't in model.pt
        transformer.save_pretrained(target / "transformer")
    for transform in some:
        if isinstance(mapper := getattr(transform, "mapper", None), str):
            (target / "utils").mkdir(exist_ok=True)
            shutil.copy(get_resource(mapper), target / "utils" / mapper.rpartition("/")[2])
