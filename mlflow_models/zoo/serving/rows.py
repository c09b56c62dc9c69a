"""Reads the rows of a request; a wrong value becomes a `BadRow`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pybase64

from zoo.errors import BadInput, BadRow
from zoo.serving.declaration import Column, Url

NEWLINES = str.maketrans("", "", "\r\n")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class RequestRow(NamedTuple):
    """A row's value, which is a text, a URL, a file's bytes or its path, and its column."""

    column: str
    value: str | bytes | Path


def read_rows(
    given: Mapping[str, Sequence[Any]], columns: Sequence[Column]
) -> list[RequestRow | BadRow]:
    """Read the rows of a request.

    Args:
        given: The request's values by column, equally many; other columns are left out.
        columns: The model's columns; a row must have a value in exactly one of them.

    Returns:
        For each row its value, or what is wrong with it.

    Raises:
        BadInput: The request has none of the columns.
    """
    names = [column.name for column in columns]
    there = [column for column in columns if column.name in given]
    if not there:
        raise BadInput(f"Column {_listed(names)} is missing.")
    values = [given[column.name] for column in there]
    return [
        _read_row(row, names, there, cells) for row, cells in enumerate(zip(*values, strict=True))
    ]


def columns_of(table: Any, columns: Sequence[Column]) -> dict[str, list[Any]]:
    """Give the values of a DataFrame's columns, those of the model.

    Raises:
        BadInput: The request is not a table.
    """
    names = [column.name for column in columns]
    if not isinstance(table, pd.DataFrame):
        raise BadInput(f"The request is not a table; send a column {_listed(names)}.")
    return {name: table[name].tolist() for name in names if name in table.columns}


def _read_row(
    row: int, names: Sequence[str], columns: Sequence[Column], cells: Sequence[Any]
) -> RequestRow | BadRow:
    pairs = list(zip(columns, cells, strict=True))
    if len(names) > 1:
        pairs = [(column, value) for column, value in pairs if not is_null(value)]
        if len(pairs) != 1:
            found = "all are" if len(pairs) > 1 else "none is"
            return BadRow(row, names[0], f"one of {', '.join(names)} is needed; {found} given")
    ((column, value),) = pairs
    read = _read_file if column.kind == "file" else _read_text
    return read(row, column, value)


def _read_file(row: int, column: Column, value: Any) -> RequestRow | BadRow:
    if is_null(value):
        return BadRow(row, column.name, "is null; send a file")
    if isinstance(value, Path):  # of a body that the server has spooled
        return RequestRow(column.name, value)
    if isinstance(value, str):
        try:
            value = _decoded(value)
        except ValueError:
            return BadRow(row, column.name, "is not valid base64")
    if not isinstance(value, bytes | bytearray | memoryview):
        kind = type(value).__name__
        return BadRow(row, column.name, f"is of type {kind}; send a file in base64")
    return RequestRow(column.name, bytes(value))


def _decoded(text: str) -> bytes:
    """Decode base64; it may be wrapped in lines, which few are."""
    try:
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        return pybase64.b64decode(text.translate(NEWLINES), validate=True)


def is_null(value: Any) -> bool:
    """Tell whether a value is null, in the forms of JSON, pandas and Spark."""
    return value is None or value is pd.NA or (isinstance(value, float) and bool(pd.isna(value)))


def _read_text(row: int, column: Column, value: Any) -> RequestRow | BadRow:
    name, limit = column.name, column.max_characters
    if is_null(value):
        return BadRow(row, name, "is null; send a text")
    if not isinstance(value, str):
        return BadRow(row, name, f"is of type {type(value).__name__}; send a text")
    if len(value) > limit:
        return BadRow(row, name, f"has {len(value):,} characters; at most {limit:,} are taken")
    if found := LONE_SURROGATE.search(value):
        place = found.start()
        reason = f"is not valid Unicode: character {place} is half a surrogate pair"
        return BadRow(row, name, reason)
    return RequestRow(name, Url(value) if column.kind == "url" else value)


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
