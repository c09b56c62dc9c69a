"""A speech model at the gateway: answers that flow, OpenAI's API, live streams."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from websockets.exceptions import InvalidStatus

from kong.admin import tls
from kong.document import document
from kong.spec import Spec
from tests.kong.certificates import Certificates
from tests.kong.conftest import Tool
from tests.kong.gateway import Gateway, gateway
from tests.kong.streaming import CREATED, SPEECH_TASK, WRONG_FORMS, Speaker, speaker, talk

MODEL = {"service": "asr", "route": "/asr"}
KEY = "the-key-of-alice"
SSE = {"apikey": KEY, "Accept": "text/event-stream"}
FORMS = [
    {"additional_headers": {"apikey": KEY}},
    {"additional_headers": {"Authorization": f"Bearer {KEY}"}, "subprotocols": ["realtime"]},
    {"subprotocols": ["realtime", f"openai-insecure-api-key.{KEY}"]},  # as a page has to
]


@pytest.fixture(scope="module")
def open_gateway(certificates: Certificates) -> Iterator[tuple[Gateway, Speaker]]:
    """A speech model behind a gateway that is kept by a file, at which alice has a key."""
    with speaker() as server, gateway(certificates, database="off") as kept:
        spec = Spec(name="asr", path="/asr", targets=[server.address], speech=True)
        kept.store.answer("POST", "/config", "", document([spec], {"alice": KEY}, deck=False))
        yield kept, server


@pytest.fixture
def behind(open_gateway: tuple[Gateway, Speaker]) -> Gateway:
    """The gateway."""
    return open_gateway[0]


@pytest.fixture
def opened(open_gateway: tuple[Gateway, Speaker]) -> Speaker:
    """The model behind it; nobody has asked it anything."""
    server = open_gateway[1]
    server.pauses = [0.0]
    server.heard.set()
    server.gone.clear()
    server.asked.clear()
    return server


@pytest.fixture
def speech() -> Iterator[Speaker]:
    """A speech model, whose answers take long enough to be tried."""
    with speaker() as one:
        one.pauses = [0.5]
        one.heard.set()
        yield one


def named(fake: Gateway, kind: str) -> dict[str, Any]:
    return {one["name"]: one for one in fake.store.config()[kind].values()}


def test_an_event_comes_through_before_the_next_one_is_made(
    behind: Gateway, opened: Speaker
) -> None:
    opened.heard.clear()
    opened.pauses = []
    with (
        httpx2.Client(verify=tls(behind.certificates.ca), trust_env=False) as http,
        http.stream("POST", f"{behind.proxy}/asr", content=b"{}", headers=SSE) as answer,
    ):
        events = (line for line in answer.iter_lines() if line.startswith("event"))
        assert next(events) == "event: progress"
        opened.heard.set()  # a gateway that buffers would still have the first event
        assert list(events) == ["event: done"]


def test_openais_client_needs_only_the_address_and_the_key(
    behind: Gateway, opened: Speaker
) -> None:
    with openai.OpenAI(
        base_url=f"{behind.proxy}/asr/v1",
        api_key=KEY,
        max_retries=0,
        http_client=openai.DefaultHttpxClient(verify=tls(behind.certificates.ca)),
    ) as client:
        assert client.models.list().data == []
        flowing = client.audio.transcriptions.create(
            model="asr", file=("a.wav", b"RIFF" * 30_000), stream=True
        )
        assert [event.type for event in flowing] == ["transcript.text.delta"] * 3
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="another").models.list()
    paths = [path for path, _ in opened.asked]
    assert paths == ["/v1/models", "/v1/audio/transcriptions"]
    assert not any(KEY in str(headers) for _, headers in opened.asked)


@pytest.mark.parametrize("form", FORMS, ids=["apikey", "bearer", "page"])
def test_a_live_stream_takes_the_key_in_each_form_and_the_model_never_sees_it(
    behind: Gateway, opened: Speaker, form: dict[str, Any]
) -> None:
    url, messages = f"{behind.proxy}/asr", [b"a" * 10, b"a" * 70_000]
    for wrong in WRONG_FORMS:
        with pytest.raises(InvalidStatus) as refused:
            talk(url, behind.certificates, **wrong)
        assert refused.value.response.status_code == 401
    subprotocol, (first, *answers) = talk(url, behind.certificates, *messages, **form)
    assert subprotocol == ("realtime" if "subprotocols" in form else None)
    assert json.loads(first)["type"] == CREATED
    assert answers == messages
    assert opened.gone.wait(10)  # the model's end of it closes, too
    ((address, headers),) = opened.asked
    assert address == "/v1/realtime?intent=transcription"
    assert KEY not in str(headers)


def test_a_client_that_leaves_an_answer_ends_it_at_the_model(
    behind: Gateway, opened: Speaker
) -> None:
    opened.pauses = [60.0]
    with (
        httpx2.Client(verify=tls(behind.certificates.ca), trust_env=False) as http,
        http.stream("POST", f"{behind.proxy}/asr", content=b"{}", headers=SSE) as answer,
    ):
        next(answer.iter_lines())
    assert opened.gone.wait(10)


def test_a_model_gets_the_routes_of_speech_when_it_is_one_and_loses_them(
    fake: Gateway, tool: Tool, speech: Speaker, tmp_path: Path
) -> None:
    speech.task = "audio-classification"
    assert tool("register", **MODEL, target=speech.address)
    plain = set(named(fake, "services"))
    speech.task = SPEECH_TASK
    done = tool("register", **MODEL, target=speech.address)
    assert done, done.err
    services, routes = named(fake, "services"), named(fake, "routes")
    assert services["asr.live"]["read_timeout"] == 300_000
    assert routes["asr.live"]["paths"] == ["~/asr/v1/realtime$"]
    uploads = {"asr.predict", "asr.transcriptions", "asr.translations"}
    assert {n for n, one in routes.items() if not one["request_buffering"]} == uploads
    assert not any(one["response_buffering"] for one in routes.values())
    (tmp_path / "key").write_text(KEY)
    assert tool("client", "alice", api_key_file=tmp_path / "key")
    keys = {one["key"] for one in fake.store.config()["keyauth_credentials"].values()}
    assert keys == {KEY, f"Bearer {KEY}", f"realtime, openai-insecure-api-key.{KEY}"}
    assert not tool("register", **MODEL, target=speech.address).result["changed"]
    with speaker() as other:
        other.task = "audio-classification"
        both = tool("register", "--target", other.address, **MODEL, target=speech.address)
        assert speech.address in both.err
        canary = tool("canary", service="asr", target=other.address)
        assert other.address in canary.err
        assert named(fake, "services").keys() == services.keys()
    speech.task = "audio-classification"
    assert tool("register", **MODEL, target=speech.address)
    assert set(named(fake, "services")) == plain == {"asr", "asr.ready", "asr.about"}
    assert tool("unregister", service="asr")
    assert not named(fake, "services")


def test_a_gateway_that_holds_events_back_gets_no_route(
    fake: Gateway, tool: Tool, speech: Speaker
) -> None:
    fake.proxying.holds_back = True
    done = tool("register", **MODEL, target=speech.address)
    assert done.code == 1
    assert "/asr" in done.result["error"]
    assert not any(fake.store.config().values())


def test_a_model_whose_live_streams_are_refused_gets_no_route(
    fake: Gateway, tool: Tool, speech: Speaker
) -> None:
    speech.listens, speech.pauses = False, []
    done = tool("register", **MODEL, target=speech.address, propagation=1)
    assert done.code == 1
    assert "/asr/v1/realtime" in done.result["error"]
    assert not any(fake.store.config().values())
