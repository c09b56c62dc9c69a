"""The zoo's server, over real HTTP: its endpoints, its limits, and requests that mean harm."""

import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pandas as pd
import pytest
import requests

from tests.zoo.helpers import metric
from tests.zoo.hostile import GOOD, HOSTILE, JSON, PARQUET, parquet, split
from zoo.launch import command, gunicorn_arguments
from zoo.packaging import ROOT
from zoo.serving import serve
from zoo.settings import Settings

CITY = [{"text": "中国", "type": "LOCATION", "start": 2, "end": 4}]


def ask(url: str, body: Any = GOOD, kind: str | None = JSON, **headers: str) -> requests.Response:
    given = {**({"Content-Type": kind} if kind else {}), **headers}
    return requests.post(f"{url}/invocations", data=body, headers=given, timeout=30)


def assert_answers(url: str) -> None:
    response = ask(url)
    assert response.status_code == 200, response.text
    assert response.json() == {"predictions": [{"entities": CITY}]}


def assert_refused(response: requests.Response, status: int, sentence: str) -> None:
    assert response.status_code == status, response.text
    error = response.json()
    assert set(error) == {"error_code", "message", "request_id"}
    assert error["request_id"] == response.headers["X-Request-ID"]
    assert re.search(sentence, error["message"]), error["message"]
    assert "Traceback" not in response.text
    assert "SECRET" not in response.text


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_requests_are_refused_and_the_next_is_answered(zoo_url: str, case: str) -> None:
    body, kind, status, sentence = HOSTILE[case]
    assert_refused(ask(zoo_url, body, kind), status, sentence)
    assert_answers(zoo_url)


def test_a_gzip_bomb_isnt_unpacked(zoo_url: str) -> None:
    bomb = gzip.compress(b"a" * 100_000_000)
    response = ask(zoo_url, bomb, JSON, **{"Content-Encoding": "gzip"})
    assert_refused(response, 415, "Content-Encoding must be identity")


def raw(url: str, request: bytes, close: bool = False) -> bytes:
    """What comes back on a connection of its own."""
    address = urlparse(url)
    with socket.create_connection((address.hostname, address.port or 80), timeout=30) as connection:
        connection.sendall(request)
        if close:
            return b""
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
            if b"\r\n\r\n" in b"".join(parts):
                break
        return b"".join(parts)


HEAD = b"POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"


