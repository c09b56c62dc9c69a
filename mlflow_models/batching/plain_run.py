"""A run without Spark, in processes of this machine that share one loaded model."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from batching.local import LocalSource
from batching.model import SavedModel
from batching.output import Output
from batching.run import BatchRun
from batching.session import pack_code
from batching.worker import Part
from zoo.errors import ZooError

ENDED = "A worker process has ended by itself; perhaps there was too little memory"


class PlainRun(BatchRun[LocalSource]):
    """A run in processes of this machine.

    They have the model's own code, and not the repository's, whose version may be another one.

    Args:
        source: What is scored.
        scorer: The model.
        prefix: Comes before the names of the answer's columns.
        params: The request's parameters.
        workers: How many processes score.
        cores: How many cores each has.
    """

    def __init__(
        self,
        source: LocalSource,
        scorer: SavedModel,
        prefix: str,
        params: dict[str, Any],
        workers: int,
        cores: int,
    ) -> None:
        super().__init__(source, scorer, prefix, params)
        self._workers, self._cores = min(workers, source.parts), cores
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self, work: Path) -> None:
        pipes = [multiprocessing.Pipe() for _ in range(self._workers)]
        self._idle = [ours for ours, _ in pipes]
        theirs = [end.fileno() for _, end in pipes]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "batching.worker", *map(str, theirs)],
            env={
                **os.environ,
                "PYTHONPATH": str(pack_code(work)),
                "THERESA_CORES": str(self._cores),
            },
            pass_fds=theirs,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for this process only
        )
        for _, end in pipes:
            end.close()
        _send(self._idle[0], self._job(str(self._scorer.directory), shipped=False))
        if refusal := _answer(self._idle[0]):
            raise ZooError(refusal)

    def write(self, output: Output) -> None:
        done, sizes = output.done(), self._source.sizes()
        answers = [(name, self._scorer.answers[field]) for name, field in self._fields.items()]
        schema = pa.schema([*self._source.schema, *(pa.field(*answer) for answer in answers)])
        start, total = sum(sizes[part] for part in done), self._source.total
        busy: list[Connection] = []
        with tqdm(total=total, initial=start, unit="row", unit_scale=True) as bar:
            for number, rows in enumerate(self._source.tables()):
                if number in done:
                    continue
                while not self._idle:
                    self._listen(busy, bar)
                path = Path(output.partial) / f"part-{number:05d}-plain.snappy.parquet"
                busy.append(self._idle.pop())
                _send(busy[-1], Part(path, schema, _streamed(rows)))
            while busy:
                self._listen(busy, bar)

    def close(self) -> None:
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()

    def count(self, output: Output) -> tuple[int, int]:
        count = errors = 0
        for name in output.done().values():
            found = pq.read_table(f"{output.partial}/{name}", columns=[self._error]).column(0)
            count, errors = count + len(found), errors + len(found) - found.null_count
        return count, errors

    def _listen(self, busy: list[Connection], bar: Any) -> None:
        """Wait until processes say something; those that are done become idle."""
        for connection in wait(busy):
            assert isinstance(connection, Connection)
            said = _answer(connection)
            if isinstance(said, str):
                raise RuntimeError(said)
            bar.update(said or 0)
            if said is None:
                busy.remove(connection)
                self._idle.append(connection)


def _send(connection: Connection, value: Any) -> None:
    """Send something to a process.

    Raises:
        RuntimeError: The process has ended.
    """
    try:
        connection.send(value)
    except BrokenPipeError as error:
        raise RuntimeError(ENDED) from error


def _answer(connection: Connection) -> Any:
    """Receive what a process says.

    Raises:
        RuntimeError: The process has ended.
    """
    try:
        return connection.recv()
    except (EOFError, ConnectionError) as error:
        raise RuntimeError(ENDED) from error


def _streamed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    content: bytes = sink.getvalue().to_pybytes()
    return content
