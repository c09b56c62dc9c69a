"""Answers that flow: events over real sockets, their limits, and ends that nobody wished for."""

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.requests import Request

from tests.zoo.helpers import HTTP, metric, server_sent
from tests.zoo.launched import Launched, launched
from tests.zoo.wire import GOOD, assert_good, post, wire
from zoo.serving import events
from zoo.serving.events import Admission, EventStream, asks_for_events
from zoo.settings import Settings

ACCEPT = {"Accept": "text/event-stream"}
FAST = {
    "THERESA_REQUEST_SECONDS": "1",
    "THERESA_STREAM_SECONDS": "2",
    "THERESA_BODY_SECONDS": "1",
    "THERESA_GRACE_SECONDS": "2",
}


@pytest.fixture(scope="module")
def server(echo_model: Path) -> Iterator[Launched]:
    with launched(echo_model, FAST) as one:
        yield one


def asked(*words: str, rows: int = 1, **params: Any) -> bytes:
    table = {"inputs": {"text": ["whole"] * rows}, "params": {"words": words, **params}}
    return json.dumps(table).encode()


@contextlib.contextmanager
def streamed(url: str, body: bytes, **headers: str) -> Iterator[httpx2.Response]:
    given = {"Content-Type": "application/json", **ACCEPT, **headers}
    with HTTP.stream("POST", f"{url}/invocations", content=body, headers=given) as answer:
        yield answer


def everything(url: str, body: bytes, **headers: str) -> list[tuple[str, Any]]:
    with streamed(url, body, **headers) as answer:
        assert answer.status_code == 200, answer.read()
        return list(server_sent(answer.iter_lines()))


def idle(url: str) -> None:
    while metric(url, "theresa_requests_in_flight"):
        pass


def test_events_come_as_they_are_found_and_the_last_is_the_plain_answer(server: Launched) -> None:
    body = asked("one", "two", "three", numbers=[0, 0.5, 0])
    plain = HTTP.post(
        f"{server.url}/invocations", content=body, headers={"Content-Type": "application/json"}
    )
    headers = {"Accept-Encoding": "gzip", "X-Request-ID": "mine"}
    with streamed(server.url, body, **headers) as answer:
        found = server_sent(answer.iter_lines())
        assert next(found) == ("segment", {"id": 0, "text": "one"})
        assert metric(server.url, "theresa_requests_in_flight") == 1  # the rest is still to come
        rest = list(found)
    assert [name for name, _ in rest] == ["segment", "segment", "done"]
    assert rest[-1][1] == plain.json()["predictions"][0]
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert "Content-Encoding" not in answer.headers  # which would hold events back
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["X-Request-ID"] == "mine"
    idle(server.url)


@pytest.mark.parametrize(
    ("accept", "events"),
    [
        ("text/event-stream", True),
        ("Text/Event-Stream; charset=utf-8, */*;q=0.1", True),
        ("application/json, text/event-stream", False),
        ("application/json;q=0.5, text/event-stream", True),
        ("text/event-stream;q=0", False),
        ("", False),
    ],
)
def test_who_prefers_events_gets_them(accept: str, events: bool) -> None:
    assert asks_for_events(accept) is events


def test_what_is_refused_before_the_first_event_has_its_own_status(
    server: Launched, zoo_url: str
) -> None:
    for url, body, status, code in [
        (server.url, asked(rows=2), 400, "BAD_REQUEST"),
        (server.url, asked(rows=0), 400, "BAD_REQUEST"),
        (server.url, asked(nothing=1), 400, "BAD_REQUEST"),
        (server.url, asked("boom"), 500, "INTERNAL_ERROR"),
        (server.url, asked("late", numbers=[5]), 504, "TIMED_OUT"),
        (zoo_url, GOOD, 406, "NOT_ACCEPTABLE"),  # of a model that has whole answers only
    ]:
        with streamed(url, body) as answer:
            error = json.loads(answer.read())
        assert (answer.status_code, error["error_code"]) == (status, code)
        assert error["request_id"] == answer.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (asked("one", "boom"), "INTERNAL_ERROR"),
        (asked("one", "late", numbers=[0, 5]), "TIMED_OUT"),  # nothing for a second
        (asked(*"abcdefgh", seconds=0.5), "TIMED_OUT"),  # two seconds in all
    ],
)
def test_what_goes_wrong_later_is_the_last_event(server: Launched, body: bytes, code: str) -> None:
    before = metric(server.url, "theresa_stream_errors_total")
    *first, (name, error) = everything(server.url, body, **{"X-Request-ID": "mine"})
    assert first
    assert {one for one, _ in first} == {"segment"}
    assert (name, error["error_code"], error["request_id"]) == ("error", code, "mine")
    assert metric(server.url, "theresa_stream_errors_total") == before + 1


