"""From a Wav2Vec2 checkpoint to the directory that the engine loads: an ONNX graph and labels."""

import shutil
from pathlib import Path

from wav2vec2_asr.building.checkpoint import open_model
from wav2vec2_asr.labels import Labels
from zoo.building import wav2vec2

LABELS = ("vocab.json", "tokenizer_config.json", "added_tokens.json")


def convert(
    checkpoint: Path,
    output: Path,
    precision: str = "fp32",
    gpu: bool = False,
    language: str = "th",
) -> None:
    """Write what the engine loads.

    Args:
        checkpoint: A directory in Hugging Face's format.
        output: An empty directory.
        precision: `fp32` gives the checkpoint's own answers; `fp16` and `int8` are nearly the same,
            and faster on a GPU or on a CPU.
        gpu: Whether recordings are computed in batches, as a GPU likes it.
        language: A code, for the transcripts.

    Raises:
        CheckpointError: The checkpoint is incomplete, of another kind, or its vocabulary isn't that
            of its outputs.
    """
    from zoo.building.wav2vec2_heads import PerFrame

    model = open_model(checkpoint)
    outputs = model.config.vocab_size
    Labels.read(checkpoint, outputs)
    head = PerFrame(model.lm_head)
    wav2vec2.convert(
        checkpoint, model, head, output, precision, gpu, language=language, outputs=outputs
    )
    for name in LABELS:
        if (checkpoint / name).is_file():
            shutil.copy(checkpoint / name, output)
