"""Reading the columns of a request."""

import base64

import numpy as np
import pandas as pd
import pytest

from zoo.errors import BadInput, BadRow
from zoo.serving.declaration import Column
from zoo.serving.rows import RequestRow, columns_of, read_rows

TEXT = Column("text", "text", "A text.", 10)
FILE = Column("file", "file", "A file.")


def read(*values: object) -> list[str]:
    rows = read_rows({"text": values}, [TEXT])
    return [str(row.value) if isinstance(row, RequestRow) else str(row) for row in rows]


def test_texts_are_taken_as_they_are() -> None:
    assert read("", " 我 ", "a\nb") == ["", " 我 ", "a\nb"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "is null; send a text"),
        (float("nan"), "is null; send a text"),
        (pd.NA, "is null; send a text"),
        (np.int64(3), "is of type int64; send a text"),
        (b"a", "is of type bytes; send a text"),
        ("a" * 11, "has 11 characters; at most 10 are taken"),
        ("我\udc00", "is not valid Unicode: character 1 is half a surrogate pair"),
    ],
    ids=repr,
)
def test_a_value_that_is_no_text_says_where_and_why(value: object, reason: str) -> None:
    assert read("good", value) == ["good", f"Row 1, column 'text': {reason}."]


def test_a_bad_row_knows_its_number() -> None:
    (bad,) = read_rows({"text": [None]}, [TEXT])
    assert isinstance(bad, BadRow)
    assert bad.row == 0


def test_a_missing_column_is_named() -> None:
    with pytest.raises(BadInput, match="Column 'text' is missing"):
        read_rows({"txt": ["a"]}, [TEXT])


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(BadInput, match="not a table"):
        columns_of([["a"]], [TEXT])


def test_a_table_gives_the_models_columns() -> None:
    table = pd.DataFrame({"text": pd.Series(["a", None], dtype=object), "more": [1, 2]})
    assert columns_of(table, [TEXT]) == {"text": ["a", None]}


@pytest.mark.parametrize("wrap", ["", "\n", "\r\n"])
def test_a_file_in_base64_may_be_wrapped_in_lines(wrap: str) -> None:
    content = bytes(range(256)) * 3
    text = base64.b64encode(content).decode()
    lines = wrap.join(text[start : start + 76] for start in range(0, len(text), 76))
    assert read_rows({"file": [lines]}, [FILE]) == [RequestRow("file", content)]
    assert isinstance(read_rows({"file": [text[:-1]]}, [FILE])[0], BadRow)
