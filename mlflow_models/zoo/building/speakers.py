"""Converts checkpoints that embed voices to what `zoo.speech.embedding` loads.

Resemblyzer's GE2E (`pretrained.pt`), WeSpeaker's ResNet (`avg_model.pt`, `config.yaml`) and
SpeechBrain's ECAPA-TDNN (`embedding_model.ckpt`, `hyperparams.yaml`), each in the layout in which
it is published.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import checkpoints, published
from zoo.building.onnx import export
from zoo.building.published import PublishedCheckpoint, PublishedFile
from zoo.data.audio import SAMPLE_RATE
from zoo.data.outputs import make_directory, write_json
from zoo.data.texts import read_text
from zoo.errors import CheckpointError
from zoo.speech.embedding import ABOUT, FEATURES, GRAPH

if TYPE_CHECKING:
    from torch import nn

NAMES = ("demo", "resemblyzer")
RESEMBLYZER = PublishedCheckpoint(
    name="resemblyzer",
    wheels=("resemblyzer==0.1.4",),
    files={
        "pretrained.pt": PublishedFile(
            "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e",
            ("resemblyzer/pretrained.pt",),
        )
    },
    license="apache-2.0",
    origin="GE2E of Resemblyzer, github.com/resemble-ai/Resemblyzer",
)
IDENTITY_DIGITS = 16  # of the weights' SHA-256
DILATIONS = (1, 2, 3, 4, 1)  # of SpeechBrain's published ECAPA-TDNN
Weights = Mapping[str, Any]


@dataclass(frozen=True)
class Kind:
    """A published layout.

    Args:
        file: The weights' name.
        network: Makes the network from the weights and their directory.
        features: The name of its features in `zoo.speech.embedding`.
        window_seconds: How long a window is.
        accepts: The least cosine of a voice and the enrolled voice whose name it gets.
        apart: The cosine distance from which two voices are two people; None if it isn't known.
    """

    file: str
    network: "Callable[[Weights, Path], nn.Module]"
    features: str
    window_seconds: float
    accepts: float
    apart: float | None = None


def find(name: str) -> Path:
    """Find a checkpoint's weights.

    Args:
        name: One of `NAMES`; a file; or a directory that holds one.

    Raises:
        CheckpointError: There is none, or it can't be fetched.
    """
    path = Path(name)
    if name in NAMES and not path.exists():
        path = published.first_of(
            name,
            {"the package index": lambda: published.fetch(RESEMBLYZER)},
            "fetch resemblyzer's pretrained.pt where there is a network, and give its path.",
        )
    files = [path] if path.is_file() else [path / kind.file for kind in KINDS.values()]
    found = next((file for file in files if file.is_file()), None)
    if found is None or not any(found.name == kind.file for kind in KINDS.values()):
        known = ", ".join(kind.file for kind in KINDS.values())
        raise CheckpointError(
            f"Speakers' checkpoint '{name}' not found; give resemblyzer, or a directory that has "
            f"one of {known}."
        )
    checkpoints.verify(found.parent)
    return found


def convert(checkpoint: Path, output: Path) -> None:
    """Write what the engine loads: the graph, and facts about it.

    Args:
        checkpoint: The weights' file; what its layout has beside it is read, too.
        output: A directory, which is made.

    Raises:
        CheckpointError: The weights are incomplete, of another shape, or not safe to load.
    """
    import numpy as np
    import torch

    name, kind = next((name, kind) for name, kind in KINDS.items() if kind.file == checkpoint.name)
    try:
        weights = _load(checkpoint)
        network = kind.network(weights, checkpoint.parent)
        known = network.state_dict()
        network.load_state_dict({key: weights[key] for key in known if key in weights})
    except CheckpointError:
        raise
    except Exception as error:  # a damaged or hostile file makes torch raise anything
        raise CheckpointError(
            f"'{checkpoint}' can't be loaded as {name} ({type(error).__name__}): its weights are "
            "incomplete, of another shape, or not safe to load."
        ) from error
    second = (2, SAMPLE_RATE)  # (windows, samples)
    wave = np.random.default_rng(0).normal(0, 0.1, second).astype(np.float32)
    features = torch.from_numpy(FEATURES[kind.features](wave))
    make_directory(output)
    axes = {"features": ("windows", "frames"), "embeddings": ("windows",)}
    export(network, output / GRAPH, {"features": features}, ["embeddings"], axes)
    about = {
        "kind": name,
        "identity": checkpoints.sha256(checkpoint)[:IDENTITY_DIGITS],
        "features": kind.features,
        "window_seconds": kind.window_seconds,
        "sample_rate": SAMPLE_RATE,
        "width": int(network(features).shape[1]),
        "accepts": kind.accepts,
        "apart": kind.apart,
    }
    write_json(output / ABOUT, about)


def _load(checkpoint: Path) -> Weights:
    """Load the tensors by their names."""
    import torch

    found = torch.load(checkpoint, map_location="cpu", weights_only=True)
    found = found.get("model_state", found)  # Resemblyzer has its optimizer beside it
    return {str(key).removeprefix("module."): value.float() for key, value in found.items()}


def _ge2e(weights: Weights, _: Path) -> "nn.Module":
    from zoo.building.speaker_networks import Ge2e

    gates, bands = weights["lstm.weight_ih_l0"].shape
    layers = sum(name.startswith("lstm.weight_ih_l") for name in weights)
    return Ge2e(bands, gates // 4, len(weights["linear.bias"]), layers)


def _resnet(weights: Weights, directory: Path) -> "nn.Module":
    from zoo.building.speaker_networks import BLOCKS, ResNet

    config = _read_yaml(directory / "config.yaml")
    sizes, name = config.get("model_args") or {}, str(config.get("model"))
    if name not in BLOCKS:
        known = ", ".join(BLOCKS)
        raise CheckpointError(
            f"'{directory}' is WeSpeaker's '{name}'; those that can be packed: {known}."
        )
    if sizes.get("pooling_func", "TSTP") != "TSTP" or sizes.get("two_emb_layer", False):
        raise CheckpointError(
            f"'{directory}' pools by '{sizes.get('pooling_func')}' or has two embedding layers; "
            "only TSTP with one layer can be packed."
        )
    bands, width = int(sizes.get("feat_dim", 80)), int(sizes.get("embed_dim", 256))
    return ResNet(BLOCKS[name], bands, width, len(weights["bn1.bias"]))


def _ecapa(weights: Weights, directory: Path) -> "nn.Module":
    from zoo.building.speaker_networks import EcapaTdnn

    inside = sum(name.endswith("tdnn1.conv.conv.bias") for name in weights)
    first = weights["blocks.0.conv.conv.weight"]  # (channels, bands, taps)
    taps = [
        weights[f"blocks.{n + 1}.res2net_block.blocks.0.conv.conv.weight"] for n in range(inside)
    ]
    channels = [len(weights[f"blocks.{n + 1}.tdnn1.conv.conv.bias"]) for n in range(inside)]
    joined = weights["mfa.conv.conv.weight"]
    config = _read_yaml(directory / "hyperparams.yaml")
    given = config.get("embedding_model") or {}
    dilations = given.get("dilations") if isinstance(given, dict) else None
    groups = sum(
        name.startswith("blocks.1.res2net_block") and name.endswith("conv.conv.bias")
        for name in weights
    )
    return EcapaTdnn(
        first.shape[1],
        len(weights["fc.conv.bias"]),
        [len(first), *channels, len(joined)],
        [first.shape[2], *(tap.shape[2] for tap in taps), joined.shape[2]],
        [int(one) for one in dilations or DILATIONS],
        len(weights["asp.conv.conv.weight"][0]),
        len(weights["blocks.1.se_block.conv1.conv.bias"]),
        groups + 1,
    )


def _read_yaml(file: Path) -> dict[str, Any]:
    """Read plain values; HyperPyYAML's tags, which name classes, are ignored.

    Raises:
        CheckpointError: The file is missing, or isn't YAML.
    """
    import yaml

    class Loader(yaml.SafeLoader):
        """Takes a tagged node as if it had no tag."""

    def plain(loader: Any, _: str, node: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return loader.construct_mapping(node, deep=True)
        if isinstance(node, yaml.SequenceNode):
            return loader.construct_sequence(node, deep=True)
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("!", plain)
    text = read_text(file, CheckpointError)
    try:
        found = yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise CheckpointError(f"'{file}' is not YAML.") from error
    if not isinstance(found, dict):
        raise CheckpointError(f"'{file}' has no fields.")
    return found


KINDS = {
    "GE2E": Kind("pretrained.pt", _ge2e, "plain_mel", 1.6, 0.75, 0.35),
    "ResNet": Kind("avg_model.pt", _resnet, "kaldi_fbank", 1.5, 0.5),
    "ECAPA-TDNN": Kind("embedding_model.ckpt", _ecapa, "decibel_fbank", 1.5, 0.4),
}
