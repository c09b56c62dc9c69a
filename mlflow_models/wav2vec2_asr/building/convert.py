"""From a Wav2Vec2 checkpoint to the directory that the engine loads: an ONNX graph and labels."""

import shutil
import warnings
from pathlib import Path

from wav2vec2_asr.building.checkpoint import normalizes, open_model
from wav2vec2_asr.labels import Labels
from zoo.building.onnx import quantize
from zoo.data.outputs import write_json

LABELS = ("vocab.json", "tokenizer_config.json", "added_tokens.json")
GRAPH = "model.onnx"


def convert(checkpoint: Path, output: Path, precision: str = "fp32", language: str = "th") -> None:
    """Writes what the engine loads.

    Args:
        checkpoint: a directory in Hugging Face's format.
        output: an empty directory.
        precision: `fp32` gives the checkpoint's own answers; `int8` is faster, and nearly the
            same.
        language: a code, for the transcripts.

    Raises:
        CheckpointError: the checkpoint is incomplete, of another kind, or its vocabulary isn't that
            of its outputs.
    """
    model = open_model(checkpoint)
    config = model.config
    Labels.read(checkpoint, config.vocab_size)
    hop, reach = 1, 1  # samples
    for size, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        reach += (size - 1) * hop
        hop *= stride
    about = {
        "precision": precision,
        "language": language,
        "normalize": normalizes(checkpoint),
        "outputs": config.vocab_size,
        "hop": hop,
        "reach": reach,
    }
    _export(model, output / GRAPH)
    if precision == "int8":
        quantize(output / GRAPH)
    for name in LABELS:
        if (checkpoint / name).is_file():
            shutil.copy(checkpoint / name, output)
    write_json(output / "engine.json", about)


def _export(model: object, path: Path) -> None:
    """Writes the graph; batch and length are open."""
    import torch

    from wav2vec2_asr.building.network import Network

    with warnings.catch_warnings(), torch.no_grad():
        # Torch's other exporter, by dynamo, took a hundred times as long for the same graph.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Network(model).eval(),
            (torch.randn(2, 32_000),),
            str(path),
            input_names=["waves"],
            output_names=["logits"],
            dynamic_axes={"waves": {0: "batch", 1: "samples"}, "logits": {0: "batch", 1: "frames"}},
            opset_version=20,
            dynamo=False,
        )
