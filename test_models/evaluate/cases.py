"""Test sets that a person drops: a table, JSON lines, or a ZIP of files with their references.

What is wrong with a single case is said in its `error`; the others are scored.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, TypeAdapter, ValidationError

from test_models.calls import ServiceError
from test_models.evaluate.archive import Archive, Load, plain
from test_models.evaluate.scores import Span
from test_models.services import Task
from test_models.tables import Table, decoded, table

MOST = 5_000  # cases
TABLES = (".csv", ".tsv")
FILES = {
    "asr": (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".webm", ".amr"),
    "caption": (".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".heif"),
}
DATA = {
    "asr": ("file", "filename", "path", "audio", "wav"),
    "caption": ("file", "filename", "path", "image", "photo"),
    "ner": ("text", "sentence", "文本"),
}
REFERENCES = {
    "asr": r"references?|text|transcript(ion)?|sentence|文本",
    "caption": r"(references?|captions?|comments?)[ _]?\d*",
    "ner": r"entities|references?|labels|实体",
}
INVALID = 'Its entities are no JSON list such as [[0, 2, "PERSON"]].'


@dataclass(frozen=True)
class Case:
    """What is sent, and what should come back.

    Args:
        name: of a file, or a row's number.
        text: what is sent, where that is a text.
        load: gives what is sent, where that is a file.
        references: texts that are right.
        spans: entities that are right.
        error: why it can't be sent, in one sentence.
    """

    name: str
    text: str = ""
    load: Load | None = None
    references: tuple[str, ...] = ()
    spans: frozenset[Span] | None = None
    error: str = ""

    @property
    def scored(self) -> bool:
        """Whether there is something to compare an answer with."""
        return bool(self.references) or self.spans is not None


def _triple(given: object) -> object:
    """An entity as a model has it, `{"start", "end", "type"}`, as `[start, end, type]`."""
    if isinstance(given, dict):
        return [given.get(name) for name in ("start", "end", "type")]
    return given


_Spans = list[Annotated[Span, BeforeValidator(_triple)]]


class _Line(BaseModel):
    """A line of JSON."""

    text: str
    entities: _Spans


_spans: TypeAdapter[list[Span]] = TypeAdapter(_Spans)


def read(name: str, content: bytes, task: Task, limit: int) -> list[Case]:
    """The cases of a file.

    Args:
        name: the file's.
        content: what is in it.
        task: what the model does that is to be scored.
        limit: bytes that a file may have; what a ZIP holds may be 20 times as large.

    Raises:
        ServiceError: it can't be read, or has too much.
    """
    suffix = PurePosixPath(name.lower()).suffix
    if suffix == ".zip":
        if task == "ner":
            raise ServiceError("Texts and their entities come in a CSV file or as JSON lines.")
        cases = _zip(Archive(content, limit), task)
    elif suffix in TABLES:
        cases = list(_rows(table(content), task, {}))
    elif suffix in (".jsonl", ".json") and task == "ner":
        lines = decoded(content).splitlines()
        cases = [_line(number, one) for number, one in enumerate(lines, 1) if one.strip()]
    else:
        raise ServiceError(f"'{name}' is no CSV or ZIP file{', nor JSON lines' * (task == 'ner')}.")
    if not cases:
        raise ServiceError(f"There is nothing to score in '{name}'.")
    if len(cases) > MOST:
        raise ServiceError(f"'{name}' has {len(cases):,} cases; the page takes {MOST:,}.")
    return cases


def _line(number: int, line: str) -> Case:
    """A text and its entities."""
    name = f"line {number}"
    try:
        found = _Line.model_validate_json(line)
    except ValidationError:
        return Case(
            name, error='It isn\'t JSON such as {"text": "…", "entities": [[0, 2, "PERSON"]]}.'
        )
    return _checked(Case(name, text=found.text), found.entities)


def _checked(case: Case, spans: list[Span]) -> Case:
    """The case with its entities, if they are within its text."""
    for start, end, kind in spans:
        if not 0 <= start < end <= len(case.text):
            return replace(case, error=f"The entity [{start}, {end}, {kind!r}] isn't in the text.")
    return replace(case, spans=frozenset(spans))


def _rows(rows: Table, task: Task, files: Mapping[str, Load]) -> Iterator[Case]:
    """The cases of a table; several references of one file are in several rows or columns."""
    data = next((one for one in rows.columns if one.lower() in DATA[task]), None)
    pattern = re.compile(REFERENCES[task], re.IGNORECASE)
    truth = [one for one in rows.columns if pattern.fullmatch(one) and one != data]
    if data is None or not truth:
        raise ServiceError(
            f"The table has the columns {', '.join(rows.columns)}; it needs one of "
            f"{', '.join(DATA[task][:3])}, and one of references."
        )
    cells, *texts = (rows.cells(one) for one in (data, *truth))
    if task == "ner":
        yield from _texts(cells, texts[0])
        return
    found: dict[tuple[str, int], list[str]] = {}
    for number, (cell, *given) in enumerate(zip(cells, *texts, strict=True), 1):
        parts = [
            part.strip()
            for one in given
            for part in (one.split("|") if task == "caption" else [one])
        ]
        # a photo may have several rows, but a recording has one text in each
        key = (cell, 0) if task == "caption" else (cell, number)
        found.setdefault(key, []).extend(filter(None, parts))
    for number, ((cell, _), references) in enumerate(found.items(), 1):
        yield _filed(
            cell, number, tuple(references if task == "caption" else references[:1]), files
        )


def _texts(cells: Iterable[str], entities: Iterable[str]) -> Iterator[Case]:
    """The cases of a table of texts and their entities."""
    for number, (text, given) in enumerate(zip(cells, entities, strict=True), 1):
        case = Case(f"row {number}", text=text)
        try:
            yield _checked(case, _spans.validate_json(given or "[]"))
        except ValidationError:
            yield replace(case, error=INVALID)


def _filed(cell: str, number: int, references: tuple[str, ...], files: Mapping[str, Load]) -> Case:
    """A case whose data is a file of the ZIP, or is in the table itself, in base64."""
    load, error = files.get(plain(cell)), ""
    short = len(cell) < 200
    case = Case(cell if files or short else f"row {number}", references=references)
    if not load and not files:
        try:
            content = base64.b64decode(cell, validate=True)
            case = replace(case, name=f"row {number}")
            load = (lambda: content) if content else None
        except (binascii.Error, ValueError):
            load = None
        error = "" if load else "It is no file in base64, and there is no ZIP with the files."
    elif not load:
        error = "The ZIP has no such file."
    if not references:
        error = error or "It has no reference."
    return replace(case, load=load, error=error)


def _zip(archive: Archive, task: Task) -> list[Case]:
    """The cases of a ZIP: a table's, or each file's with the text that has its name."""
    tables = [one for one in archive.names if one.lower().endswith(TABLES)]
    if len(tables) > 1:
        raise ServiceError(f"The ZIP has {len(tables)} tables: which one has the references?")
    if tables:
        files = archive.below(PurePosixPath(tables[0]).parent)
        return list(_rows(table(archive.files[tables[0]]()), task, files))
    media = [one for one in archive.names if one.lower().endswith(FILES[task])]
    if not media:
        raise ServiceError(f"The ZIP has neither a table nor files such as a{FILES[task][0]}.")
    return list(_pairs(media, archive.files, task))


def _pairs(names: Iterable[str], files: Mapping[str, Load], task: Task) -> Iterator[Case]:
    """A case per file; its references are in the .txt beside it, for captions one per line."""
    for name in names:
        case = Case(name, load=files[name])
        beside = files.get(str(PurePosixPath(name).with_suffix(".txt")))
        try:
            text = decoded(beside()).strip() if beside else ""
        except ServiceError as failure:
            yield replace(case, error=str(failure))
            continue
        lines = text.splitlines() if task == "caption" else [" ".join(text.split())]
        references = tuple(line.strip() for line in lines if line.strip())
        error = "" if references else f"There is no reference in a {PurePosixPath(name).stem}.txt."
        yield replace(case, references=references, error=error)
