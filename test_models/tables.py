"""Tables and texts that a person drops on a page, in the encodings that they come in."""

import codecs
import csv
import io
from dataclasses import dataclass

from test_models.calls import ServiceError

csv.field_size_limit(2**31 - 1)  # a cell may hold a whole book, or a recording in base64
ENCODINGS = ("utf-8-sig", "gb18030")  # Excel in China writes the latter


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        columns: their names, each once.
        rows: of one cell per column.
    """

    columns: list[str]
    rows: list[list[str]]

    def cells(self, column: str) -> list[str]:
        """A column."""
        place = self.columns.index(column)
        return [row[place] for row in self.rows]


def decoded(content: bytes) -> str:
    """A file's text: UTF-8, with or without a mark, UTF-16 with one, or GB 18030.

    Raises:
        ServiceError: it has another encoding.
    """
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ENCODINGS:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise ServiceError("The file is not text in UTF-8 or GB 18030.")


def table(content: bytes) -> Table:
    """A CSV file whose first line names the columns; tabs and semicolons may divide cells, too.

    Raises:
        ServiceError: it is no text, or has no rows.
    """
    text = decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    try:
        found = [row for row in csv.reader(io.StringIO(text, ""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise ServiceError(f"The table can't be read: {error}.") from error
    if len(found) < 2:
        raise ServiceError("The table has no rows below its first line, which names the columns.")
    columns = _named(found[0])
    width = len(columns)
    return Table(columns, [(row + [""] * width)[:width] for row in found[1:]])


def _named(cells: list[str]) -> list[str]:
    """Names of columns: none empty, none twice."""
    names: list[str] = []
    for place, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {place}"
        names.append(name if name not in names else f"{name} ({place})")
    return names
