"""Reads tables of references and predictions, as other people's programs write them."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError

MAX_CELL_CHARACTERS = (
    1 << 24
)  # characters of a cell; csv's own limit is shorter than some transcripts
DELIMITERS = ",\t;"


@dataclass(frozen=True)
class Predictions:
    """A table of predictions.

    Args:
        names: of the utterances: the column `name` or `path`, else their lines' numbers.
        references: what was said.
        predictions: what each system heard, by its column.
        seconds: how long each is; None where the table doesn't say.
    """

    names: list[str]
    references: list[str]
    predictions: dict[str, list[str]]
    seconds: list[float] | None


def read_predictions(path: Path, columns: Sequence[str]) -> Predictions:
    """Reads a CSV, comma, tab or semicolon between its cells, with or without a BOM.

    Args:
        path: the file, UTF-8.
        columns: that of the references, and those of the predictions.

    Raises:
        ZooError: the file can't be read, a column is missing, or a line hasn't its cells.
    """
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(file, path, columns)
    except OSError as error:
        raise ZooError(f"'{path}' can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ZooError(f"'{path}' is not UTF-8 (byte {error.start}).") from error
    except csv.Error as error:
        raise ZooError(f"'{path}' is no CSV: {error}.") from error


def _read(file: Iterator[str], path: Path, columns: Sequence[str]) -> Predictions:
    heading = next(file, "")
    delimiter, header = _heading(heading, columns)
    for column in columns:
        if header.count(column) != 1:
            problem = "has no column" if column not in header else "has more than one column"
            raise ZooError(
                f"'{path}' {problem} '{column}'; its columns are {', '.join(header) or 'none'}."
            )
    places = [header.index(column) for column in columns]
    name = next((header.index(one) for one in ("name", "path") if one in header), None)
    duration = header.index("duration") if "duration" in header else None
    names: list[str] = []
    cells: list[list[str]] = [[] for _ in columns]
    seconds: list[float] = []
    table = csv.reader(file, delimiter=delimiter)
    for row in table:
        if not row:
            continue
        line = table.line_num + 1
        if len(row) != len(header):
            raise ZooError(f"'{path}', line {line}: {len(row)} cells, not {len(header)}.")
        for texts, place in zip(cells, places, strict=True):
            texts.append(row[place])
        names.append(f"line {line}" if name is None else row[name])
        if duration is not None:
            seconds.append(_number(row[duration], path, line))
    if not names:
        raise ZooError(f"'{path}' has no predictions.")
    heard = dict(zip(columns[1:], cells[1:], strict=True))
    return Predictions(names, cells[0], heard, seconds if duration is not None else None)


def _heading(line: str, columns: Sequence[str]) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns; the delimiter is the one that finds most."""
    headers = {
        delimiter: [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        for delimiter in DELIMITERS
    }
    best = max(headers, key=lambda delimiter: len(set(columns) & set(headers[delimiter])))
    return best, headers[best]


def _number(cell: str, path: Path, line: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise ZooError(f"'{path}', line {line}: the duration is no number of seconds.") from None
