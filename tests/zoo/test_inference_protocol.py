"""The Open Inference Protocol (KServe's v2) over HTTP: by hand, and with NVIDIA's own client."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx2
import numpy as np
import pytest
from jsonschema import validate
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException

from zoo.building.local_server import direct

SECRET = "秘密的内容"
LENGTH = "Inference-Header-Content-Length"


def tensor(*values: Any, name: str = "text", **other: Any) -> dict[str, Any]:
    """A tensor of texts, with its elements in the JSON."""
    given = {"name": name, "datatype": "BYTES", "shape": [len(values)], "data": list(values)}
    return {**given, **other}


def packed(*values: bytes) -> bytes:
    """Elements as binary data."""
    return b"".join(len(one).to_bytes(4, "little") + one for one in values)


def infer(
    url: str, body: bytes | Mapping[str, Any], model: str = "echo", **headers: str
) -> httpx2.Response:
    """The answer to a request for inference."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    return direct().post(
        f"{url}/v2/models/{model}/infer", content=sent, headers=headers, timeout=60
    )


def values(answer: Mapping[str, Any], name: str) -> list[Any]:
    """An output's elements, those in JSON read."""
    (output,) = (one for one in answer["outputs"] if one["name"] == name)
    assert output["datatype"] == "BYTES"
    assert output["shape"] == [len(output["data"])]
    found: list[Any] = output["data"]
    is_text = output["parameters"]["content_type"] == "text"
    return found if is_text else [json.loads(one) for one in found]


def test_the_server_is_live_and_ready(echo_url: str) -> None:
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/echo/ready"):
        assert direct().get(echo_url + path, timeout=10).status_code == 200
    assert direct().get(f"{echo_url}/v2", timeout=10).json()["name"] == "theresa"
    assert direct().get(f"{echo_url}/v2/models", timeout=10).json() == {"models": ["echo"]}


def test_a_model_describes_itself(echo_url: str) -> None:
    about = direct().get(f"{echo_url}/v2/models/echo", timeout=10).json()
    (version,) = about["versions"]
    path = f"{echo_url}/v2/models/echo/versions/{version}"
    assert direct().get(path, timeout=10).json() == about
    assert direct().get(f"{path}/ready", timeout=10).status_code == 200
    assert (about["name"], about["inputs"]) == (
        "echo",
        [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
    )
    kinds = {one["name"]: one["parameters"]["content_type"] for one in about["outputs"]}
    assert kinds == {"text": "text", "words": "json", "numbers": "json", "error": "text"}
    declared = about["parameters"]["declaration"]
    assert declared["task"] == "text2text-generation"
    assert declared["columns"] == [{"name": "text", "kind": "text", "description": "Anything."}]
    seconds, *_, last = declared["parameters"]
    assert seconds == {
        "name": "seconds", "type": "double", "list": False, "default": 0.0, "minimum": 0,
        "description": "How long it takes.",
    }  # fmt: skip
    assert (last["name"], last["choices"]) == ("on_error", ["raise", "report"])
    record = {"text": "a", "words": ["b"]}
    validate(record, declared["record"])


@pytest.mark.parametrize(
    "path", ["nobody", "nobody/ready", "echo/versions/0", "echo/versions/0/ready"]
)
def test_an_unknown_model_or_version_is_not_found(echo_url: str, path: str) -> None:
    response = direct().get(f"{echo_url}/v2/models/{path}", timeout=10)
    assert response.status_code == 404
    sentence = response.json()["message"]
    if path.startswith("nobody"):
        assert sentence == "Model 'nobody' not found; available: echo."
    else:
        assert sentence.startswith("Version not found; available: ")
    assert infer(echo_url, {"inputs": [tensor("a")]}, "nobody").status_code == 404


def test_texts_and_parameters_in_json(echo_url: str) -> None:
    words = ["你好", "สวัสดี"]
    answer = infer(
        echo_url,
        {"id": "a-1", "inputs": [tensor("我爱中国", "b")], "parameters": {"words": words}},
    ).json()
    assert (answer["id"], answer["model_name"]) == ("a-1", "echo")
    assert values(answer, "text") == ["我爱中国", "b"]
    assert values(answer, "words") == [words, words]
    assert "id" not in infer(echo_url, {"inputs": [tensor("a")]}).json()


def test_a_column_of_rows_is_taken(echo_url: str) -> None:
    answer = infer(echo_url, {"inputs": [tensor(["a"], ["b"], shape=[2, 1])]}).json()
    assert values(answer, "text") == ["a", "b"]


def test_binary_data_follows_the_json(echo_url: str) -> None:
    data = packed("我爱中国".encode(), b"b")
    one = {"name": "text", "datatype": "BYTES", "shape": [2],
           "parameters": {"binary_data_size": len(data)}}  # fmt: skip
    head = json.dumps({"inputs": [one]}).encode()
    answer = infer(echo_url, head + data, **{LENGTH: str(len(head))})
    assert values(answer.json(), "text") == ["我爱中国", "b"]
    for body, length in (
        (head + data[:-1], len(head)),
        (head + data + b"x", len(head)),
        (head + data[:4] + b"\xff\xff\xff\xff" + data[8:], len(head)),
        (head + data, len(head) - 1),
        (head, len(head) + 1),
        (head + data, -1),
        (head + data, "many"),
    ):
        assert_refused(infer(echo_url, body, **{LENGTH: str(length)}))


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", {}),
        (SECRET.encode(), {}),
        (b"[" * 50_000, {}),
        ([], {}),
        ({"inputs": SECRET}, {}),
        ({"inputs": [SECRET]}, {}),
        ({"inputs": []}, {}),
        ({"inputs": [tensor(SECRET, name="image")]}, {}),
        ({"inputs": [tensor(SECRET), tensor(SECRET)]}, {}),
        ({"inputs": [tensor(SECRET, datatype="FP32")]}, {}),
        ({"inputs": [tensor(SECRET, shape=[2])]}, {}),
        ({"inputs": [tensor(SECRET, shape="1")]}, {}),
        ({"inputs": [tensor(SECRET, shape=[1, 2])]}, {}),
        ({"inputs": [tensor(SECRET, data=SECRET)]}, {}),
        ({"inputs": [tensor(SECRET)], "parameters": [SECRET]}, {}),
        ({"inputs": [tensor("a", {SECRET: 1})]}, {"row": 1, "column": "text"}),
        ({"inputs": [tensor("a", None)]}, {"row": 1, "column": "text"}),
        ({"inputs": [tensor(SECRET)], "parameters": {"volume": 1}}, {"parameter": "volume"}),
        ({"inputs": [tensor("a")], "parameters": {"seconds": SECRET}}, {"parameter": "seconds"}),
        ({"inputs": [tensor("a")], "parameters": {"seconds": -1.0}}, {"parameter": "seconds"}),
    ],
)  # fmt: skip
def test_a_bad_request_is_one_sentence(echo_url: str, body: Any, field: dict[str, Any]) -> None:
    error = assert_refused(infer(echo_url, body))
    assert {name: error.get(name) for name in field} == field


