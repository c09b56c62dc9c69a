"""What is scored without Spark: a table, a folder or a manifest of this machine."""

import glob
import hashlib
import os
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from batching import local_tables, opening
from batching.local_tables import LocalTable
from batching.model import SavedModel
from batching.source import (
    CONTENT,
    EMPTY,
    FILE,
    MAX_FILE_BYTES,
    MISSING,
    OPEN_COST_BYTES,
    PART_BYTES,
    PATH,
    TOO_LARGE,
    WRONG,
    Reading,
    Source,
    part_rows,
)
from zoo.errors import ZooError

BRACES = re.compile(r"(?<!\[)\{([^{}]*)\}")  # in a pattern: either of the words between commas


class LocalSource(Source):
    """A source of this machine.

    Args:
        state: A digest of the files' names, sizes and times.
    """

    plan = "by row"
    wrong: str | None = WRONG

    def __init__(self, state: str) -> None:
        self.state = state

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """The kept columns."""

    @abstractmethod
    def tables(self) -> Iterator[pa.Table]:
        """Give the rows, part by part."""


class LocalRows(LocalSource):
    """The rows of a table.

    Args:
        path: What the input is called.
        files: The table's files.
        table: The table.
        reading: Which of its columns the model reads.
        size: Rows of a part. None: `part_rows`.
        slots: How many parts are scored at once.

    Raises:
        ZooError: The table has no rows.
    """

    def __init__(
        self,
        path: str,
        files: Sequence[Path],
        table: LocalTable,
        reading: Reading,
        size: int | None,
        slots: int,
    ) -> None:
        super().__init__(fingerprint(files))
        self.total = table.total
        if not self.total:
            raise ZooError(f"'{path}' has no rows.")
        self.size = size or part_rows(reading, self.total, slots)
        self.parts = -(-self.total // self.size)
        self.reading, self._table = reading, table
        read = reading.columns.values()
        self.kept = tuple(
            field.name
            for field in table.schema
            if field.name != WRONG and not (pa.types.is_binary(field.type) and field.name in read)
        )
        if WRONG not in table.schema.names:
            self.wrong = None

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([self._table.schema.field(name) for name in self.kept])

    def sizes(self) -> list[int]:
        return [min(self.size, self.total - part * self.size) for part in range(self.parts)]

    def tables(self) -> Iterator[pa.Table]:
        held: list[pa.RecordBatch] = []
        missing = self.size
        for batch in self._table.batches():
            while batch.num_rows:
                held.append(batch.slice(0, missing))
                batch = batch.slice(missing)
                missing -= held[-1].num_rows
                if not missing:
                    yield pa.Table.from_batches(held)
                    held, missing = [], self.size
        if held:
            yield pa.Table.from_batches(held)


class LocalFiles(LocalSource):
    """Files: those of a folder or a pattern, or those that a manifest names.

    Args:
        rows: The kept columns; `FILE` names each row's file, `WRONG` says why there is none.
        state: A digest of the files' names, sizes and times.
        column: The model's column that reads a file.
        size: Bytes of a part. None: `PART_BYTES`, or fewer, so that each worker has four parts.
        slots: How many parts are scored at once.
    """

    files = True

    def __init__(
        self, rows: pa.Table, state: str, column: str, size: int | None, slots: int
    ) -> None:
        super().__init__(state)
        names = rows.column(FILE).to_pylist()
        costs = [OPEN_COST_BYTES + (os.stat(name).st_size if name else 0) for name in names]
        self.total = len(rows)
        self.size = size or max(OPEN_COST_BYTES, min(PART_BYTES, sum(costs) // (4 * slots)))
        self._rows, self._sizes = rows, _packed(costs, self.size)
        self.parts = len(self._sizes)
        self.reading = Reading({column: CONTENT}, frozenset())
        self.kept = tuple(name for name in rows.column_names if name not in (FILE, WRONG))

    @property
    def schema(self) -> pa.Schema:
        return self._rows.select(self.kept).schema

    def sizes(self) -> list[int]:
        return self._sizes

    def tables(self) -> Iterator[pa.Table]:
        start = 0
        for size in self._sizes:
            yield self._rows.slice(start, size)
            start += size


def open_source(
    path: str,
    kind: str | None,
    column: str | None,
    scorer: SavedModel,
    size: int | None,
    slots: int,
) -> LocalSource:
    """Open an input of this machine; the arguments are those of `opening.open_source`.

    Raises:
        ZooError: The input is missing or empty, or the model can't read it.
    """
    files = found(path)
    kind = opening.kind_of(path, {file.name for file in files}, kind, column)
    first = next(iter(scorer.columns))
    if kind == "files":
        names = pa.array([f"file:{file}" for file in files], pa.string())
        rows = _located(pa.table({PATH: names}), files)
        if None not in rows[WRONG].to_pylist():
            raise ZooError(f"'{path}' has no files, or only empty ones.")
        return LocalFiles(rows, fingerprint(files), first, size, slots)
    table = local_tables.read(Path(path) if Path(path).is_dir() else None, files, kind)
    types = {field.name: str(field.type) for field in table.schema if field.name != WRONG}
    if not opening.is_manifest(set(types), column, scorer):
        reading = opening.reading(path, types, column, scorer)
        return LocalRows(path, files, table, reading, size, slots)
    rows = pa.Table.from_batches(table.batches(), table.schema).select(list(types))
    base = Path(path) if Path(path).is_dir() else files[0].parent
    places = [_place(path, base, name) for name in rows.column(PATH).to_pylist()]
    rows = _located(rows, places)
    there = [
        place for place, wrong in zip(places, rows[WRONG].to_pylist(), strict=True) if not wrong
    ]
    if not there:
        raise ZooError(f"None of the files that '{path}' names exists, or all are empty.")
    state = fingerprint([*files, *(place for place in there if place)])
    return LocalFiles(rows, state, first, size, slots)


def found(path: str) -> list[Path]:
    """List the files of a path or a pattern, and those of directories below it, by name.

    Names that begin with `_` or `.` don't count, as in Spark.

    Raises:
        ZooError: There are none.
    """
    pattern = re.sub(r"\\([\\{}\[\]*?])", r"[\1]", path)
    tops = [Path(path)] if Path(path).exists() else map(Path, _globbed(pattern))
    files = sorted(
        one.absolute()
        for top in tops
        for one in (top.rglob("*") if top.is_dir() else [top])
        if one.is_file()
        and not any(name.startswith(("_", ".")) for name in (*one.relative_to(top).parts, one.name))
    )
    if not files:
        raise ZooError(f"'{path}' doesn't exist, or has no files.")
    return files


def fingerprint(files: Iterable[Path]) -> str:
    """Make a digest of files; it changes if one of them changes."""
    digest = hashlib.sha256()
    for file in files:
        state = file.stat()
        digest.update(f"{file}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return digest.hexdigest()


def _globbed(pattern: str) -> list[str]:
    if braces := BRACES.search(pattern):
        parts = (pattern[: braces.start()], pattern[braces.end() :])
        return [one for word in braces[1].split(",") for one in _globbed(word.join(parts))]
    return glob.glob(pattern)


def _place(manifest: str, base: Path, name: Any) -> Path | None:
    """Find the file that a manifest names; None if it names none."""
    if name and re.match(r"\w[\w+.-]+://", name) and not name.startswith("file:"):
        raise ZooError(f"'{manifest}' names files that aren't of this machine, which Spark can "
                       "read: give --master 'local[*]'.")  # fmt: skip
    return base / name.removeprefix("file:") if name else None


def _located(rows: pa.Table, places: Sequence[Path | None]) -> pa.Table:
    """Add the columns `FILE` and `WRONG`."""
    wrongs = [_wrong(place) for place in places]
    names = [None if wrong else str(one) for one, wrong in zip(places, wrongs, strict=True)]
    rows = rows.append_column(FILE, pa.array(names, pa.string()))
    return rows.append_column(WRONG, pa.array(wrongs, pa.string()))


def _wrong(place: Path | None) -> str | None:
    if place is None or not place.is_file():
        return MISSING
    size = place.stat().st_size
    return None if 0 < size <= MAX_FILE_BYTES else TOO_LARGE if size else EMPTY


def _packed(costs: Sequence[int], size: int) -> list[int]:
    """Pack rows, in their order, into parts of at most `size`; give the rows of each part."""
    counts: list[int] = []
    room = 0
    for cost in costs:
        if not counts or cost > room:
            counts.append(0)
            room = size
        counts[-1] += 1
        room -= cost
    return counts
