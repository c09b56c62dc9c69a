"""From a Wav2Vec2 checkpoint to the directory that the engine loads: an ONNX graph and labels."""

import json
import shutil
from pathlib import Path

from wav2vec2_asr.building.checkpoint import normalizes, open_model
from wav2vec2_asr.labels import Labels
from zoo.building.onnx import export, quantize

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
    import torch

    from wav2vec2_asr.building.network import Network

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
    axes = {"waves": ("batch", "samples"), "logits": ("batch", "frames")}
    waves = torch.randn(2, 32_000)  # float32 (batch, samples), 2 s
    export(Network(model), output / GRAPH, {"waves": waves}, ["logits"], axes)
    if precision == "int8":
        quantize(output / GRAPH)
    for name in LABELS:
        if (checkpoint / name).is_file():
            shutil.copy(checkpoint / name, output)
    (output / "engine.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
