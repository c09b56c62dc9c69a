"""ClipCap checkpoints, read without running anything that they carry, and written.

A checkpoint is a `.pt` file as CLIP_prefix_caption publishes them (the state dict of its
ClipCaptionModel or ClipCaptionPrefix), or a directory of ours: `model.safetensors` with the same
names, `config.json`, GPT-2's vocabulary where it isn't GPT-2's own, and in `clip` the CLIP.
"""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import checkpoints
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from transformers import GPT2Config

    from clip_caption.building.clip import Clip
    from clip_caption.building.network import CaptionModel, Mapper

DEMO = Path(__file__).parents[1] / "demo"
WEIGHTS, CONFIG = "model.safetensors", "config.json"
VOCABULARY = ("vocab.json", "merges.txt")
NORMALIZE: dict[str, bool | None] = {"yes": True, "no": False, "by-layout": None}
HEAD_WIDTH = 64  # of every GPT-2 that was published
# Older versions of Transformers kept the causal mask among the weights; the head is the embedding.
NOT_KEPT = re.compile(r"gpt\.transformer\.h\.\d+\.attn\.(bias|masked_bias)$")
HEAD, EMBEDDING = "gpt.lm_head.weight", "gpt.transformer.wte.weight"


def find(name: str) -> Path:
    """The local path of `demo`, a directory, a `.pt` file, or `owner/name` on the Hugging Face hub.

    Raises:
        CheckpointError: there is no such checkpoint, or the directory has none.
    """
    found = checkpoints.resolve(name, DEMO, _fetch, suffixes=(".pt",))
    if found.is_dir() and not (found / WEIGHTS).is_file():
        files = sorted(found.glob("*.pt"))
        if len(files) == 1:
            return files[0]
        _config(found)
    return found


def _fetch(name: str) -> Path:
    if name.endswith(".pt") or "/" not in name:
        raise CheckpointError(
            f"Checkpoint '{name}' not found; give 'demo', a directory, or a .pt file of "
            "CLIP_prefix_caption."
        )
    return checkpoints.from_hub(name)


def add_normalize_option(group: argparse._ActionsContainer) -> None:
    """Adds --normalize-prefix to a command that opens checkpoints."""
    group.add_argument(
        "--normalize-prefix",
        choices=NORMALIZE,
        help="how the mapper of a .pt file was trained, which the file doesn't tell: with "
        "CLIP_prefix_caption's --normalize_prefix (features of length 1) or without; by-layout: as "
        "its authors did, with it for a Transformer, without it for the others (default: a "
        "directory says it itself; a .pt file is refused; a new mapper is made by-layout)",
    )


def open_model(path: Path, normalize: str | None = None) -> "CaptionModel":
    """Loads the mapper and GPT-2, in float32, for inference; their sizes are read from the weights.

    Args:
        path: the `.pt` file or directory.
        normalize: one of `NORMALIZE`: whether the mapper was trained on features of length 1.
            None: what the checkpoint says.

    Raises:
        CheckpointError: it is no such checkpoint, isn't safe to load, or a weight is missing,
            unknown or of a wrong shape; or it says that it was trained
            otherwise, or nobody says how.
    """
    import torch

    from clip_caption.building.network import CaptionModel

    weights, about = _read(path)
    weights = {name: one.float() for name, one in weights.items() if not NOT_KEPT.match(name)}
    head = weights.pop(HEAD, None)
    try:
        if head is not None and not torch.equal(head, weights[EMBEDDING]):
            raise CheckpointError(f"'{path}' has an output layer that isn't its token embedding.")
        config, mapper = _gpt2_config(weights, about.get("gpt2", {})), _mapper(weights, about)
        with torch.device("meta"):
            model = CaptionModel(mapper, config, _normalize(path, about, normalize))
    except (KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"'{path}' is not a checkpoint of ClipCap: the weights of its mapper (clip_project) or "
            f"of its GPT-2 (gpt) lack what tells their sizes: {error}."
        ) from error
    _compare(path, {name: one.shape for name, one in model.state_dict().items()}, weights)
    model.to_empty(device="cpu")
    model.load_state_dict({**weights, HEAD: weights[EMBEDDING]})
    model.gpt.tie_weights()
    return model.eval()


def _normalize(path: Path, about: dict[str, Any], asked: str | None) -> bool | None:
    """Whether a checkpoint's features are normalized, as it says or as is asked for."""
    own: bool | None = about.get("normalize")
    if own is None and asked is None:
        raise CheckpointError(
            f"'{path}' doesn't tell whether its mapper was trained on features of length 1; give "
            "--normalize-prefix yes or no, as it was trained, or by-layout for a file that "
            "CLIP_prefix_caption's authors published."
        )
    if own is not None and asked not in (None, "by-layout") and NORMALIZE[str(asked)] != own:
        raise CheckpointError(
            f"'{path}' was trained {'with' if own else 'without'} normalized features, as its "
            f"'{CONFIG}' says; leave --normalize-prefix out."
        )
    return NORMALIZE[str(asked)] if own is None else own


def clip_of(path: Path, name: str | None, width: int) -> "Clip":
    """The CLIP of a checkpoint: what is asked for, else the one that it carries, else the published
    one of that width. If a text tower of M-CLIP's is asked for, one of these sees the photos.

    Raises:
        CheckpointError: as `clip.open_clip_model` does.
    """
    from clip_caption.building.clip import open_clip_model, with_mclip
    from clip_caption.building.multilingual import is_mclip

    own = None
    if path.is_dir() and (packed := path / str(_config(path).get("clip", "clip"))).is_dir():
        own = str(packed)
    if name and is_mclip(Path(name)):
        return with_mclip(Path(name), own, width)
    return open_clip_model(name or own, width)


