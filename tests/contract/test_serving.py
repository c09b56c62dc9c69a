"""A capability that is served: rows, errors, order, many at once, and what it says of itself."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from tests.contract.conftest import Capability
from tests.zoo.helpers import HTTP, assert_same, metric
from tests.zoo.promises import FAST, subject, try_all
from tests.zoo.wire import Wire, post
from zoo.serving.declaration import parameters

pytestmark = pytest.mark.build
ROW_FIELDS = {"row", "column", "reason"}


def ask(url: str, request: dict[str, Any]) -> httpx2.Response:
    return HTTP.post(f"{url}/invocations", json=request, timeout=120)


def rows(capability: Capability, *values: object, **params: Any) -> dict[str, Any]:
    table = {"columns": [capability.column], "data": [[value] for value in values]}
    return {"dataframe_split": table, "params": {**FAST.get(capability.name, {}), **params}}


def check(capability: Capability, record: dict[str, Any]) -> None:
    """That a record has the form that is declared."""
    kind: type[BaseModel] = capability.declaration.record
    kind.model_validate_json(json.dumps(record), strict=True)
    assert set(record) <= set(capability.declaration.fields)


def test_the_sample_is_answered_as_declared(capability: Capability, url: str) -> None:
    response = ask(url, capability.sample)
    assert response.status_code == 200, response.text
    answers = response.json()["predictions"]
    assert len(answers) == len(capability.sample["dataframe_split"]["data"])
    for record in answers:
        check(capability, record)


def test_it_says_what_it_is(capability: Capability, url: str) -> None:
    told = HTTP.get(f"{url}/v2/models/{capability.name}", timeout=30).json()
    assert told["name"] == capability.name
    assert [one["name"] for one in told["inputs"]] == [
        one.name for one in capability.declaration.columns
    ]
    about = told["parameters"]
    assert about["checkpoint"] == "demo"
    assert about["license"] != "not stated"
    assert about["limits"].endswith(".")
    declared = about["declaration"]
    assert declared["task"] == capability.declaration.task
    assert declared["summary"] == capability.declaration.summary
    assert {one["name"] for one in declared["parameters"]} == set(
        capability.declaration.options.model_fields
    )
    assert HTTP.get(f"{url}/v2/models/other", timeout=30).status_code == 404


@pytest.mark.parametrize("bad", [None, 5, True, ["a"], {"a": 1}], ids=str)
def test_a_bad_row_is_refused_or_reported(capability: Capability, url: str, bad: object) -> None:
    good = subject(capability.declaration).value
    refused = ask(url, rows(capability, good, bad, good))
    assert refused.status_code == 400
    error = refused.json()
    assert (error["row"], error["column"]) == (1, capability.column)
    assert error["reason"] in error["message"]
    answers = ask(url, rows(capability, good, bad, good, on_error="report")).json()["predictions"]
    assert [answer["error"] is None for answer in answers] == [True, False, True]
    assert error["reason"] in answers[1]["error"]
    for field in capability.declaration.fields:
        assert answers[1][field] is None
    assert_same(answers[0], answers[2])


def test_a_file_that_is_none_is_refused(capability: Capability, url: str) -> None:
    if capability.declaration.columns[0].kind != "file":
        pytest.skip("it takes texts")
    for bad in ("bm8gZmlsZQ==", "not base64!"):
        error = ask(url, rows(capability, bad)).json()
        assert {field: error[field] for field in ("row", "column")} == {
            "row": 0,
            "column": capability.column,
        }


def test_a_bad_parameter_is_refused_by_name(capability: Capability, url: str) -> None:
    good = subject(capability.declaration).value
    for one in parameters(capability.declaration.options):
        for value in wrong(one):
            response = ask(url, rows(capability, good, **{one["name"]: value}))
            assert response.status_code == 400, (one["name"], value)
            assert response.json()["parameter"] == one["name"], (one["name"], value)


def wrong(parameter: dict[str, Any]) -> list[Any]:
    """Values that a parameter can't have, by its declaration."""
    other = {"boolean": "perhaps", "long": 2.5, "double": "many", "string": 5}[parameter["type"]]
    found: list[Any] = [None, {"a": 1}, other]
    if "choices" in parameter:
        found.append("none of them")
    if "minimum" in parameter:
        found.append(parameter["minimum"] - 1)
    if "maximum" in parameter:
        found.append(parameter["maximum"] + 1)
    if parameter["list"]:
        return [None, *([one] for one in found), 5]
    return found


def test_rows_keep_their_order_and_requests_their_answers(capability: Capability, url: str) -> None:
    """Many at once, of different sizes; each as it is answered alone."""
    values = [subject(capability.declaration).value, capability.value]
    alone = [ask(url, rows(capability, value)).json()["predictions"][0] for value in values]
    orders = [(0, 1), (1, 0), (0,), (1,), (0, 0, 1)] * 3

    def asked(order: tuple[int, ...]) -> list[Any]:
        found: list[Any] = ask(url, rows(capability, *(values[one] for one in order))).json()[
            "predictions"
        ]
        return found

    with ThreadPoolExecutor(8) as pool:
        for order, answers in zip(orders, pool.map(asked, orders), strict=True):
            assert_same(answers, [alone[one] for one in order])


def test_no_rows_no_answers(capability: Capability, url: str) -> None:
    assert ask(url, rows(capability)).json() == {"predictions": []}


def test_a_request_that_nobody_waits_for_is_given_up(capability: Capability, url: str) -> None:
    good = subject(capability.declaration)
    one = Wire(url)
    many = rows(capability, *[good.value] * 500)
    one.send(post(json.dumps(many).encode()))
    one.close()
    other = Wire(url)
    other.send(good.good)  # answered, though the first request has much more work
    assert good.is_good(other.read())
    other.close()
    assert metric(url, "theresa_queue_depth") >= 0


def test_no_request_harms_it(capability: Capability, url: str) -> None:
    """Requests that mean harm, by the hundred; `make bench` sends ten thousand."""
    tried = try_all(url, subject(capability.declaration), 300, seed=15)
    assert tried.sent.total() == 300
    assert tried.faults == []
    assert tried.unanswered == []
    assert tried.told == []
    assert tried.bad_after == []


def test_the_inference_protocol_gives_the_same(capability: Capability, url: str) -> None:
    good = subject(capability.declaration)
    kinds = {column.name: column.kind for column in capability.declaration.columns}
    assert good.column in kinds
    tensor = {"name": good.column, "datatype": "BYTES", "shape": [2], "data": [good.value] * 2}
    request = {"id": "7", "inputs": [tensor], "parameters": good.params}
    answer = HTTP.post(f"{url}/v2/models/{capability.name}/infer", json=request, timeout=60)
    assert answer.status_code == 200, answer.text
    (record, _) = ask(url, rows(capability, good.value, good.value)).json()["predictions"]
    outputs = {one["name"]: one for one in answer.json()["outputs"]}
    assert answer.json()["id"] == "7"
    request["outputs"] = [{"name": name} for name in list(outputs)[:1]]
    less = httpx2.post(f"{url}/v2/models/{capability.name}/infer", json=request, timeout=60)
    assert [one["name"] for one in less.json()["outputs"]] == list(outputs)[:1]
    request["outputs"] = [{"name": "nothing"}]
    none = httpx2.post(f"{url}/v2/models/{capability.name}/infer", json=request, timeout=60)
    assert none.status_code == 400
    assert set(outputs) == set(record)
    for name, value in record.items():
        first = outputs[name]["data"][0]
        text = capability.declaration.record.model_fields[name].annotation in (str, str | None)
        assert_same(first or None if text else json.loads(first), value or None if text else value)
