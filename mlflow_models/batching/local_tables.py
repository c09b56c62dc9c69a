"""Reads tables of this machine without Spark: Parquet, CSV or JSON lines, as Spark reads them."""

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from batching import json_lines, texts
from batching.source import MALFORMED, WRONG
from zoo.data import tables
from zoo.errors import ZooError

READ_ROWS = 1000  # that are in memory together


@dataclass(frozen=True)
class LocalTable:
    """A table of this machine.

    Args:
        schema: Its columns; `WRONG` says what is wrong with a malformed row.
        total: How many rows it has.
        batches: Reads it, from its start, a few rows at a time.
    """

    schema: pa.Schema
    total: int
    batches: Callable[[], Iterator[pa.RecordBatch]]


def read(directory: Path | None, files: list[Path], kind: str) -> LocalTable:
    """Open a table. A text table is read to its end, to see that it can be.

    Args:
        directory: Where it is, if the input is a directory.
        files: Its files.
        kind: parquet, csv or json.

    Raises:
        ZooError: A file can't be read, or isn't like the others.
    """
    if kind == "parquet":
        return _parquet(directory, files)
    return _csv(files) if kind == "csv" else _json(files)


def _parquet(directory: Path | None, files: list[Path]) -> LocalTable:
    # Without the buffer a column isn't in memory whole; directories `a=b` are columns, too.
    options = ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    form = ds.ParquetFileFormat(default_fragment_scan_options=options)
    try:
        found = ds.dataset(
            str(directory) if directory else [str(file) for file in files],
            format=form,
            partitioning="hive" if directory else None,
        )
        total = found.count_rows(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ZooError(f"'{directory or files[0]}' can't be read as parquet: {reason}") from error
    schema = pa.schema([field.with_type(_plain(field.type)) for field in found.schema])

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in found.to_batches(
            batch_size=READ_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
        ):
            yield batch.cast(schema)

    return LocalTable(schema, total, batches)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Give the type of a column's values, however they are stored."""
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    return pa.binary() if pa.types.is_large_binary(kind) else kind


def _csv(files: list[Path]) -> LocalTable:
    opened = [tables.open_delimited(file) for file in files]
    names = texts.columns(opened[0])
    for table in opened[1:]:
        if texts.columns(table) != names:
            raise ZooError(f"'{table.path}' has other columns than '{files[0]}'; convert one.")
    total = sum(1 for table in opened for _ in table.rows())
    schema = pa.schema([(name, pa.string()) for name in (*names, WRONG)])
    width = len(names)

    def rows() -> Iterator[dict[str, str | None]]:
        for table in opened:
            for _, cells in table.cells():
                known = [cell or None for cell in cells[:width]]
                row = dict(itertools.zip_longest(names, known))
                yield {**row, WRONG: None if len(cells) == width else MALFORMED}

    return LocalTable(schema, total, functools.partial(_batches, schema, rows))


def _json(files: list[Path]) -> LocalTable:
    def records() -> Iterator[json_lines.Record | None]:
        return itertools.chain.from_iterable(map(json_lines.records, files))

    total, kinds = json_lines.survey(records())
    texts.refuse_twins(str(files[0]), kinds)
    schema = pa.schema([*kinds.items(), (WRONG, pa.string())])

    def rows() -> Iterator[dict[str, Any]]:
        for record in records():
            row = {name: json_lines.fitted((record or {}).get(name), kinds[name]) for name in kinds}
            yield {**row, WRONG: None if record is not None else MALFORMED}

    return LocalTable(schema, total, functools.partial(_batches, schema, rows))


def _batches(
    schema: pa.Schema, rows: Callable[[], Iterable[dict[str, Any]]]
) -> Iterator[pa.RecordBatch]:
    """Yield rows as Arrow has them."""
    left = iter(rows())
    while some := list(itertools.islice(left, READ_ROWS)):
        yield pa.RecordBatch.from_pylist(some, schema)