def assert_refused(response: httpx2.Response) -> dict[str, Any]:
    """Checks for a status of 400 and a sentence without what was sent; gives the fields."""
    assert response.status_code == 400, response.text
    error: dict[str, Any] = response.json()
    sentence = error["message"]
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert SECRET not in json.dumps(error, ensure_ascii=False)
    return error


def test_good_rows_are_answered_and_bad_ones_reported(echo_url: str) -> None:
    asked = {"inputs": [tensor("a", None, "b")], "parameters": {"on_error": "report"}}
    answer = infer(echo_url, asked).json()
    assert values(answer, "text") == ["a", "", "b"]
    good, bad, last = values(answer, "error")
    assert (good, last) == ("", "")
    assert bad.startswith("Column 'text': ")


def test_a_real_model_answers(zoo_url: str) -> None:
    assert_refused(infer(zoo_url, {"inputs": [tensor("我爱中国", None)]}, "hanlp_ner"))
    answer = infer(zoo_url, {"inputs": [tensor("我爱中国", "原神")], "parameters":
                             {"dictionary": '{"原神": "GAME"}'}}, "hanlp_ner")  # fmt: skip
    first, second = values(answer.json(), "entities")
    assert [(one["text"], one["type"]) for one in first + second] == [
        ("中国", "LOCATION"), ("原神", "GAME"),
    ]  # fmt: skip
    asked = {"inputs": [tensor(None)], "parameters": {"on_error": "report"}}
    answer = infer(zoo_url, asked, "hanlp_ner").json()
    assert values(answer, "entities") == [None]  # JSON, whatever the rows are
    about = direct().get(f"{zoo_url}/v2/models/hanlp_ner", timeout=10).json()
    validate({"entities": first}, about["parameters"]["declaration"]["record"])


@pytest.mark.parametrize("binary", [True, False])
def test_a_public_client_is_answered(zoo_url: str, binary: bool) -> None:
    with InferenceServerClient(urlsplit(zoo_url).netloc) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("hanlp_ner")
        assert client.get_model_metadata("hanlp_ner")["inputs"][0]["name"] == "text"
        texts = InferInput("text", [2], "BYTES")
        cells = np.array(["我爱中国".encode(), "原神".encode()], dtype=object)
        texts.set_data_from_numpy(cells, binary_data=binary)
        asked = [InferRequestedOutput("entities", binary_data=False)]
        words = {"dictionary": '{"原神": "GAME"}'}
        found = client.infer("hanlp_ner", [texts], outputs=asked, request_id="7", parameters=words)
        assert found.get_response()["id"] == "7"
        first, second = (json.loads(one) for one in found.as_numpy("entities"))
        assert [one["text"] for one in first + second] == ["中国", "原神"]
        with pytest.raises(InferenceServerException, match="volume"):
            client.infer("hanlp_ner", [texts], parameters={"volume": 11})
