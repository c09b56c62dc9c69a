"""What `export.py --to triton` writes, in NVIDIA's own server: `exports.sh` installs that."""

import importlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import pytest

from tests.wav2vec2_asr.checkpoints import write_checkpoint
from tests.zoo.helpers import assert_same
from tests.zoo.sounds import BAD, encoded, muxed, tone
from wav2vec2_asr.engine import Engine
from wav2vec2_asr.export import main
from wav2vec2_asr.options import Options
from zoo.building.local_server import direct, free_port
from zoo.building.packaging import ROOT
from zoo.data.audio import decode
from zoo.errors import BadParameter
from zoo.serving.declaration import read

NAME = "wav2vec2_asr"
ROWS = 8
PLACE = os.environ.get("THERESA_EXPORTS", "")
triton = pytest.mark.skipif(
    not PLACE or importlib.util.find_spec("tritonclient") is None,
    reason="no NVIDIA server: tests/wav2vec2_asr/exports.sh installs one",
)
Ask = Callable[..., Any]

# Loads the repository as Triton's interpreter would: with no help from the project.
ALONE = """
import sys
version, project = sys.argv[1:]
sys.path[:] = [version, *(path for path in sys.path if not path.startswith(project + "/mlflow"))]
from wav2vec2_asr import options
from wav2vec2_asr.engine import Engine
from pathlib import Path
engine = Engine(Path(version) / "engine")
asked = options.Options(vad=False, word_timestamps=True)
(heard,) = engine([sys.stdin.buffer.read()], asked)
assert options.__file__.startswith(version)
print(heard.record()["text"])
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that waits long enough for requests that are sent together to be batched."""
    place = tmp_path_factory.mktemp("triton")
    checkpoint = write_checkpoint(place / "checkpoint", num_hidden_layers=1)
    options = ("--rows", ROWS, "--delay", 300, "--checkpoint", checkpoint)
    main(["--to", "triton", *map(str, options), "-o", str(place / "repository")])
    return place / "repository"


@pytest.fixture(scope="module")
def engine(repository: Path) -> Engine:
    """Our own engine on the same files."""
    return Engine(repository / "models" / NAME / "1" / "engine")


@pytest.fixture(scope="module")
def recordings() -> list[bytes]:
    """Thai speech of several lengths, in several formats; one ends in zeros."""
    words = "สวัสดีครับ วันนี้อากาศดีมาก ขอบคุณครับ"
    found = []
    for number, voice in enumerate(["th", "th+m3", "th+f2"]):
        wave = subprocess.run(["espeak-ng", "-v", voice, "--stdout", words], capture_output=True)
        sound = decode(wave.stdout)[: 16_000 * (number + 2)]
        found += [wave.stdout, encoded(sound, kind="FLAC"), muxed("webm", "libopus", sound, 16_000)]
    return [*found, encoded(np.r_[tone(0.5), np.zeros(8_000)], subtype="PCM_16")]


