"""A server of our own as a process, with its workers: for tests and benchmarks."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.zoo.helpers import metric
from zoo.building.local_server import free_port, running

LAUNCH = [sys.executable, "-m", "zoo.serving.launch"]


@dataclass
class Launched:
    """A server's address and its first process, gunicorn's master."""

    url: str
    master: psutil.Process

    def memory(self) -> int:
        """Bytes (PSS) of all its processes."""
        return sum(one.memory_full_info().pss for one in (self.master, *self.workers()))

    def workers(self) -> list[psutil.Process]:
        """Those that live."""
        found = []
        for one in self.master.children():
            with suppress(psutil.NoSuchProcess):
                if one.status() != psutil.STATUS_ZOMBIE:
                    found.append(one)
        return found

    def connections(self) -> list[int]:
        """How many each worker has."""
        return [
            sum(one.status == "ESTABLISHED" for one in worker.net_connections("tcp"))
            for worker in self.workers()
        ]


@contextmanager
def launched(model: Path, environment: Mapping[str, str], workers: int = 2) -> Iterator[Launched]:
    """A server with all of its workers ready."""
    port = free_port()
    usual = {
        "THERESA_PORT": str(port),
        "THERESA_DRAIN_SECONDS": "0",
        "THERESA_IDLE_SECONDS": "2",
        "MLFLOW_MODELS_WORKERS": str(workers),
    }
    url = f"http://127.0.0.1:{port}"
    variables = {**usual, **environment}
    with running([*LAUNCH, str(model)], f"{url}/ready", variables, str(model)) as process:
        server = Launched(url, psutil.Process(process.pid))
        while metric(url, "theresa_workers") < workers:
            pass  # until each of them listens
        yield server
