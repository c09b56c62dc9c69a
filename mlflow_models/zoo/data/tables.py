"""Reads and writes tables of text, such as spreadsheets export.

| suffix | is |
| --- | --- |
| `.csv`, `.txt` | cells between commas, semicolons, tabs or bars, which the header tells |
| `.tsv` | cells between tabs |
| `.jsonl` | an object a line |
| `.geojson` | features: their properties, and `coords`, "longitude,latitude" of a point |
| `.parquet` | columns that aren't binary |

All but Parquet may be `.gz`, in any encoding that `texts.open_text` reads. All cells are text, as
it was written: a number stays "00000", nothing is "", a list or an object is JSON. Rows are read
one at a time, so that a million rows need little memory.
"""

import csv
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.data.outputs import whole_file
from zoo.data.texts import open_text
from zoo.errors import ZooError

DELIMITERS = ",\t;|"
TABBED = ".tsv"
RECORDS = (".jsonl", ".geojson", ".parquet")  # each row names its columns
SUFFIXES = (".csv", TABBED, ".txt", *RECORDS)

csv.field_size_limit(2**31 - 1)  # characters of a cell; some texts are longer than csv's limit


class TableError(ZooError):
    """A table that can't be used."""


class ColumnNotFound(TableError):
    """A table without a column that is needed.

    Args:
        path: The table's file, or where else it is.
        column: The column; or several, of which one is needed.
        available: The columns of the table.
        option: The command's option that names the column; may be empty.
    """

    def __init__(
        self,
        path: Path | str,
        column: str | Sequence[str],
        available: Sequence[str],
        option: str = "",
    ) -> None:
        self.columns = [column] if isinstance(column, str) else list(column)
        self.available = list(available)
        wanted = " or ".join(f"'{name}'" for name in self.columns)
        hint = f" (name it with {option})" if option else ""
        super().__init__(
            f"Column {wanted} not found in '{path}'; available: "
            f"{', '.join(self.available) or 'none'}{hint}."
        )