@pytest.fixture(scope="module")
def server(repository: Path) -> Iterator[SimpleNamespace]:
    """NVIDIA's server in an environment of its own, by the commands of the repository's README."""
    python = Path(PLACE) / "server" / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    readme = (repository / "README.md").read_text()
    version = re.search(r"nvidia-pytriton==[\d.]+", readme)
    assert version
    subprocess.run([*uv, "venv", "--quiet", "--clear", str(python.parents[1])], check=True)
    packages = [version[0], "numpy<2", "-r", str(repository / "requirements.txt")]
    install = [*uv, "pip", "install", "--quiet", "--python", str(python), *packages]
    subprocess.run(install, check=True)
    ports = {"http": free_port(), "grpc": free_port()}
    options = [f"--{kind}-port={port}" for kind, port in ports.items()]
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with (repository / "server.log").open("w") as log:
        process = subprocess.Popen(
            [str(python), str(repository / "serve.py"), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=variables,
        )
        try:
            wait_until_ready(process, f"http://127.0.0.1:{ports['http']}", log.name)
            clients = {
                kind: importlib.import_module(f"tritonclient.{kind}").InferenceServerClient(
                    f"127.0.0.1:{port}", **({"concurrency": 32} if kind == "http" else {})
                )
                for kind, port in ports.items()
            }
            address = f"http://127.0.0.1:{ports['http']}"
            yield SimpleNamespace(process=process, url=address, **clients)
            for client in clients.values():
                client.close()  # the server waits for its connections before it stops
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
    assert process.returncode == 0


def wait_until_ready(process: subprocess.Popen[bytes], url: str, log: str) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.returncode is None:
        with suppress(httpx2.TransportError):
            if direct().get(f"{url}/v2/health/ready", timeout=5).is_success:
                return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    pytest.fail(f"The server didn't get ready:\n{Path(log).read_text()[-3000:]}")


def tensor(kind: str, rows: Sequence[bytes]) -> Any:
    module = importlib.import_module(f"tritonclient.{kind}")
    given = module.InferInput("audio", [len(rows), 1], "BYTES")
    given.set_data_from_numpy(np.array([[row] for row in rows], dtype=np.object_))
    return given


def ask(server: SimpleNamespace, kind: str, rows: Sequence[bytes], **params: Any) -> dict[str, Any]:
    """The answer to one request: a list for each output, or `status` and `message`."""
    return ask_together(server, kind, [(rows, params)])[0]


def ask_together(
    server: SimpleNamespace, kind: str, asked: Sequence[tuple[Sequence[bytes], dict[str, Any]]]
) -> list[dict[str, Any]]:
    """The answers to requests, each of rows and parameters, that are all under way at once."""
    send = send_http if kind == "http" else send_grpc
    waiting = [send(getattr(server, kind), rows, params or None) for rows, params in asked]
    return [outcome(get) for get in waiting]


def send_http(client: Any, rows: Sequence[bytes], params: dict[str, Any] | None) -> Ask:
    sent: Ask = client.async_infer(NAME, [tensor("http", rows)], parameters=params).get_result
    return sent


def send_grpc(client: Any, rows: Sequence[bytes], params: dict[str, Any] | None) -> Ask:
    answer: Future[Any] = Future()

    def receive(result: Any, error: Exception | None) -> None:
        answer.set_exception(error) if error else answer.set_result(result)

    client.async_infer(NAME, [tensor("grpc", rows)], receive, parameters=params)
    return lambda: answer.result(60)


def outcome(get: Callable[[], Any]) -> dict[str, Any]:
    from tritonclient.utils import InferenceServerException  # type: ignore

    try:
        result = get()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    names = ("text", "transcript", "error")
    return {name: [one.decode() for one in result.as_numpy(name).ravel()] for name in names}


def test_the_repository_needs_nothing_of_the_project(
    repository: Path, engine: Engine, recordings: list[bytes], tmp_path: Path
) -> None:
    version = shutil.copytree(repository / "models" / NAME / "1", tmp_path / "1")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(version), str(ROOT)],
        input=recordings[0],
        capture_output=True,
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    (expected,) = engine(recordings[:1], Options(vad=False))
    assert not isinstance(expected, Exception)
    assert done.stdout.decode().strip() == expected.text != ""


@pytest.mark.parametrize(
    "given",
    [
        {"beam": 5},
        {"vad": "true"},
        {"vad": 1},
        {"beam_size": 2.5},
        {"beam_size": True},
        {"chunk_length_s": "10"},
        {"on_error": "ignore"},
        {"chunk_length_s": 1},
        {"beam_size": 0},
    ],
)
def test_other_parameters_are_refused_by_name(given: dict[str, Any], engine: Engine) -> None:
    (name,) = given
    with pytest.raises(BadParameter) as refused:
        read(engine.options, given, strict=True)
    assert refused.value.fields["parameter"] == name


