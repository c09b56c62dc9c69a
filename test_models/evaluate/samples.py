"""The test sets that a model is scored on in one click: the samples of its kind."""

import io
import zipfile
from pathlib import Path

from test_models.calls import ServiceError
from test_models.evaluate.cases import Case, read
from test_models.services import Service
from test_models.start import CARDS

HERE = Path(__file__).parent / "samples"
SPEECH = {"whisper": "whisper_asr", "ctc": "wav2vec2_asr"}
LIMIT = 10_000_000  # bytes; they have less


def cases(service: Service) -> list[Case]:
    """The samples for a model.

    Raises:
        ServiceError: they aren't there.
    """
    if service.task == "ner":
        return read("entities.jsonl", (HERE / "entities.jsonl").read_bytes(), "ner", LIMIT)
    caption = service.task == "caption"
    name = "clip_caption" if caption else SPEECH[service.family]
    files = sorted((CARDS / name / "samples").glob("*.*"))
    if not files:
        raise ServiceError(f"The samples of {name} aren't there.")
    return read("samples.zip", _zipped([*files, *[HERE / "captions.csv"] * caption]),
                service.task, LIMIT)  # fmt: skip


def _zipped(files: list[Path]) -> bytes:
    """The files as a person would drop them."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return content.getvalue()
