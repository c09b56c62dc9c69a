"""The zoo's server, over real HTTP: its endpoints, its limits, and requests that mean harm."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import pytest

from tests.hanlp_ner.helpers import CHINA
from tests.zoo.helpers import HTTP, assert_same, metric
from tests.zoo.hostile import GOOD, HOSTILE, JSON, PARQUET, parquet, split
from tests.zoo.wire import ERROR_DETAILS, post, wire
from zoo.building.local_server import serve
from zoo.serving.launch import command
from zoo.serving.runner import cores
from zoo.settings import Settings


def ask(url: str, body: Any = GOOD, kind: str | None = JSON, **headers: str) -> httpx2.Response:
    given = {**({"Content-Type": kind} if kind else {}), **headers}
    return HTTP.post(f"{url}/invocations", content=body, headers=given, timeout=30)


def assert_answers(url: str) -> None:
    response = ask(url)
    assert response.status_code == 200, response.text
    assert response.json() == {"predictions": [{"entities": [CHINA]}]}


def assert_refused(response: httpx2.Response, status: int, sentence: str) -> None:
    assert response.status_code == status, response.text
    error = response.json()
    assert set(error) - ERROR_DETAILS == {"error_code", "message", "request_id"}
    assert error["request_id"] == response.headers["X-Request-ID"]
    assert re.search(sentence, error["message"]), error["message"]
    assert "Traceback" not in response.text
    assert "SECRET" not in response.text


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_requests_are_refused_and_the_next_is_answered(zoo_url: str, case: str) -> None:
    body, kind, status, sentence = HOSTILE[case]
    assert_refused(ask(zoo_url, body, kind), status, sentence)
    assert_answers(zoo_url)


def test_clients_that_hang_up_disturb_nobody(zoo_url: str) -> None:
    request = post(split([["我爱中国。" * 2000]] * 20))
    for _ in range(10):
        for part in (request, request[:-100]):
            with wire(zoo_url) as one:
                one.send(part)
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
        (json.dumps({"instances": ["我爱中国"]}).encode(), JSON),
        (json.dumps({"inputs": ["我爱中国"]}).encode(), JSON),
        (json.dumps({"inputs": {"text": "我爱中国"}}).encode(), JSON),
        (json.dumps({"inputs": [{"text": "我爱中国"}]}).encode(), JSON),
        (table.to_csv(index=False).encode(), "text/csv"),
        (table.to_csv().encode("utf-8-sig"), "text/csv; charset=utf-8"),
        (parquet(table), PARQUET),
    ]
    for body, kind in forms:
        response = ask(zoo_url, body, kind)
        assert response.json() == {"predictions": [{"entities": [CHINA]}]}, (kind, body)


def test_what_mlflows_server_answers_is_answered_alike(zoo_url: str, ner_url: str) -> None:
    text, rows = "我爱中国", [["我爱中国"], ["北京"]]
    forms: list[dict[str, Any]] = [
        {"dataframe_split": {"columns": ["text"], "data": rows}},
        {"dataframe_split": {"columns": ["text", "id"], "index": [7], "data": [[text, 1]]}},
        {"dataframe_split": {"columns": ["text"], "data": [text, "北京"]}},
        {"dataframe_split": {"columns": ["text"], "data": []}},
        {"dataframe_split": {"columns": ["text"], "data": rows}, "params": None},
        {"dataframe_records": [{"text": text, "id": 1}, {"text": "北京"}]},
        {"inputs": [text]},
        {"inputs": []},
        {"inputs": {"text": text}},
        {"inputs": {"text": [text, "北京"], "id": [1, 2]}},
        {"inputs": [{"text": text}]},
        {"inputs": [text], "signature_name": "serving_default"},
        {"instances": [text, "北京"]},
        {"instances": [{"text": text}, {"text": "北京"}]},
        {"instances": {"text": [text]}},
    ]
    for form in forms:
        body = json.dumps(form).encode()
        stock, ours = ask(ner_url, body), ask(zoo_url, body)
        assert stock.status_code == ours.status_code == 200, form
        assert_same(stock.json(), ours.json(), where=str(form))


@pytest.mark.parametrize(
    "values",
    [[None, "北京"], [True, "北京"], [123, "北京"], [["北京"], "北京"], [{"a": 1}, "北京"]],
)
def test_a_value_of_another_type_is_an_error_of_its_row_in_every_form(
    zoo_url: str, values: list[Any]
) -> None:
    forms = {
        "dataframe_split": {"columns": ["text"], "data": [[one] for one in values]},
        "dataframe_records": [{"text": one} for one in values],
        "inputs": {"text": values},
        "instances": [{"text": one} for one in values],
    }
    if not isinstance(values[0], dict):  # else it is a record
        forms["instances"] = values
    for form, table in forms.items():
        asked = {form: table, "params": {"on_error": "report"}}
        bad, good = ask(zoo_url, json.dumps(asked)).json()["predictions"]
        assert bad["entities"] is None
        assert bad["error"].startswith("Column 'text': ")
        assert (good["entities"][0]["text"], good["error"]) == ("北京", None)


def test_a_csv_s_cells_are_texts_and_its_lines_are_rows(zoo_url: str) -> None:
    texts = ["北京", "", "NA", "None", "nan", "null", "1", "TRUE", "", ' a "quoted", cell\n ']
    table = pd.DataFrame({"text": texts}).to_csv(index=False)
    answers = ask(zoo_url, table.encode(), "text/csv").json()["predictions"]
    assert len(answers) == len(texts)
    assert [one["text"] for one in answers[0]["entities"]] == ["北京"]
    lines = ask(zoo_url, "text\n北京\n\n北京\n".encode(), "text/csv").json()["predictions"]
    assert [len(one["entities"]) for one in lines] == [1, 0, 1]


def test_a_request_id_is_taken_over_if_it_is_one(zoo_url: str) -> None:
    assert ask(zoo_url, **{"X-Request-ID": "abc-123.x"}).headers["X-Request-ID"] == "abc-123.x"
    made = ask(zoo_url, **{"X-Request-ID": "a b{}"}).headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", made)


@pytest.mark.parametrize("path", ["/ping", "/health", "/ready", "/version", "/metrics"])
def test_the_operators_endpoints(zoo_url: str, path: str) -> None:
    assert HTTP.get(zoo_url + path, timeout=30).status_code == 200


def test_other_paths_and_methods_are_refused_in_the_same_form(zoo_url: str) -> None:
    assert_refused(HTTP.get(f"{zoo_url}/nothing", timeout=30), 404, "Not Found")
    assert_refused(HTTP.get(f"{zoo_url}/invocations", timeout=30), 405, "Method Not Allowed")


def test_metrics_count_over_all_workers(zoo_url: str) -> None:
    names = ["theresa_request_rows_sum", "theresa_batch_items_sum"]
    for name in ("theresa_requests_in_flight", "theresa_queue_depth"):
        while metric(zoo_url, name):
            pass  # what clients that hung up have left behind
    before = [metric(zoo_url, name) for name in names]
    body = split([["我爱中国"]] * 3)
    for _ in range(10):
        ask(zoo_url, body)
    after = [metric(zoo_url, name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [30, 30]
    text = HTTP.get(f"{zoo_url}/metrics", timeout=30).text
    assert 'theresa_requests_total{path="/invocations",status="200"}' in text
    assert 'theresa_model{name="hanlp_ner"' in text
    assert metric(zoo_url, "theresa_requests_in_flight") == 0
    assert metric(zoo_url, "theresa_queue_depth") == 0


def test_what_memory_is_too_small_for_is_halved_once(echo_url: str) -> None:
    def said(room: int) -> httpx2.Response:
        rows = [str(number) for number in range(8)]
        return ask(echo_url, json.dumps({"inputs": {"text": rows}, "params": {"room": room}}))

    halvings = metric(echo_url, "theresa_memory_halvings_total")
    assert said(4).json()["predictions"] == said(8).json()["predictions"]
    assert metric(echo_url, "theresa_memory_halvings_total") == halvings + 1
    refused = said(3)
    assert_refused(refused, 503, "memory")
    assert refused.json()["error_code"] == "OUT_OF_MEMORY"
    assert refused.headers["Retry-After"].isdecimal()
    assert said(8).status_code == 200


def test_workers_share_a_model_only_where_its_engine_survives_a_fork(
    ner_model: Path, whisper_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_MODELS_WORKERS", raising=False)
    shared, alone = (command(Settings(), model) for model in (ner_model, whisper_model))
    assert "--preload" in shared
    assert shared[shared.index("--workers") + 1] == str(cores())
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