def save(model: "CaptionModel", directory: Path, clip: "Clip | None" = None) -> None:
    """Writes a checkpoint as a directory: what `open_model` reads.

    Args:
        model: the mapper and GPT-2.
        directory: made where it is missing. A vocabulary that isn't GPT-2's own goes beside
            (`vocab.json`, `merges.txt`).
        clip: goes into `clip`.
    """
    from safetensors.torch import save_file

    from clip_caption.building.clip import save_clip
    from clip_caption.building.network import TransformerMapper

    directory.mkdir(parents=True, exist_ok=True)
    kept = {
        name: one.contiguous()
        for name, one in model.state_dict().items()
        if name != HEAD and not NOT_KEPT.match(name)
    }
    save_file(kept, directory / WEIGHTS, metadata={"format": "pt"})
    told = ("n_head", "activation_function", "layer_norm_epsilon", "bos_token_id", "eos_token_id")
    about: dict[str, Any] = {
        "gpt2": {name: getattr(model.gpt.config, name) for name in told},
        "clip": "clip",
        "normalize": model.normalize,
    }
    if isinstance(model.clip_project, TransformerMapper):
        about["mapper"] = {"heads": model.clip_project.heads}
    write_json(directory / CONFIG, about)
    if clip is not None:
        save_clip(clip, directory / "clip")


def _config(directory: Path) -> dict[str, Any]:
    if not (directory / CONFIG).is_file():
        reason = f"is not a checkpoint of ClipCap: '{CONFIG}' not found."
        raise CheckpointError(f"'{directory}' {reason}")
    return read_object(directory / CONFIG, CheckpointError)


def _read(path: Path) -> tuple[dict[str, "torch.Tensor"], dict[str, Any]]:
    """The weights by name, and what `config.json` says."""
    import torch
    from safetensors.torch import load_file

    about = _config(path) if path.is_dir() else {}
    try:
        if path.is_dir():
            return load_file(path / WEIGHTS), about
        weights = dict(torch.load(path, map_location="cpu", weights_only=True))
        if not all(isinstance(one, torch.Tensor) for one in weights.values()):
            raise ValueError("not a state dict")
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"'{path}' can't be loaded ({type(error).__name__}): its weights are missing, damaged, "
            "or not safe to load."
        ) from error
    return weights, about


def _gpt2_config(weights: dict[str, "torch.Tensor"], about: dict[str, Any]) -> "GPT2Config":
    """GPT-2's configuration from the shapes of its weights; `about` says what these don't tell."""
    from transformers import GPT2Config

    words, width = weights[EMBEDDING].shape
    blocks = {
        match[1] for name in weights if (match := re.match(r"gpt\.transformer\.h\.(\d+)\.", name))
    }
    sizes = {
        "vocab_size": words,
        "n_embd": width,
        "n_positions": weights["gpt.transformer.wpe.weight"].shape[0],
        "n_layer": len(blocks),
        "n_inner": weights["gpt.transformer.h.0.mlp.c_fc.weight"].shape[1],
        "n_head": max(1, width // HEAD_WIDTH),
    }
    return GPT2Config(**{**sizes, **about})


def _mapper(weights: dict[str, "torch.Tensor"], about: dict[str, Any]) -> "Mapper":
    """The mapper that the weights are of, without its weights."""
    import torch

    from clip_caption.building import network

    width = weights[EMBEDDING].shape[1]
    own = {
        name.removeprefix("clip_project."): one.shape
        for name, one in weights.items()
        if name.startswith("clip_project.")
    }
    with torch.device("meta"):
        if "weight" in own:
            out, clip_width = own["weight"]
            return network.LinearMapper(clip_width, width, out // width)
        if "model.0.weight" in own:
            clip_width, out = own["model.0.weight"][1], own["model.2.weight"][0]
            return network.MlpMapper(clip_width, width, out // width)
        out, clip_width = own["linear.weight"]
        layers = {name.split(".")[2] for name in own if name.startswith("transformer.layers.")}
        heads = int(about.get("mapper", {}).get("heads", network.HEADS))
        return network.TransformerMapper(
            clip_width, width, own["prefix_const"][0], out // width, len(layers), heads
        )


def _compare(path: Path, expected: dict[str, Any], weights: dict[str, "torch.Tensor"]) -> None:
    """Refuses weights that are missing, unknown or of a wrong shape."""
    missing = sorted(expected.keys() - weights.keys() - {HEAD})
    unknown = sorted(weights.keys() - expected.keys())
    wrong = [name for name, one in weights.items() if expected.get(name, one.shape) != one.shape]
    if missing:
        raise CheckpointError(f"'{path}' is incomplete: the weight '{missing[0]}' is missing.")
    if unknown:
        raise CheckpointError(f"'{path}' has a weight that ClipCap doesn't: '{unknown[0]}'.")
    if wrong:
        name = wrong[0]
        raise CheckpointError(
            f"'{path}' has a weight of a wrong shape: '{name}' is {tuple(weights[name].shape)}, "
            f"not {tuple(expected[name])}."
        )