@dataclass(frozen=True)
class TextTable(ABC):
    """A table whose header is read.

    Args:
        path: The file.
        header: The names of its columns.
    """

    path: Path
    header: list[str]

    @abstractmethod
    def cells(self) -> Iterator[tuple[int, list[str]]]:
        """Yield each row's line number, or for Parquet its number, and its cells, however many."""

    def rows(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Yield each row's line number and its cells by column; None if it has too few or too many.

        Raises:
            TableError: The file can't be read to its end.
        """
        for line, row in self.cells():
            right = len(row) == len(self.header)
            yield line, dict(zip(self.header, row, strict=True)) if right else None

    def strict_rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row's line number and its cells by column.

        Raises:
            TableError: The file can't be read to its end, or a row has too few or too many cells.
        """
        width = len(self.header)
        for line, row in self.cells():
            if len(row) != width:
                raise TableError(f"'{self.path}', line {line}: {len(row)} cells, not {width}.")
            yield line, dict(zip(self.header, row, strict=True))

    def column(self, asked: str | None, usual: Sequence[str] = (), option: str = "") -> str:
        """Find the column that is asked for; if none is, the first of the usual names.

        Raises:
            ColumnNotFound: The table doesn't have it.
        """
        found = self.find(asked, usual)
        if found is None:
            raise ColumnNotFound(self.path, asked or usual, self.header, option)
        return found

    def find(self, asked: str | None, usual: Sequence[str] = ()) -> str | None:
        """Find a column as `column` does; None if the table doesn't have it."""
        return next((name for name in ([asked] if asked else usual) if name in self.header), None)


@dataclass(frozen=True)
class DelimitedTable(TextTable):
    """A table with a delimiter between its cells.

    Args:
        delimiter: What is between its cells.
        quoted: Whether cells may be in quotation marks.
    """

    delimiter: str = ","
    quoted: bool = True

    def cells(self) -> Iterator[tuple[int, list[str]]]:
        with open_text(self.path, TableError, newline="") as file:
            header = _reader(file, self.delimiter, self.quoted, strict=False)
            next(header, None)
            table = _reader(file, self.delimiter, self.quoted)
            line = first = header.line_num + 1
            try:
                for row in table:
                    if row:
                        self._check(line, row)
                        yield line, row
                    line = first + table.line_num
            except csv.Error as error:
                raise TableError(
                    f"'{self.path}', line {line}: a quotation mark is wrong ({error}); within a "
                    'quoted cell write "" for one.'
                ) from error

    def _check(self, line: int, row: list[str]) -> None:
        """See that no cell has swallowed rows, as one does whose quotation mark isn't closed.

        Such a cell has lines that are rows themselves: they have as many cells, and the first one
        has the shape of the row's first ("b.wav" after "a.wav").
        """
        width, shape = len(self.header), _shape(row[0])
        if width < 2 or len(row) != width or (width == 2 and shape == "9"):  # 9: any number
            return
        for place, cell in enumerate(row[1:], 2):
            for number, text in enumerate(cell.splitlines()[1:], 1):
                found = next(csv.reader([text], delimiter=self.delimiter), [])
                if len(found) in (width, place) and _shape(found[0]) == shape:
                    raise TableError(
                        f"'{self.path}', line {line}: a quotation mark isn't closed before line "
                        f'{line + number}, which is a row itself; within a quoted cell write "" '
                        "for one."
                    )


def _shape(cell: str) -> str:
    """A cell with its letters as one a, its digits as one 9: "x/01.wav" is "a/9.a"."""
    return re.sub(r"\d+", "9", re.sub(r"[^\W\d_]+", "a", cell.strip()))


def listed(cell: str) -> list[str]:
    """Split a cell into its labels, in their order and without repeats.

    Args:
        cell: `{flood,"two, words"}` as PostgreSQL and Traffy Fondue's export have it, a list in
            JSON, or one label.
    """
    cell = cell.strip()
    found: list[Any] = [cell]
    if cell.startswith("{") and cell.endswith("}"):
        inner = " ".join(cell[1:-1].split())
        found = next(csv.reader([inner], escapechar="\\", skipinitialspace=True), [])
    elif cell.startswith("[") and cell.endswith("]"):
        try:
            found = json.loads(cell)
        except ValueError:
            found = [cell]
    return [name for name in dict.fromkeys(str(one).strip() for one in found) if name]


def open_table(path: Path, quoted: bool = True) -> TextTable:
    """Read a table's header.

    Args:
        path: The file, of a suffix of `SUFFIXES`; what has another one is read as `.csv` is.
        quoted: Whether cells may be in quotation marks; in Common Voice they aren't.

    Raises:
        TableError: The file can't be read, or two columns have one name.
    """
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    if suffix in RECORDS:
        from zoo.data.record_tables import open_records

        return open_records(path, suffix)
    return open_delimited(path, quoted)


def open_delimited(path: Path, quoted: bool = True) -> DelimitedTable:
    """Read the header of a table of cells, whatever its suffix is; a `.tsv` has tabs.

    Args:
        path: The file.
        quoted: Whether cells may be in quotation marks.

    Raises:
        TableError: The file can't be read, or two columns have one name.
    """
    suffix = (path.with_suffix("") if path.suffix == ".gz" else path).suffix.lower()
    with open_text(path, TableError, newline="") as file:
        headers = {}
        for delimiter in "\t" if suffix == TABBED else DELIMITERS:
            file.seek(0)  # a line break within quotes is part of a column's name
            row: list[str] = next(_reader(file, delimiter, quoted, strict=False), [])
            if "\n" in "".join(row):  # then it must be what the header's author meant
                file.seek(0)
                try:
                    row = next(_reader(file, delimiter, quoted))
                except csv.Error as error:
                    raise TableError(f"'{path}', line 1: a quotation mark isn't closed.") from error
            headers[delimiter] = [cell.strip() for cell in row]
    delimiter, header = max(headers.items(), key=lambda item: len(item[1]))
    for column in header:
        if header.count(column) > 1:
            raise TableError(f"'{path}' has more than one column '{column}'.")
    return DelimitedTable(path, header, delimiter, quoted)


def _reader(file: Iterable[str], delimiter: str, quoted: bool, strict: bool = True) -> Any:
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return csv.reader(file, delimiter=delimiter, quoting=quoting, strict=strict and quoted)


def write_table(
    path: Path, header: Sequence[str], rows: Iterable[Iterable[object]], mark: bool = False
) -> None:
    """Write a table whole or not at all: a `.tsv` with tabs, other files with commas.

    Args:
        path: The file.
        header: The names of the columns.
        rows: The cells of each row; each row is written at once.
        mark: Whether to begin with a byte order mark, which tells Excel that it is UTF-8.
    """
    delimiter = "\t" if path.suffix == TABBED else ","
    encoding = "utf-8-sig" if mark else "utf-8"
    with whole_file(path) as part, part.open("w", encoding=encoding, newline="") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerow(header)
        table.writerows(rows)
