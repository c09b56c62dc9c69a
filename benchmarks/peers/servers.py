"""The servers that are compared: how each one is started, how it is asked, and what it answers.

All of them hold the same saved model in as many workers, with one thread of computing each.
"""

import base64
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import yaml
from httpx2 import Request

from benchmarks.peers import environment
from zoo.building.local_server import free_port, running, serve

WORKERS = 2
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Post:
    """A request: to where, and what.

    Attributes:
        path: After the server's address.
        type: The body's content type.
        body: As it is sent.
    """

    path: str
    type: str
    body: bytes

    def as_json(self) -> dict[str, str]:
        """In the form that the load generator reads."""
        return {"path": self.path, "type": self.type, "body": base64.b64encode(self.body).decode()}


class Server(ABC):
    """A server of one task.

    Args:
        column: What it is asked with: `text`, `image` or `audio`.
        batch: How many rows it may put together, where it does so.

    Attributes:
        name: As people call it.
        own_engine: Whether it computes with other code than the saved model's.
    """

    name: str
    own_engine = False

    def __init__(self, column: str, batch: int) -> None:
        self.column, self.batch = column, batch

    @abstractmethod
    def start(self, model: Path) -> AbstractContextManager[str]:
        """Runs it on a saved model; gives its address once it is ready."""

    @abstractmethod
    def request(self, row: str | bytes) -> Post:
        """What asks for one row."""

    @abstractmethod
    def record(self, answer: Any) -> dict[str, Any]:
        """The row's record, out of its answer."""

    @property
    @abstractmethod
    def settings(self) -> str:
        """What was set, for the page."""

    def as_text(self, row: str | bytes) -> str:
        """A row's value in JSON."""
        return row if isinstance(row, str) else base64.b64encode(row).decode()


class Stock(Server):
    """MLflow's own server: `mlflow models serve`."""

    name = "MLflow"
    stock = True

    def start(self, model: Path) -> AbstractContextManager[str]:
        limits = {"MLFLOW_MODELS_WORKERS": str(self.workers), **ONE_THREAD}
        return serve(model, limits, stock=self.stock)

    @property
    def workers(self) -> int:
        """How many processes hold the model."""
        return WORKERS

    def request(self, row: str | bytes) -> Post:
        data = {"dataframe_split": {"columns": [self.column], "data": [[self.as_text(row)]]}}
        return Post("/invocations", "application/json", json.dumps(data).encode())

    def record(self, answer: Any) -> dict[str, Any]:
        found: dict[str, Any] = answer["predictions"][0]
        return found

    @property
    def settings(self) -> str:
        return (
            f"MLflow {version('mlflow')}, {WORKERS} workers; uvicorn's workers share a socket "
            "without TCP_NODELAY, so a lone client waits for a delayed ACK at every answer"
        )


class Zoo(Stock):
    """The zoo's server."""

    name = "zoo"
    stock = False

    @property
    def workers(self) -> int:
        """Speech: CTranslate2 isn't fork-safe, and runs its threads in one process."""
        return 1 if self.column == "audio" else WORKERS

    @property
    def settings(self) -> str:
        if self.column == "audio":
            return f"`zoo.serving.server`, one process that decodes {WORKERS} batches at once"
        return f"`zoo.serving.server`, {WORKERS} workers"


class Installed(Server):
    """A server in an environment of its own.

    Attributes:
        ready: The path that answers with success once it is ready.
    """

    environment: str
    ready: str

    @abstractmethod
    def command(self, model: Path, port: int, work: Path) -> list[str]:
        """What runs it; `work` is a folder for what it is to read."""

    @property
    def programs(self) -> Path:
        """The folder of its programs."""
        return environment.programs(self.environment)

    @contextmanager
    def start(self, model: Path) -> Iterator[str]:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        variables = {
            "PEER_MODEL": str(model),
            "PEER_COLUMN": self.column,
            "PEER_BATCH": str(self.batch),
            "PEER_WORKERS": str(WORKERS),
            "BENTOML_DO_NOT_TRACK": "True",
            **ONE_THREAD,
        }
        with tempfile.TemporaryDirectory() as work:
            command = self.command(model, port, Path(work))
            with running(command, url + self.ready, variables, str(model)):
                yield url


class BentoML(Installed):
    """BentoML with adaptive batching, as its documentation has it."""

    name, environment, ready = "BentoML", "bentoml", "/readyz"

    def command(self, model: Path, port: int, work: Path) -> list[str]:  # noqa: ARG002
        folder = str(environment.HERE / "bentoml")
        given = ["serve", "service:Peer", "--working-dir", folder]
        return [str(self.programs / "bentoml"), *given, "--host", "127.0.0.1", "--port", str(port)]

    def request(self, row: str | bytes) -> Post:
        body = json.dumps({"rows": [self.as_text(row)]}).encode()
        return Post("/predict", "application/json", body)

    def record(self, answer: Any) -> dict[str, Any]:
        found: dict[str, Any] = answer[0]
        return found

    @property
    def settings(self) -> str:
        return (
            f"BentoML {environment.version('bentoml', 'bentoml')}, {WORKERS} workers, "
            f"`batchable=True`, `max_batch_size={self.batch}`, its own latency limit of 60 s"
        )


class LitServe(Installed):
    """LitServe with batching, as its documentation has it."""

    name, environment, ready = "LitServe", "litserve", "/health"

    def command(self, model: Path, port: int, work: Path) -> list[str]:  # noqa: ARG002
        script = environment.HERE / "litserve" / "server.py"
        return [str(self.programs / "python"), str(script), str(port)]

    def request(self, row: str | bytes) -> Post:
        return Post("/predict", "application/json", json.dumps({"row": self.as_text(row)}).encode())

    def record(self, answer: Any) -> dict[str, Any]:
        found: dict[str, Any] = answer
        return found

    @property
    def settings(self) -> str:
        return (
            f"LitServe {environment.version('litserve', 'litserve')}, {WORKERS} workers and as "
            f"many servers, `max_batch_size={self.batch}`, `batch_timeout=0.01`"
        )


class FasterWhisper(Installed):
    """faster-whisper-server: OpenAI's interface around faster-whisper, of the same weights."""

    name, environment, ready = "faster-whisper-server", "faster_whisper", "/health"
    own_engine = True

    def command(self, model: Path, port: int, work: Path) -> list[str]:
        weights = next((model / "artifacts").glob("**/model.bin")).parent
        options = {"device": "cpu", "compute_type": "int8", "cpu_threads": 1}
        one = {"name": "whisper-1", "path": str(weights), "model_options": options}
        one["transcribe_options"] = {"vad_filter": True}
        config = work / "config.yaml"
        config.write_text(yaml.safe_dump({"models": [one]}), encoding="utf-8")
        program = str(self.programs / "faster-whisper-server")
        given = ["--config", str(config), "--workers", str(WORKERS)]
        return [program, *given, "--host", "127.0.0.1", "--port", str(port)]

    def request(self, row: str | bytes) -> Post:
        sent = Request(
            "POST",
            "http://any/v1/audio/transcriptions",
            files={"file": ("sound.flac", row, "audio/flac")},
            data={"language": "zh"},
        )
        return Post("/v1/audio/transcriptions", sent.headers["Content-Type"], sent.read())

    def record(self, answer: Any) -> dict[str, Any]:
        return {"text": answer["text"].strip()}

    @property
    def settings(self) -> str:
        return (
            "faster-whisper-server "
            f"{environment.version('faster_whisper', 'faster-whisper-server')}, {WORKERS} workers, "
            "int8, `vad_filter`, faster-whisper's own beam of 5"
        )
