"""A standalone cluster on one machine, and what tests of batches look at."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyspark

from batching import session
from zoo.building.local_server import free_port
from zoo.errors import ZooError

SPARK_CLASS = Path(pyspark.__file__).parent / "bin" / "spark-class"
EXECUTOR = b"CoarseGrainedExecutorBackend"
DEADLINE = 120.0  # seconds; far more than anything here takes


@dataclass
class Cluster:
    """A master and its workers."""

    url: str
    folder: Path
    workers: list[subprocess.Popen[bytes]]

    def executors(self) -> list[int]:
        """The processes of executors, which are their workers' children."""
        found: list[int] = []
        for worker in self.workers:
            tasks = Path(f"/proc/{worker.pid}/task").glob("*/children")
            children = [int(one) for task in tasks for one in _read(task).split()]
            found += [one for one in children if EXECUTOR in _read(Path(f"/proc/{one}/cmdline"))]
        return found

    def launched(self) -> int:
        """How many executors there were."""
        return len(list(self.folder.glob("worker-*/app-*/*")))


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """A master and two workers with a core each, until the block ends."""
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    with contextlib.ExitStack() as stack:
        master = ["master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
        stack.enter_context(_daemon(master, folder / "master.log"))
        workers = []
        for number in (1, 2):
            worker = "worker.Worker --host 127.0.0.1 --webui-port 0 --cores 1 --memory 2g".split()
            worker += ["--work-dir", str(folder / f"worker-{number}"), url]
            log = folder / f"worker-{number}.log"
            workers.append(stack.enter_context(_daemon(worker, log)))
        logs = [folder / f"worker-{number}.log" for number in (1, 2)]
        wait_for(lambda: all("registered with master" in log.read_text() for log in logs))
        yield Cluster(url, folder, workers)


def _read(path: Path) -> bytes:
    """What is in a file of a process; nothing, if that has ended meanwhile."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextlib.contextmanager
def _daemon(arguments: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [str(SPARK_CLASS), f"org.apache.spark.deploy.{arguments[0]}", *arguments[1:]]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            stdout=file,
            stderr=file,
            start_new_session=True,
            env={**os.environ, "SPARK_DAEMON_JAVA_OPTS": session.LOCAL_JAVA},
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)


def wait_for(condition: Callable[[], bool]) -> None:
    """Returns once something is so."""
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise ZooError(f"It wasn't so within {DEADLINE:.0f} s.")
        time.sleep(0.02)  # there is nothing to wait on but the files themselves


def parts(folder: Path) -> dict[str, int]:
    """The parts that are written, with the time of each, in ns."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*.parquet")}
