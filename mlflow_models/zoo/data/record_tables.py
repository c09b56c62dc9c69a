"""Reads tables whose rows name their columns: JSON lines, GeoJSON and Parquet."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.tables import TableError, TextTable
from zoo.data.texts import open_text, read_json

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BATCH_ROWS = 1024  # of Parquet, that are in memory together
Records = Iterator[tuple[int, dict[str, Any]]]  # a row's line or number, and its values by column


@dataclass(frozen=True)
class RecordTable(TextTable):
    """A table whose rows name their columns; a column that a row lacks is empty there.

    Args:
        records: Gives the rows.
    """

    records: Callable[[], Records]

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        for number, record in self.records():
            yield number, [_cell(record.get(name)) for name in self.header]


def open_records(path: Path, suffix: str) -> RecordTable:
    """Read the names of a table's columns.

    Args:
        path: The file.
        suffix: Its kind: .jsonl, .geojson or .parquet.

    Raises:
        TableError: The file can't be read.
    """
    if suffix == ".parquet":
        return RecordTable(path, _names(_open_parquet(path)), lambda: _parquet(path))
    read = _json_lines if suffix == ".jsonl" else _features
    names = dict.fromkeys(name for _, record in read(path) for name in record)
    return RecordTable(path, list(names), lambda: read(path))


def _cell(value: Any) -> str:
    """A value as text: nothing is empty; a number, a list or an object is JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def _json_lines(path: Path) -> Records:
    with open_text(path, TableError) as file:
        for line, text in enumerate(file, 1):
            if not text.strip():
                continue
            try:
                record = json.loads(text, parse_float=str, parse_int=str)  # 1.10 stays 1.10
            except (ValueError, RecursionError) as error:
                raise TableError(f"'{path}', line {line}: not valid JSON.") from error
            if not isinstance(record, dict):
                raise TableError(f"'{path}', line {line}: not a JSON object.")
            yield line, record


def _features(path: Path) -> Records:
    found = read_json(path, TableError)
    features = found.get("features") if isinstance(found, dict) else None
    if not isinstance(features, list):
        raise TableError(f"'{path}' is not GeoJSON: it has no list of features.")
    for number, feature in enumerate(features, 1):
        try:
            known, place = dict(feature["properties"] or {}), feature["geometry"] or {}
            point = place["coordinates"][:2] if place.get("type") == "Point" else []
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise TableError(f"'{path}', feature {number}: not a GeoJSON feature.") from error
        yield number, ({"coords": ",".join(map(str, point))} if point else {}) | known


def _open_parquet(path: Path) -> "pq.ParquetFile":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except FileNotFoundError:
        raise TableError(f"'{path}' not found.") from None
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"'{path}' can't be read as Parquet.") from error


def _names(file: "pq.ParquetFile") -> list[str]:
    """The columns that are no files: photos and recordings are binary."""
    return [field.name for field in file.schema_arrow if "binary" not in str(field.type)]


def _parquet(path: Path) -> Records:
    import pyarrow as pa

    file, number = _open_parquet(path), 0
    try:
        for batch in file.iter_batches(BATCH_ROWS, columns=_names(file)):
            for record in batch.to_pylist():
                number += 1
                yield number, record
    except (OSError, pa.ArrowException) as error:
        raise TableError(f"'{path}' can't be read as Parquet.") from error
