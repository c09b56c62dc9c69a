"""Converts Wav2Vec2 checkpoints in Hugging Face's format for `zoo.speech.wav2vec2`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import checkpoints
from zoo.building.float16 import to_float16
from zoo.building.onnx import export, quantize
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError
from zoo.speech.wav2vec2 import ABOUT, GRAPH

if TYPE_CHECKING:
    import torch

FILES = ["*.json", "*.safetensors", "pytorch_model*.bin", "language_model/*", "README.md"]
SAMPLE_RATE = 16_000  # Hz
# These parts stay in float32. The first convolution may normalise over time: it sums squares over
# up to 96,000 frames, more than float16 can count. The head is small, and its logits are compared.
EXACT = ("/Unsqueeze", "/convolutions.0/", "/head/")


def fetch(name: str) -> Path:
    """Download `owner/name` from the Hugging Face hub, or find it in the cache.

    Raises:
        CheckpointError: The checkpoint isn't found.
    """
    return checkpoints.from_hub(name, FILES)


def read_config(directory: Path) -> dict[str, Any]:
    """Read the fields of `config.json`.

    Raises:
        CheckpointError: The file can't be read, or isn't Wav2Vec2's.
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
        changes: Fields of the configuration to change.

    Raises:
        CheckpointError: The checkpoint isn't Wav2Vec2's or has no such head, or its weights are
            incomplete or not safe to load.
    """
    import torch
    import transformers

    read_config(directory)
    try:
        model, report = getattr(transformers, architecture).from_pretrained(
            directory, dtype=torch.float32, output_loading_info=True, **changes
        )
    except Exception as error:  # a damaged or hostile file makes torch raise anything
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
        CheckpointError: The checkpoint expects another sample rate than 16 kHz.
    """
    about = read_object(directory / "preprocessor_config.json", CheckpointError, {})
    if not about:  # transformers 5 writes both parts of a processor to one file
        about = read_object(directory / "processor_config.json", CheckpointError, {})
        about = about.get("feature_extractor", {})
    if about.get("sampling_rate", SAMPLE_RATE) != SAMPLE_RATE:
        raise CheckpointError(
            f"'{directory}' expects {about['sampling_rate']} Hz; this engine has {SAMPLE_RATE} Hz."
        )
    return bool(about.get("do_normalize", True))


def convert(
    checkpoint: Path,
    model: Any,
    head: "torch.nn.Module",
    output: Path,
    precision: str,
    gpu: bool,
    **about: Any,
) -> None:
    """Write what `zoo.speech.wav2vec2` loads: the graph, and facts about it.

    Args:
        checkpoint: A directory in Hugging Face's format.
        model: The checkpoint's network.
        head: What follows the encoder; `zoo.building.wav2vec2_heads` has them.
        output: An empty directory.
        precision: `fp32` gives the checkpoint's own answers; `fp16` and `int8` are nearly the same,
            and faster on a GPU or on a CPU.
        gpu: Whether the graph takes recordings of several lengths at once. On a CPU such a batch
            gains nothing, and a graph without lengths is faster.
        about: Other facts that the engine needs.

    Raises:
        CheckpointError: The checkpoint has parts that can't be converted.
    """
    import torch

    from zoo.building.wav2vec2_network import Network

    hop, reach = 1, 1  # samples
    for size, stride in zip(model.config.conv_kernel, model.config.conv_stride, strict=True):
        reach += (size - 1) * hop
        hop *= stride
    inputs = {"waves": torch.randn(2, 32_000)}  # float32 (batch, samples), 2 s
    axes: dict[str, tuple[str, ...]] = {"waves": ("batch", "samples")}
    network = Network(model, head)
    of_frames = network(inputs["waves"]).ndim == 3  # (batch, frames, labels), or (batch, labels)
    if gpu:
        inputs["lengths"] = torch.tensor([32_000, 20_000])
        axes["lengths"] = ("batch",)
    axes["logits"] = ("batch", "frames") if of_frames else ("batch",)
    export(network, output / GRAPH, inputs, ["logits"], axes)
    if precision == "int8":
        quantize(output / GRAPH)
    elif precision == "fp16":
        example = {name: value.numpy() for name, value in inputs.items()}
        to_float16(output / GRAPH, EXACT, example)
    about |= {"precision": precision, "normalize": normalizes(checkpoint)}
    about |= {"hop": hop, "reach": reach}
    write_json(output / ABOUT, about)