def test_a_body_that_never_comes_is_given_up(zoo_url: str) -> None:
    answer = raw(zoo_url, HEAD + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_clients_that_hang_up_disturb_nobody(zoo_url: str) -> None:
    body = split([["我爱中国。" * 2000]] * 20)
    for _ in range(10):
        raw(zoo_url, HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body, close=True)
        raw(zoo_url, HEAD + b"Content-Length: 1000\r\n\r\n{", close=True)
    assert_answers(zoo_url)


@pytest.mark.parametrize(
    "request_line", [b"garbage\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\0\0\r\n\r\n"]
)
def test_what_isnt_http_is_dropped(zoo_url: str, request_line: bytes) -> None:
    answer = raw(zoo_url, request_line)
    assert not answer or answer.startswith(b"HTTP/1.1 4"), answer
    assert_answers(zoo_url)


def test_every_form_of_mlflows_protocol_is_answered(zoo_url: str) -> None:
    table = pd.DataFrame({"text": ["我爱中国"]})
    forms = [
        (GOOD, JSON),
        (GOOD, "application/json; charset=utf-8"),
        (GOOD, "Application/JSON"),
        (json.dumps({"dataframe_records": [{"text": "我爱中国"}]}).encode(), JSON),
        (json.dumps({"instances": [{"text": "我爱中国"}]}).encode(), JSON),
        (json.dumps({"inputs": {"text": ["我爱中国"]}}).encode(), JSON),
        (table.to_csv(index=False).encode(), "text/csv"),
        (parquet(table), PARQUET),
    ]
    for body, kind in forms:
        response = ask(zoo_url, body, kind)
        assert response.json() == {"predictions": [{"entities": CITY}]}, (kind, body)


def test_a_request_id_is_taken_over_if_it_is_one(zoo_url: str) -> None:
    assert ask(zoo_url, **{"X-Request-ID": "abc-123.x"}).headers["X-Request-ID"] == "abc-123.x"
    made = ask(zoo_url, **{"X-Request-ID": "a b{}"}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


@pytest.mark.parametrize("path", ["/ping", "/health", "/ready", "/version", "/metrics"])
def test_the_operators_endpoints(zoo_url: str, path: str) -> None:
    assert requests.get(zoo_url + path, timeout=30).status_code == 200


def test_other_paths_and_methods_are_refused_in_the_same_form(zoo_url: str) -> None:
    assert_refused(requests.get(f"{zoo_url}/nothing", timeout=30), 404, "Not Found")
    assert_refused(requests.get(f"{zoo_url}/invocations", timeout=30), 405, "Method Not Allowed")


def test_metrics_count_over_all_workers(zoo_url: str) -> None:
    names = ["theresa_request_rows_sum", "theresa_batch_items_sum"]
    for name in ("theresa_requests_in_flight", "theresa_queue_depth"):
        while metric(zoo_url, name):
            pass  # what clients that hung up have left behind
    before = [metric(zoo_url, name) for name in names]
    body = split([["我爱中国"]] * 3)
    for _ in range(10):
        with requests.Session() as session:  # its own connection, so any of the workers
            session.post(f"{zoo_url}/invocations", data=body, headers={"Content-Type": JSON})
    after = [metric(zoo_url, name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [30, 30]
    text = requests.get(f"{zoo_url}/metrics", timeout=30).text
    assert 'theresa_requests_total{path="/invocations",status="200"}' in text
    assert 'theresa_model{name="hanlp_ner"' in text
    assert metric(zoo_url, "theresa_requests_in_flight") == 0
    assert metric(zoo_url, "theresa_queue_depth") == 0


def test_workers_share_a_model_only_where_its_engine_survives_a_fork(
    ner_model: Path, whisper_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_MODELS_WORKERS", raising=False)
    shared, alone = (command(Settings(), model) for model in (ner_model, whisper_model))
    assert "--preload" in shared
    assert shared[shared.index("--workers") + 1] == str(os.cpu_count())
    assert "--preload" not in alone
    assert alone[alone.index("--workers") + 1] == "1"


def test_what_takes_too_long_or_comes_too_often_is_told_so(ner_model: Path) -> None:
    limits = {
        "MLFLOW_MODELS_WORKERS": "1",
        "THERESA_REQUEST_SECONDS": "1",
        "THERESA_MAX_REQUESTS": "2",
        "THERESA_MAX_ROWS": "100000",
    }
    slow = split([["我爱中国，" * 2000]] * 40)
    with serve(ner_model, limits) as url:
        assert_refused(ask(url, slow), 504, "took longer than 1 s")
        worked = metric(url, "theresa_engine_seconds_total")
        assert_answers(url)  # the rest of the slow request is out of the way
        assert metric(url, "theresa_engine_seconds_total") - worked < 5
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: ask(url, slow), range(8)))
        busy = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} <= {503, 504}
        assert busy
        assert_refused(busy[0], 503, "as many requests as it takes")
        assert busy[0].headers["Retry-After"] == "1"
        assert_answers(url)


def test_nothing_in_flight_is_lost_when_it_stops(ner_model: Path, tmp_path: Path) -> None:
    """SIGTERM while a request is computed: it is answered, then the process leaves."""
    own = shutil.copytree(ner_model, tmp_path / "own")  # so that no other server gets the signal
    sent, answers = threading.Event(), []
    body = split([["我爱中国，" * 1000]] * 12)

    def one() -> None:
        sent.set()
        answers.append(ask(url, body).status_code)

    with serve(own, {"MLFLOW_MODELS_WORKERS": "1"}) as url:
        client = threading.Thread(target=one)
        client.start()
        sent.wait(10)
        while metric(url, "theresa_requests_in_flight") == 0 and client.is_alive():
            pass  # until the server has taken it
        subprocess.run(["pkill", "-TERM", "-f", f"zoo.launch {own}"], check=True)
        client.join(60)
    assert answers == [200]


def test_gunicorns_arguments_are_honoured_but_for_gevent() -> None:
    given = "--timeout 60 -k gevent --workers=1"
    assert gunicorn_arguments(given) == (["--timeout", "60", "--workers=1"], "gevent")
    assert gunicorn_arguments("-k asgi") == ([], None)
    assert gunicorn_arguments("") == ([], None)


def test_it_starts_with_the_line_its_users_have(ner_model: Path) -> None:
    arguments = {"GUNICORN_CMD_ARGS": "--timeout 60 -k gevent --workers=1"}
    with serve(ner_model, arguments) as url:
        assert_answers(url)


def test_help_is_worth_reading() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "zoo.launch", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0
    assert "THERESA_" in done.stdout
    assert signal.SIGTERM.name in done.stdout