def test_a_row_that_fails_is_reported_where_that_is_asked_for(server: Launched) -> None:
    events = everything(server.url, asked("one", "boom", on_error="report"))
    assert [name for name, _ in events] == ["segment", "done"]
    assert events[-1][1]["text"] is None
    assert events[-1][1]["error"]
    ((_, record),) = everything(server.url, asked(on_error="report"))
    assert (record["text"], record["error"]) == ("whole", None)


def test_when_the_client_leaves_the_work_stops(server: Launched) -> None:
    before = metric(server.url, "theresa_batch_items_sum")
    with streamed(server.url, asked(*["word"] * 100_000)) as answer:
        next(server_sent(answer.iter_lines()))
    idle(server.url)
    everything(server.url, asked("next"))
    assert metric(server.url, "theresa_batch_items_sum") - before < 50_000


def test_a_client_that_doesnt_read_is_given_up(server: Launched) -> None:
    with wire(server.url) as one:
        one.send(post(asked(*["word" * 10_000] * 40), "Accept: text/event-stream"))
        while not metric(server.url, "theresa_requests_in_flight"):
            pass
        idle(server.url)
        assert one.is_closed()


def test_a_request_behind_an_answer_that_flows_is_answered_after_it(server: Launched) -> None:
    with wire(server.url) as one:
        one.send(post(asked("one"), "Accept: text/event-stream"), post(GOOD))
        assert one.read().body.count(b"event: ") == 2
        assert_good(one.read())


@pytest.mark.parametrize("silent", [0, 1000], ids=["nothing is found", "nothing is to be sent"])
def test_a_comment_comes_where_no_event_does(monkeypatch: pytest.MonkeyPatch, silent: int) -> None:
    monkeypatch.setattr(events, "COMMENT_SECONDS", 0.05)
    monkeypatch.setattr(events, "TICK_SECONDS", 0.01)
    sent: list[bytes] = []
    commented = threading.Event()

    def steps() -> Iterator[tuple[str, Any]]:
        for _ in range(silent):  # such as a `progress`, which OpenAI's clients don't know
            if not commented.wait(0.02):
                yield "progress", None
        assert commented.wait(0 if silent else 30)
        yield "done", {"text": "late"}

    def write(event: str, data: Any) -> bytes:
        return b"" if event == "progress" else events.server_sent(event, data)

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))
        if sent.count(events.COMMENT) == 2:
            commented.set()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def run(_: threading.Event, work: Any) -> None:
        await asyncio.to_thread(work)

    async def answered() -> None:
        scope = {"type": "http", "headers": [], "state": {"request_id": "mine"}}
        with Admission(lambda: None).entered():
            stream = EventStream(Request(scope), Settings(), run, steps, write)  # type: ignore[arg-type]
        await stream(scope, receive, send)

    asyncio.run(answered())
    assert b"".join(sent).startswith(2 * events.COMMENT)
    assert b"".join(sent).endswith(b'event: done\ndata: {"text":"late"}\n\n')


def test_a_killed_worker_ends_only_its_own_answers(server: Launched) -> None:
    with streamed(server.url, asked(*"abcdefgh", seconds=0.2)) as answer:
        lines = answer.iter_lines()
        next(server_sent(lines))
        for worker in server.workers():
            os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(httpx2.RemoteProtocolError):
            list(lines)
    while metric(server.url, "theresa_workers") < 2:
        pass
    assert everything(server.url, asked("one"))[-1][0] == "done"
    idle(server.url)


def test_a_server_that_stops_says_so_in_the_last_event(echo_model: Path) -> None:
    limits = {**FAST, "THERESA_STREAM_SECONDS": "600", "THERESA_GRACE_SECONDS": "5"}
    with launched(echo_model, limits, workers=1) as one:
        with streamed(one.url, asked(*["word"] * 1000, seconds=0.1)) as answer:
            found = server_sent(answer.iter_lines())
            next(found)
            one.master.terminate()
            *_, (name, error) = found
        assert (name, error["error_code"]) == ("error", "STOPPING")
        assert one.master.wait(30) == 0
