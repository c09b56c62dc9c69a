"""What these tests share: certificates, a fake gateway, a real model server, the tool itself."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from kong.admin import tls
from kong.register import main
from tests.kong.certificates import Certificates, make
from tests.kong.gateway import Gateway, gateway
from tests.kong.stub import Stub, stub
from zoo.building.packaging import ROOT

SAMPLE = ROOT / "mlflow_models" / "hanlp_ner" / "sample.json"
FAST = {"poll": 0.01, "every": 0.01, "watch": 0.0, "patience": 60.0, "propagation": 60.0}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates of this run."""
    return make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def fake(certificates: Certificates) -> Iterator[Gateway]:
    """A gateway with nothing in it, which sees changes a little late."""
    with gateway(certificates, propagation=0.05) as running:
        yield running


@pytest.fixture
def model() -> Iterator[Stub]:
    """A model server that does as it is told."""
    with stub() as one:
        yield one


@pytest.fixture
def target(model: Stub) -> str:
    """Its HOST:PORT."""
    return model.address


@pytest.fixture
def second() -> Iterator[str]:
    """The HOST:PORT of another one."""
    with stub() as one:
        yield one.address


@dataclass
class Done:
    """What a run of the tool came to."""

    code: int
    result: Any
    out: str
    err: str

    def __bool__(self) -> bool:
        return self.code == 0


Tool = Callable[..., Done]


@pytest.fixture
def tool(fake: Gateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Runs `register.py` against the gateway; `json=False` for what a person sees."""

    def run(command: str, *words: str, json: bool = True, **options: Any) -> Done:
        given = arguments(fake, tmp_path, **options)
        code = main([command, *words, *given, *(["--json"] if json else [])])
        out, err = capsys.readouterr()
        return Done(code, parsed(out) if json else None, out, err)

    return run


def parsed(text: str) -> Any:
    return json.loads(text)


def arguments(fake: Gateway, folder: Path, **options: Any) -> list[str]:
    """The options of a run: where the gateway is, and short times."""
    certificate, key = fake.certificates.client
    where = {"admin": fake.admin, "proxy": fake.proxy, "ca": fake.certificates.ca}
    usual: dict[str, Any] = {**where, "cert": certificate, "key": key, "journals": folder / "state"}
    usual |= FAST
    given = {**usual, **options}
    return [
        word
        for name, value in given.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]


class Client:
    """A client of the gateway, with its key; verifies the gateway's certificate."""

    def __init__(self, fake: Gateway, key: str | None = None) -> None:
        headers = {"Content-Type": "application/json", **({"apikey": key} if key else {})}
        self._http = httpx2.Client(
            base_url=fake.proxy,
            verify=tls(fake.certificates.ca),
            headers=headers,
            timeout=30.0,
            trust_env=False,
        )

    def ask(self, path: str = "/ner", **headers: str) -> httpx2.Response:
        return self._http.post(path, content=SAMPLE.read_bytes(), headers=headers)

    def send(self, body: bytes) -> httpx2.Response:
        return self._http.post("/ner", content=body)

    def get(self, path: str) -> httpx2.Response:
        return self._http.get(path)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


def administer(fake: Gateway, method: str, path: str, body: Any = None) -> Any:
    """Somebody else's call of the Admin API, behind the tool's back."""
    status, answer = fake.store.answer(method, path, "", body)
    assert status < 300, answer
    return answer


def catch_all(fake: Gateway, target: str) -> None:
    """What gateways have for the rest."""
    administer(fake, "PUT", "/upstreams/rest.up", {"name": "rest.up"})
    administer(fake, "POST", "/upstreams/rest.up/targets", {"target": target})
    administer(fake, "PUT", "/services/rest", {"host": "rest.up"})
    administer(fake, "PUT", "/services/rest/routes/rest", {"paths": ["/"]})


def eventually(true: Callable[[], bool]) -> None:
    """Waits for what other threads and processes do; the test's own timeout is its end."""
    for _ in range(6000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came true")
