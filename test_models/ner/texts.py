"""What the page of entities reads: own words, and files of many texts."""

import re
from dataclasses import dataclass

from test_models.calls import ServiceError
from test_models.tables import decoded, table

MOST = 20_000  # texts of a file
LONGEST = 64  # characters of an own word
USUAL = ("text", "texts", "content", "sentence", "body", "文本", "内容", "正文", "句子", "ข้อความ")
"""Names of a column of texts."""


@dataclass(frozen=True)
class Texts:
    """The texts of a file.

    Args:
        texts: in order; of a table, an empty cell is an empty text.
        columns: of the table, if it is one.
        column: the one that the texts are from.
    """

    texts: list[str]
    columns: list[str]
    column: str | None = None


def dictionary(lines: str) -> dict[str, str]:
    """Entity types by word, of lines such as `原神 GAME`; the type is what follows the last space.

    Raises:
        ServiceError: a line has another form; the sentence has its number.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(lines.splitlines(), 1):
        if not line.strip():
            continue
        parts = re.fullmatch(r"\s*(.*\S)\s+(\S+)\s*", line)
        if not parts:
            raise ServiceError(f"Line {number} of your own words isn't WORD TYPE, as 原神 GAME is.")
        word, kind = parts.groups()
        if len(word) > LONGEST:
            raise ServiceError(
                f"Line {number} of your own words has a word of {len(word)} characters; "
                f"{LONGEST} is the most."
            )
        if found.setdefault(word, kind) != kind:
            raise ServiceError(f"Line {number} of your own words gives '{word}' a second type.")
    return found


def read(name: str, content: bytes, column: str | None = None) -> Texts:
    """The texts of a file: a text per line, or per row of a table (.csv, .tsv).

    Args:
        name: the file's.
        content: what is in it.
        column: that of the texts; where the table has no such, the likeliest one.

    Raises:
        ServiceError: it can't be read, or has no text, or too many.
    """
    if name.lower().endswith((".csv", ".tsv")):
        rows = table(content)
        if column not in rows.columns:
            column = _likeliest(rows.columns, rows.rows)
        found = Texts(rows.cells(column), rows.columns, column)
    else:
        found = Texts([line for line in decoded(content).splitlines() if line.strip()], [])
    if not any(text.strip() for text in found.texts):
        raise ServiceError(f"There is no text in '{name}'.")
    if len(found.texts) > MOST:
        raise ServiceError(
            f"'{name}' has {len(found.texts):,} texts; the page takes {MOST:,}. "
            "The command `python -m test_models entities` takes more."
        )
    return found


def _likeliest(columns: list[str], rows: list[list[str]]) -> str:
    """The column with a usual name, or else the one with the most characters."""
    for name in columns:
        if name.lower() in USUAL:
            return name
    lengths = [sum(len(row[place]) for row in rows[:100]) for place in range(len(columns))]
    return columns[lengths.index(max(lengths))]
