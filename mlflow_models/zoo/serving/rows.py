"""Reads the columns of a request. A value that can't be used becomes a `BadRow` in its place."""

import base64
import re
from typing import Any

import pandas as pd

from zoo.errors import BadInput, BadRow

NEWLINES = str.maketrans("", "", "\r\n")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def read_column(table: Any, column: str) -> list[Any]:
    """The values of a column, in order.

    Raises:
        BadInput: The request has no such column.
    """
    if not isinstance(table, pd.DataFrame):
        raise BadInput(f"The request is not a table; send a column '{column}'.")
    if column not in table.columns:
        raise BadInput(f"Column '{column}' is missing.")
    return table[column].tolist()


def read_texts(table: Any, column: str, limit: int) -> list[str | BadRow]:
    """The texts of a column; for a value that is none, the `BadRow` that says why.

    Args:
        table: The request, a DataFrame.
        column: The column's name.
        limit: How many characters a text may have.
    """
    return [
        _read_text(row, column, value, limit)
        for row, value in enumerate(read_column(table, column))
    ]


def read_files(table: Any, column: str) -> list[bytes | BadRow]:
    """The files of a binary column; for a value that is none, the `BadRow` that says why.

    A file is given as bytes, or as text in base64.
    """
    return [_read_file(row, column, value) for row, value in enumerate(read_column(table, column))]


def _read_file(row: int, column: str, value: Any) -> bytes | BadRow:
    if is_null(value):
        return BadRow(row, column, "is null; send a file")
    if isinstance(value, str):
        try:
            return base64.b64decode(value.translate(NEWLINES), validate=True)
        except ValueError:
            return BadRow(row, column, "is not valid base64")
    if not isinstance(value, bytes | bytearray | memoryview):
        return BadRow(row, column, f"is of type {type(value).__name__}; send a file in base64")
    return bytes(value)


def is_null(value: Any) -> bool:
    """Whether a row has no value, as JSON, pandas and Spark say it."""
    return value is None or value is pd.NA or (isinstance(value, float) and bool(pd.isna(value)))


def _read_text(row: int, column: str, value: Any, limit: int) -> str | BadRow:
    if is_null(value):
        return BadRow(row, column, "is null; send a text")
    if not isinstance(value, str):
        return BadRow(row, column, f"is of type {type(value).__name__}; send a text")
    if len(value) > limit:
        return BadRow(row, column, f"has {len(value):,} characters; at most {limit:,} are taken")
    if found := LONE_SURROGATE.search(value):
        return BadRow(
            row, column, f"is not valid Unicode: character {found.start()} is half a surrogate pair"
        )
    return value
