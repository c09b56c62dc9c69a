"""Starts a saved model's server as a child process, for demos, tests and benchmarks."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import tenacity

from zoo.errors import ZooError

DEADLINE_SECONDS = 120.0  # until a server must answer


@contextmanager
def serve(
    model: Path, environment: Mapping[str, str] | None = None, stock: bool = False
) -> Iterator[str]:
    """Run a model's server on a free port of the loopback interface until the block ends.

    Args:
        model: A saved model's directory.
        environment: Variables to add to the server's environment.
        stock: Whether to run `mlflow models serve` instead of the zoo's own server.

    Yields:
        The server's address, such as `http://127.0.0.1:43210`, once it answers.

    Raises:
        ZooError: The server stopped, or didn't answer in time. The message has the end of its log.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "zoo.serving.launch", str(model)]
    variables = {"THERESA_PORT": str(port), "THERESA_DRAIN_SECONDS": "0"}
    if stock:
        command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model)]
        command += ["--port", str(port), "--host", "127.0.0.1", "--env-manager", "local"]
    bin_first = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"PATH": bin_first, **variables, **(environment or {})}
    with running(command, f"{url}/{'ping' if stock else 'ready'}", variables, str(model)):
        yield url


@contextmanager
def running(
    command: Sequence[str], ready: str, environment: Mapping[str, str], served: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run any server until the block ends; the block begins when the server is ready.

    Args:
        command: The server's command line.
        ready: The address that answers with success when the server is ready.
        environment: Variables to add to the server's environment.
        served: What is served, for an error's message.

    Yields:
        The server's process.

    Raises:
        ZooError: The server stopped, or didn't answer in time. The message has the end of its log.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        try:
            try:
                _wait_until_ready(process, ready)
            except TimeoutError as error:
                log.seek(0)
                raise ZooError(f"The server of '{served}' {error}:\n{log.read()[-3000:]}") from None
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to stop; then kill the processes of it that are left."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=60)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)


def direct(keep: bool = True) -> httpx2.Client:
    """Make a client for this machine's servers; it uses no proxy, even if one is set.

    Args:
        keep: Whether a connection is used again; else each request makes its own.
    """
    limits = httpx2.Limits() if keep else httpx2.Limits(max_keepalive_connections=0)
    return httpx2.Client(trust_env=False, timeout=60.0, limits=limits)


def free_port() -> int:
    """Find a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: subprocess.Popen[bytes], url: str) -> None:
    def is_ready() -> bool:
        if process.poll() is not None:
            raise TimeoutError(f"stopped with exit code {process.returncode}")
        with suppress(httpx2.TransportError):
            return client.get(url, timeout=5.0).is_success
        return False

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda ready: not ready),
        stop=tenacity.stop_after_delay(DEADLINE_SECONDS),
        wait=tenacity.wait_fixed(0.1),  # there is nothing to wait on but the port itself
    )
    with direct() as client:
        try:
            attempts(is_ready)
        except tenacity.RetryError:
            raise TimeoutError(f"didn't answer within {DEADLINE_SECONDS:.0f} s") from None
