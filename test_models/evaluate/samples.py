"""The test sets that a model is scored on in one click: the samples of its kind."""

import io
import zipfile
from pathlib import Path

from test_models.calls import ServiceError
from test_models.evaluate.cases import Case, read
from test_models.services import Service, Task
from test_models.start import CARDS

HERE = Path(__file__).parent / "samples"
SPEECH = {"zh": "whisper_asr", "th": "wav2vec2_asr"}  # by language
LIMIT = 10_000_000  # bytes; they have less


def cases(task: Task, service: Service) -> list[Case]:
    """The samples for a model; of speech, in a language that it knows.

    Raises:
        ServiceError: they aren't there.
    """
    if task == "ner":
        return read("entities.jsonl", (HERE / "entities.jsonl").read_bytes(), "ner", LIMIT)
    caption = task == "caption"
    languages = [one for one in service.described.languages if one in SPEECH]
    name = "clip_caption" if caption else SPEECH[(*languages, "zh")[0]]
    files = sorted((CARDS / name / "samples").glob("*.*"))
    if not files:
        raise ServiceError(f"The samples of {name} aren't there.")
    return read("samples.zip", _zipped([*files, *[HERE / "captions.csv"] * caption]),
                task, LIMIT)  # fmt: skip


def _zipped(files: list[Path]) -> bytes:
    """The files as a person would drop them."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return content.getvalue()