def test_a_whole_number_is_a_number(engine: Engine) -> None:
    assert read(engine.options, {"chunk_length_s": 10}, strict=True).chunk_length_s == 10.0


@triton
@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_concurrent_requests_are_batched_and_get_the_engines_own_answer(
    kind: str, server: SimpleNamespace, engine: Engine, recordings: list[bytes]
) -> None:
    before = batches(server)
    found = ask_together(server, kind, [([one], {"vad": False}) for one in recordings])
    for heard, answer in zip(engine(recordings, Options(vad=False)), found, strict=True):
        assert not isinstance(heard, Exception)
        assert answer["text"] == [heard.text]
        assert_same(json.loads(answer["transcript"][0]), heard.record())
        assert answer["error"] == [""]
    assert len({answer["text"][0] for answer in found}) > 5
    after = batches(server)
    executions = {size: count - before.get(size, 0) for size, count in after.items()}
    assert sum(size * count for size, count in executions.items()) == len(recordings)
    assert sum(executions.values()) < len(recordings)


def batches(server: SimpleNamespace) -> dict[int, int]:
    """How often the model was run, by how many rows it had at once."""
    answer = direct().get(f"{server.url}/v2/models/{NAME}/stats", timeout=30).json()
    statistics = answer["model_stats"][0]["batch_stats"]
    return {int(one["batch_size"]): int(one["compute_infer"]["count"]) for one in statistics}


@triton
@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_a_bad_file_disturbs_only_its_own_request(
    kind: str, server: SimpleNamespace, engine: Engine, recordings: list[bytes]
) -> None:
    good = recordings[0]
    rows = [[content] for content in BAD.values()] + [[good]] * 6 + [[good, b""]]
    *found, mixed = ask_together(server, kind, [(one, {"vad": False}) for one in rows])
    (heard,) = engine([good], Options(vad=False))
    assert not isinstance(heard, Exception)
    for name, answer in zip(BAD, found, strict=False):
        assert answer["status"] in ("400", "StatusCode.INVALID_ARGUMENT"), name
        assert answer["message"].startswith("Row 0, column 'audio': "), name
    assert [answer["text"] for answer in found[len(BAD) :]] == [[heard.text]] * 6
    assert mixed["message"] == "Row 1, column 'audio': is empty."
    report = ask(server, kind, [good, b""], vad=False, on_error="report")
    assert report["text"] == [heard.text, ""]
    assert report["transcript"][1] == "null"
    assert report["error"] == ["", "Column 'audio': is empty."]


@triton
@pytest.mark.parametrize("kind", ["http", "grpc"])
def test_requests_of_one_batch_keep_their_parameters(
    kind: str, server: SimpleNamespace, engine: Engine, recordings: list[bytes]
) -> None:
    rows = recordings[:2]
    asked: list[dict[str, Any]] = [
        {"vad": False},
        {"vad": False, "word_timestamps": True},
        {"vad": False, "beam_size": 8},
        {"vad": False, "chunk_length_s": 2.5, "stride_length_s": 0},
        {"vad": False, "beam": 5},
    ]
    *found, unknown = ask_together(server, kind, [(rows, params) for params in asked])
    for params, answer in zip(asked, found, strict=False):
        heard = engine(rows, Options(**params))
        records = [one.record() for one in heard if not isinstance(one, Exception)]
        assert_same([json.loads(one) for one in answer["transcript"]], records, where=str(params))
    assert len({str(answer["transcript"]) for answer in found}) == len(found)
    assert "'beam'" in unknown["message"]


@triton
def test_more_rows_than_configured_are_refused(
    server: SimpleNamespace, recordings: list[bytes]
) -> None:
    answer = ask(server, "http", recordings[:1] * (ROWS + 1))
    assert answer["status"] == "400"
    assert str(ROWS) in answer["message"]
