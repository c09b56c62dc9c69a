"""A model repository for NVIDIA's Triton Inference Server, on its Python backend.

Everything that serving needs is in it, but the packages of its `requirements.txt`.
"""

import importlib.metadata
import shutil
from pathlib import Path
from string import Template

from wav2vec2_asr.build import pack_language_model
from wav2vec2_asr.building.convert import convert
from zoo.building.packaging import stage_code

HERE = Path(__file__).parent
NAME = "wav2vec2_asr"
PACKAGES = ("av", "faster-whisper", "flashlight-text", "noisereduce", "onnxruntime", "pythainlp")


def write(
    checkpoint: Path,
    output: Path,
    precision: str = "fp32",
    language: str = "th",
    language_model: Path | None = None,
    rows: int = 8,
    delay: float = 5.0,
) -> None:
    """Writes the repository, and beside it how to serve it.

    Args:
        checkpoint: a Hugging Face directory.
        output: an empty directory.
        precision: `fp32` or `int8`, as `convert` has it.
        language: a code, for the transcripts.
        language_model: as `build.py` takes it.
        rows: the most that are transcribed together, of one request or of several.
        delay: milliseconds that a request may wait for others.

    Raises:
        CheckpointError: the checkpoint can't be converted.
    """
    model = output / "models" / NAME
    version = model / "1"
    (version / "engine").mkdir(parents=True)
    convert(checkpoint, version / "engine", precision, language=language)
    if language_model:
        pack_language_model(language_model, version / "engine")
    stage_code(HERE.parent, version)
    shutil.copy(HERE / "triton_model.py", version / "model.py")
    shutil.copy(HERE / "triton_serve.py", output / "serve.py")
    words = {"name": NAME, "rows": rows, "delay": round(1000 * delay)}
    _fill("triton.pbtxt", words, model / "config.pbtxt")
    _fill("triton.md", words, output / "README.md")
    pins = [f"{name}=={importlib.metadata.version(name)}\n" for name in PACKAGES]
    # Of NumPy any version: which one a server's Python backend can read arrays of is its own.
    (output / "requirements.txt").write_text("".join(["numpy\n", *pins]), encoding="utf-8")


def _fill(template: str, words: dict[str, object], path: Path) -> None:
    text = (HERE / template).read_text(encoding="utf-8")
    path.write_text(Template(text).substitute(words), encoding="utf-8")
