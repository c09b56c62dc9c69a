"""Processes that score without Spark: one loads the model, and forks others that share it.

`plain_run` starts `python -m batching.worker FD...`, with a connection for each process, and sends
the job on the first. The answer is the model's refusal, or an empty text. Then each process gets
parts: a path to write, the rows and the columns' types. It answers with numbers of rows that are
scored, and then with None; or with a text that says why it failed.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from batching.executor import BatchJob, answered, load_once, refusal
from batching.source import BATCH_BYTES, CONTENT, FILE, UNREAD, WRONG, reason


@dataclass(frozen=True)
class Part:
    """A part to score.

    Args:
        path: The file to write.
        schema: Its columns.
        rows: The rows, as Arrow streams them; a pickled slice would have the bytes of all.
    """

    path: Path
    schema: pa.Schema
    rows: bytes


def main() -> None:
    """Load the model, fork, and score until nothing more can come."""
    ends = [Connection(int(number)) for number in sys.argv[1:]]
    job: BatchJob = ends[0].recv()
    try:
        model = load_once(job.model)
    except Exception as error:
        ends[0].send(f"The model can't be loaded: {reason(error)}")
        return
    ends[0].send(refusal(model, job))
    own = ends[0]
    for end in ends[1:]:
        if not os.fork():
            own = end
            break
    for end in ends:
        if end is not own:  # a copy would keep the connection open after its process has ended
            end.close()
    with contextlib.suppress(EOFError, BrokenPipeError):  # the process that sends has ended
        serve(own, model, job)
    # Destructors of the engine's libraries wait for threads that were there before the fork only.
    os._exit(0)


def serve(connection: Connection, model: Any, job: BatchJob) -> None:
    """Score the parts that come."""
    while True:
        part: Part = connection.recv()
        try:
            for count in score(part, model, job):
                connection.send(count)
        except OSError as error:
            connection.send(f"'{part.path}' can't be written: {reason(error)}")
        except Exception as error:
            connection.send(reason(error))
        else:
            connection.send(None)


def score(part: Part, model: Any, job: BatchJob) -> Iterator[int]:
    """Score a part and write it whole or not at all; yield how many rows are done, as they are."""
    rows = pa.ipc.open_stream(part.rows).read_all()
    batches = contents(rows, job) if FILE in rows.column_names else batches_of(rows, job)
    fresh = part.path.with_name(f".{part.path.name}")
    with pq.ParquetWriter(fresh, part.schema) as file:
        for batch in batches:
            file.write_batch(answered(model, batch, job))
            yield batch.num_rows
    fresh.replace(part.path)


def batches_of(rows: pa.Table, job: BatchJob) -> Iterator[pa.RecordBatch]:
    """Give rows as the model reads them, so many bytes at once."""
    lengths = [
        pc.fill_null(pc.binary_length(rows.column(name)), 0).to_pylist()
        for name in job.reads.values()
    ]
    start = bytes_ = 0
    for row, more in enumerate(map(sum, zip(*lengths, strict=True))):
        if row > start and bytes_ + more > BATCH_BYTES:
            yield _batch(rows.slice(start, row - start))
            start, bytes_ = row, 0
        bytes_ += more
    yield _batch(rows.slice(start))


def contents(rows: pa.Table, job: BatchJob) -> Iterator[pa.RecordBatch]:
    """Read the files that rows name, so many bytes at once."""
    names, wrongs = (rows.column(one).to_pylist() for one in (FILE, WRONG))
    start, found, bytes_ = 0, [], 0
    for row, (name, wrong) in enumerate(zip(names, wrongs, strict=True), 1):
        content, wrong = (None, wrong) if wrong else _content(name)
        found.append((content, wrong))
        bytes_ += len(content or b"")
        if bytes_ >= BATCH_BYTES or row == len(rows):
            kept = rows.slice(start, row - start).select(job.keep)
            for column, values, kind in zip(
                (CONTENT, WRONG), zip(*found, strict=True), (pa.binary(), pa.string()), strict=True
            ):
                kept = kept.append_column(column, pa.array(values, kind))
            yield _batch(kept)
            start, found, bytes_ = row, [], 0


def _content(name: str) -> tuple[bytes | None, str | None]:
    try:
        return Path(name).read_bytes(), None
    except OSError:
        return None, UNREAD


def _batch(rows: pa.Table) -> pa.RecordBatch:
    return rows.combine_chunks().to_batches()[0]


if __name__ == "__main__":
    main()
