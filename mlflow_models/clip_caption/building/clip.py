"""CLIP, as open_clip knows it: published weights, OpenAI's own file, or a local directory.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision". Only
building and training use this; the served model has no torch.
"""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from clip_caption.building import multilingual
from clip_caption.building.multilingual import TextTower
from clip_caption.building.torchscript import read_torchscript
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError

# What a mapper that reads features of this width was published for.
DEFAULTS = {512: "ViT-B-32-quickgelu", 640: "RN50x4-quickgelu"}
PUBLISHER = "openai"  # open_clip's tag of the weights that those mappers were trained with
CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"  # open_clip's own names
TOKENIZER_FILES = ("*token*", "*.txt", "*.model")
NOT_WEIGHTS = ("input_resolution", "context_length", "vocab_size")  # in OpenAI's files


@dataclass(frozen=True)
class Clip:
    """A CLIP in float32, for inference.

    Attributes:
        model: open_clip's.
        config: what its `open_clip_config.json` says: `model_cfg` and `preprocess_cfg`.
        directory: where it comes from, if from a directory: its tokenizer may be there, too.
        text: reads texts of many languages; None: the model does, as OpenAI's.
    """

    model: Any
    config: dict[str, Any]
    directory: Path | None = None
    text: TextTower | None = None

    @property
    def width(self) -> int:
        """Of its features."""
        return int(self.config["model_cfg"]["embed_dim"])


def open_clip_model(name: str | None, width: int) -> Clip:
    """Loads a CLIP.

    Args:
        name: a local directory in open_clip's format, a `.pt` file of OpenAI's, or open_clip's name
            of an architecture that OpenAI published weights for (another's: `name/tag`); None: what
            a mapper of this width was published for.
        width: of the features that the mapper reads.

    Raises:
        CheckpointError: there is none of that name, it isn't safe to load or is incomplete, or its
            features are of another width.
    """
    if name is None and width not in DEFAULTS:
        raise CheckpointError(
            f"The mapper reads CLIP features of width {width}, which none of OpenAI's published "
            "models has: name the CLIP that it was trained with (--clip)."
        )
    name = name or DEFAULTS[width]
    if Path(name).is_dir():
        clip = _from_directory(Path(name))
    elif Path(name).is_file():
        clip = _from_openai(Path(name))
    else:
        clip = _from_hub(name)
    if clip.width != width:
        raise CheckpointError(
            f"The features of CLIP '{name}' are of width {clip.width}, and the mapper reads "
            f"{width}: it was trained with another CLIP."
        )
    clip.model.float().eval()
    return replace(clip, text=multilingual.tower_of(clip.model, clip.config, clip.directory))


def with_mclip(directory: Path, name: str | None, width: int) -> Clip:
    """Loads a text tower of M-CLIP's, and the CLIP of OpenAI's that it was taught by.

    Args:
        directory: M-CLIP's; if OpenAI's `.pt` file lies in it, that is the CLIP.
        name: the CLIP otherwise, as `open_clip_model` takes it.
        width: of the features that the mapper reads.

    Raises:
        CheckpointError: as `open_clip_model` does.
    """
    text = multilingual.read_mclip(directory)
    own = sorted(directory.glob("*.pt"))
    clip = open_clip_model(str(own[0]) if own else name, width)
    if text.model.LinearTransformation.out_features != width:
        raise CheckpointError(
            f"The features of '{directory}' are of width "
            f"{text.model.LinearTransformation.out_features}, and the mapper reads {width}."
        )
    return replace(clip, text=text)


