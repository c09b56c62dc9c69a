"""Tables of text as people's programs and spreadsheets write them, and as ours do.

Comma, semicolon, tab or bar between cells, with or without a byte order mark, line breaks within
quotes; a row at a time, so that an export of a million rows needs no memory.
"""

import csv
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.data.outputs import whole_file
from zoo.data.texts import open_text
from zoo.errors import ZooError

DELIMITERS = ",\t;|"
TABBED = ".tsv"
SUFFIXES = (".csv", TABBED, ".txt")

csv.field_size_limit(2**31 - 1)  # characters of a cell; csv's own limit is shorter than some texts


class TableError(ZooError):
    """A table that can't be used."""


class ColumnNotFound(TableError):
    """A table without a column that is needed.

    Args:
        path: The table's file, or what else holds it.
        column: The column, or several of which one would do.
        available: The columns that there are.
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
class TextTable:
    """A table whose header is read.

    Args:
        path: Its file, UTF-8, may be `.gz`.
        delimiter: What is between its cells.
        header: The names of its columns.
        quoted: Whether cells may be in quotation marks.
    """

    path: Path
    delimiter: str
    header: list[str]
    quoted: bool = True

    def _read(self) -> Iterator[tuple[int, list[str]]]:
        with _opened(self.path) as file:
            table = _reader(file, self.delimiter, self.quoted)
            next(table, None)
            line = table.line_num + 1
            for row in table:
                if row:
                    yield line, row
                line = table.line_num + 1

    def rows(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Each row's line number and its cells by column; None where their number is wrong.

        Raises:
            TableError: The file can't be read to its end.
        """
        for line, row in self._read():
            right = len(row) == len(self.header)
            yield line, dict(zip(self.header, row, strict=True)) if right else None

    def filled_rows(self) -> Iterator[dict[str, str]]:
        """Each row's cells by column; missing ones are empty, and surplus ones are left out.

        Raises:
            TableError: The file can't be read to its end.
        """
        for _, row in self._read():
            yield dict(itertools.zip_longest(self.header, row[: len(self.header)], fillvalue=""))

    def strict_rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The same, of a table where every row must be right.

        Raises:
            TableError: Also for a row with a wrong number of cells.
        """
        width = len(self.header)
        for line, row in self._read():
            if len(row) != width:
                raise TableError(f"'{self.path}', line {line}: {len(row)} cells, not {width}.")
            yield line, dict(zip(self.header, row, strict=True))

    def column(self, asked: str | None, usual: Sequence[str] = (), option: str = "") -> str:
        """The column that is asked for, or else the first of the usual ones that there is.

        Raises:
            ColumnNotFound: There is none.
        """
        found = self.find(asked, usual)
        if found is None:
            raise ColumnNotFound(self.path, asked or usual, self.header, option)
        return found

    def find(self, asked: str | None, usual: Sequence[str] = ()) -> str | None:
        """Likewise; None where there is none."""
        return next((name for name in ([asked] if asked else usual) if name in self.header), None)


def open_table(path: Path, quoted: bool = True) -> TextTable:
    """Read a table's header.

    Args:
        path: The file. Cells of a `.tsv` are between tabs; of others, between what finds most
            columns in the header.
        quoted: Whether cells may be in quotation marks; those of Common Voice quote nothing.

    Raises:
        TableError: The file can't be read, or two columns have one name.
    """
    name = path.with_suffix("") if path.suffix == ".gz" else path
    with _opened(path) as file:
        headers = {}
        for delimiter in "\t" if name.suffix.lower() == TABBED else DELIMITERS:
            file.seek(0)  # a line break within quotes is part of a column's name
            row: list[str] = next(_reader(file, delimiter, quoted), [])
            headers[delimiter] = [cell.strip() for cell in row]
    delimiter, header = max(headers.items(), key=lambda item: len(item[1]))
    for column in header:
        if header.count(column) > 1:
            raise TableError(f"'{path}' has more than one column '{column}'.")
    return TextTable(path, delimiter, header, quoted)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with open_text(path, TableError, newline="") as file:
        try:
            yield file
        except csv.Error as error:
            raise TableError(f"'{path}' can't be read as a table: {error}.") from error


def _reader(file: Iterable[str], delimiter: str, quoted: bool) -> Any:
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return csv.reader(file, delimiter=delimiter, quoting=quoting)


def write_table(
    path: Path, header: Sequence[str], rows: Iterable[Iterable[object]], mark: bool = False
) -> None:
    """Write a table whole: a `.tsv` with tabs, others with commas between the cells.

    Args:
        path: The file.
        header: The names of the columns.
        rows: As many cells in each, written as they come.
        mark: Whether it begins with a byte order mark, by which Excel knows UTF-8.
    """
    delimiter = "\t" if path.suffix == TABBED else ","
    encoding = "utf-8-sig" if mark else "utf-8"
    with whole_file(path) as part, part.open("w", encoding=encoding, newline="") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerow(header)
        table.writerows(rows)
