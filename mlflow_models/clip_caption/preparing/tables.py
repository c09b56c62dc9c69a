"""Reads CSV files of images and texts, as people's programs and spreadsheets write them.

Comma, semicolon, tab or bar between cells, with or without a byte order mark, line breaks within
quotes; a row at a time, so that an export of a million complaints needs no memory.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.errors import ZooError

MAX_CELL_CHARACTERS = 1 << 24  # csv's own limit is shorter than some
DELIMITERS = ",\t;|"
SUFFIXES = (".csv", ".tsv", ".txt")
LIST = "captions"  # a column of this name holds several, with SEPARATOR between them
SEPARATOR = "|"


@dataclass(frozen=True)
class CaptionTable:
    """A table whose header is read.

    Args:
        path: its file, UTF-8.
        delimiter: what is between its cells.
        header: the names of its columns.
    """

    path: Path
    delimiter: str
    header: list[str]

    def rows(self) -> Iterator[tuple[int, dict[str, str] | None]]:
        """Each row's line number, and its cells by column; None where their number is wrong.

        Raises:
            ZooError: the file can't be read to its end.
        """
        csv.field_size_limit(MAX_CELL_CHARACTERS)
        try:
            with self.path.open(encoding="utf-8-sig", newline="") as file:
                table = csv.reader(file, delimiter=self.delimiter)
                next(table, None)
                first = table.line_num + 1
                for row in table:
                    right = len(row) == len(self.header)
                    if row:
                        cells = dict(zip(self.header, row, strict=True)) if right else None
                        yield first, cells
                    first = table.line_num + 1
        except UnicodeDecodeError as error:
            raise ZooError(f"'{self.path}' is not UTF-8 (byte {error.start}).") from error
        except csv.Error as error:
            raise ZooError(f"'{self.path}' is no CSV: {error}.") from error

    def strict_rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """The same, of a table where every row must be right.

        Raises:
            ZooError: also for a row with a wrong number of cells.
        """
        for line, cells in self.rows():
            if cells is None:
                raise ZooError(f"'{self.path}', line {line}: not {len(self.header)} cells.")
            yield line, cells

    def column(self, asked: str | None, usual: Sequence[str], option: str) -> str:
        """The column that is asked for, or else the first of the usual ones that there is.

        Raises:
            ZooError: there is none.
        """
        found = self.find(asked, usual)
        if found is None:
            wanted = f"'{asked}'" if asked else " or ".join(f"'{name}'" for name in usual)
            raise ZooError(
                f"'{self.path}' has no column {wanted}; its columns are "
                f"{', '.join(self.header) or 'none'}: name it with {option}."
            )
        return found

    def find(self, asked: str | None, usual: Sequence[str]) -> str | None:
        """Likewise; None where there is none."""
        return next((name for name in ([asked] if asked else usual) if name in self.header), None)


def open_table(path: Path) -> CaptionTable:
    """Reads a table's header; the delimiter is the one that finds most columns in it.

    Raises:
        ZooError: the file can't be read, or two columns have one name.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            # of a column's name in quotes, a line break is part
            headers = [_header(file, delimiter) for delimiter in DELIMITERS]
    except OSError as error:
        raise ZooError(f"'{path}' can't be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ZooError(f"'{path}' is not UTF-8 (byte {error.start}).") from error
    header = max(headers, key=len)
    for name in header:
        if header.count(name) > 1:
            raise ZooError(f"'{path}' has more than one column '{name}'.")
    return CaptionTable(path, DELIMITERS[headers.index(header)], header)


def _header(file: Iterator[str], delimiter: str) -> list[str]:
    file.seek(0)  # type: ignore[attr-defined]
    return [cell.strip() for cell in next(csv.reader(file, delimiter=delimiter), [])]


def split_captions(cell: str, column: str, separator: str | None) -> list[str]:
    """The captions in a cell: several, where a separator is given or the column is `captions`.

    Args:
        cell: the cell.
        column: its column's name.
        separator: what is between captions; None: the usual one in the column `captions` alone.
    """
    if separator is None and column == LIST:
        separator = SEPARATOR
    texts = cell.split(separator) if separator else [cell]
    return [" ".join(text.split()) for text in texts if text.strip()]
