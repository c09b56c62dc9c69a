"""Published Wav2Vec2 checkpoints (Hugging Face's format) to what `zoo.speech.wav2vec2` loads."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import checkpoints
from zoo.building.onnx import export, quantize
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError
from zoo.speech.wav2vec2 import ABOUT, GRAPH

if TYPE_CHECKING:
    import torch

FILES = ["*.json", "*.safetensors", "pytorch_model*.bin", "language_model/*", "README.md"]
RATE = 16_000  # Hz


def fetch(name: str) -> Path:
    """Find `owner/name` of the Hugging Face hub, or download it.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    return checkpoints.from_hub(name, FILES)


def read_config(directory: Path) -> dict[str, Any]:
    """Read the fields of `config.json`.

    Raises:
        CheckpointError: It can't be read, or isn't one of Wav2Vec2.
    """
    config = read_object(directory / "config.json", CheckpointError)
    if config.get("model_type") != "wav2vec2":
        kind = config.get("model_type", "unknown")
        raise CheckpointError(f"'{directory}' is of the kind '{kind}', not 'wav2vec2'.")
    return config


def open_model(directory: Path, architecture: str, **changes: Any) -> Any:
    """Load a network with its head, in float32, for inference.

    Args:
        directory: The checkpoint.
        architecture: Transformers' class, such as `Wav2Vec2ForCTC`.
        changes: Fields of its configuration that are to differ.

    Raises:
        CheckpointError: It isn't one of Wav2Vec2, has no such head, or its weights are incomplete
            or not safe to load.
    """
    import torch
    import transformers

    read_config(directory)
    try:
        model, report = getattr(transformers, architecture).from_pretrained(
            directory, dtype=torch.float32, output_loading_info=True, **changes
        )
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"'{directory}' can't be loaded ({type(error).__name__}): its weights are missing, "
            "incomplete or not safe to load."
        ) from error
    missing = {name for name in report["missing_keys"] if "masked_spec_embed" not in name}
    if missing:
        raise CheckpointError(
            f"'{directory}' lacks the weights '{sorted(missing)[0]}': it isn't a fine-tuned "
            f"{architecture}."
        )
    return model.eval()


def normalizes(directory: Path) -> bool:
    """Tell whether the checkpoint hears waves of zero mean and unit variance.

    Raises:
        CheckpointError: It hears another rate than 16 kHz.
    """
    about = read_object(directory / "preprocessor_config.json", CheckpointError, {})
    if not about:  # transformers 5 writes both parts of a processor to one file
        about = read_object(directory / "processor_config.json", CheckpointError, {})
        about = about.get("feature_extractor", {})
    if about.get("sampling_rate", RATE) != RATE:
        raise CheckpointError(
            f"'{directory}' expects {about['sampling_rate']} Hz; this engine has {RATE} Hz."
        )
    return bool(about.get("do_normalize", True))


def convert(
    checkpoint: Path,
    model: Any,
    head: "torch.nn.Module",
    output: Path,
    precision: str,
    **about: Any,
) -> None:
    """Write what `zoo.speech.wav2vec2` loads: the graph, and what is to know of it.

    Args:
        checkpoint: A directory in Hugging Face's format.
        model: Its network.
        head: What follows the encoder: frames (batch, frames, width) to logits.
        output: An empty directory.
        precision: `fp32` gives the checkpoint's own answers; `int8` is faster, and nearly the same.
        about: What the engine wants to know besides.

    Raises:
        CheckpointError: The checkpoint has parts that can't be converted.
    """
    import torch

    from zoo.building.wav2vec2_network import Network

    hop, reach = 1, 1  # samples
    for size, stride in zip(model.config.conv_kernel, model.config.conv_stride, strict=True):
        reach += (size - 1) * hop
        hop *= stride
    waves = torch.randn(2, 32_000)  # float32 (batch, samples), 2 s
    network = Network(model, head)
    of_frames = network(waves).ndim == 3  # or of a whole recording
    open_sizes = ("batch", "frames") if of_frames else ("batch",)
    axes = {"waves": ("batch", "samples"), "logits": open_sizes}
    export(network, output / GRAPH, {"waves": waves}, ["logits"], axes)
    if precision == "int8":
        quantize(output / GRAPH)
    about |= {"precision": precision, "normalize": normalizes(checkpoint)}
    about |= {"hop": hop, "reach": reach}
    write_json(output / ABOUT, about)
