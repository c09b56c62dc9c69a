"""Starts a saved model's server as a child process, for demos, tests and benchmarks."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from zoo.errors import ZooError

DEADLINE = 120.0  # seconds until a server must answer


@contextmanager
def serve(model: Path, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """Runs `mlflow models serve` on a free port of the loopback interface until the block ends.

    Args:
        model: A saved model's directory.
        environment: Variables to add to the server's environment.

    Yields:
        The server's address, such as `http://127.0.0.1:43210`, once `/ping` has answered.

    Raises:
        ZooError: The server stopped, or didn't answer in time; with the end of its log.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model)]
    command += ["--port", str(port), "--host", "127.0.0.1", "--env-manager", "local"]
    bin_first = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PATH": bin_first, **(environment or {})},
            start_new_session=True,
        )
        try:
            _wait_until_ready(process, url)
            yield url
        except TimeoutError as error:
            log.seek(0)
            raise ZooError(f"The server of '{model}' {error}:\n{log.read()[-3000:]}") from None
        finally:
            # The server is a tree of processes; the group takes all of them along.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait(timeout=30)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        if process.poll() is not None:
            raise TimeoutError(f"stopped with exit code {process.returncode}")
        try:
            if requests.get(f"{url}/ping", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)  # nothing to wait on but the port itself
    raise TimeoutError(f"didn't answer within {DEADLINE:.0f} s")