def save_clip(clip: Clip, directory: Path) -> None:
    """Writes a CLIP as open_clip's local directory: configuration, weights in float32 or as they
    are, and a tokenizer of its own where it has one. A text tower of M-CLIP's isn't written."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / CONFIG, clip.config)
    weights = {name: one.contiguous() for name, one in clip.model.state_dict().items()}
    save_file(weights, directory / WEIGHTS, metadata={"format": "pt"})
    if clip.directory is not None and clip.directory != directory:
        for path in [one for kind in TOKENIZER_FILES for one in clip.directory.glob(kind)]:
            shutil.copy(path, directory)


def _from_directory(directory: Path) -> Clip:
    import open_clip

    config = read_object(directory / CONFIG, CheckpointError)
    try:
        config = {"model_cfg": config["model_cfg"], "preprocess_cfg": config["preprocess_cfg"]}
    except KeyError as error:
        raise CheckpointError(
            f"'{directory}' is no CLIP in open_clip's format: its {CONFIG} is missing or damaged."
        ) from error
    if not [*directory.glob("*.safetensors"), *directory.glob("*.bin")]:
        raise CheckpointError(f"'{directory}' is incomplete: '{WEIGHTS}' is missing.")
    try:
        with multilingual.openable(directory, config) as ready:
            model = open_clip.create_model(f"local-dir:{ready}", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"The CLIP in '{directory}' can't be loaded ({type(error).__name__}): its weights are "
            "incomplete, of another shape, or not safe to load."
        ) from error
    return Clip(model, config, directory)


def _from_hub(name: str) -> Clip:
    import open_clip

    architecture, _, tag = name.partition("/")
    model_cfg = open_clip.get_model_config(architecture)
    if model_cfg is None or name.endswith(".pt"):
        raise CheckpointError(
            f"There is no CLIP '{name}': give a directory, OpenAI's .pt file, or a name of "
            "open_clip's, such as ViT-B-32-quickgelu."
        )
    try:
        model = open_clip.create_model(architecture, tag or PUBLISHER, weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"CLIP '{name}' can't be downloaded ({type(error).__name__}): where there is no "
            "network, fetch OpenAI's .pt file elsewhere and give its path (--clip)."
        ) from error
    return Clip(model, _config(model, model_cfg))


def _from_openai(path: Path) -> Clip:
    """From the TorchScript archive that OpenAI published."""
    import open_clip

    try:
        weights = read_torchscript(path)
        model_cfg = _sizes(weights)
        model = open_clip.CLIP(**model_cfg)
        kept = {name: one.float() for name, one in weights.items() if name not in NOT_WEIGHTS}
        model.load_state_dict(kept)
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"'{path}' is no CLIP of OpenAI's: a TorchScript archive with all its weights, such as "
            "ViT-B-32.pt."
        ) from error
    return Clip(model, _config(model, model_cfg))


def _config(model: Any, model_cfg: dict[str, Any]) -> dict[str, Any]:
    """What open_clip writes about a model, for one of OpenAI's."""
    from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD

    known = getattr(model.visual, "preprocess_cfg", {})
    preprocess = {
        "mean": list(known.get("mean", OPENAI_DATASET_MEAN)),
        "std": list(known.get("std", OPENAI_DATASET_STD)),
        "interpolation": known.get("interpolation", "bicubic"),
        "resize_mode": known.get("resize_mode", "shortest"),
    }
    return {"model_cfg": model_cfg, "preprocess_cfg": preprocess}


def _sizes(weights: dict[str, torch.Tensor]) -> dict[str, Any]:
    """open_clip's `model_cfg` of a state dict of OpenAI's, as its own loader reads the sizes."""

    def blocks(prefix: str) -> int:
        """The numbers that come after a prefix in the names."""
        depth = prefix.count(".")
        return len({name.split(".")[depth] for name in weights if name.startswith(prefix)})

    layers: int | list[int]
    if "visual.proj" in weights:  # a Vision Transformer
        width, _, _, patch = weights["visual.conv1.weight"].shape
        side = round((weights["visual.positional_embedding"].shape[0] - 1) ** 0.5)
        layers, size = blocks("visual.transformer.resblocks."), side * patch
    else:  # a ResNet, which halves the image's sides five times
        width, patch = weights["visual.layer1.0.conv1.weight"].shape[0], None
        layers = [blocks(f"visual.layer{number}.") for number in (1, 2, 3, 4)]
        places = weights["visual.attnpool.positional_embedding"].shape[0] - 1
        size = round(places**0.5) * 32
    text_width = weights["ln_final.weight"].shape[0]
    text = {
        "context_length": weights["positional_embedding"].shape[0],
        "vocab_size": weights["token_embedding.weight"].shape[0],
        "width": text_width,
        "heads": text_width // 64,
        "layers": blocks("transformer.resblocks."),
    }
    return {
        "embed_dim": weights["text_projection"].shape[1],
        "quick_gelu": True,
        "vision_cfg": {
            "layers": layers,
            "width": width,
            "patch_size": patch,
            "image_size": size,
        },
        "text_cfg": text,
    }
