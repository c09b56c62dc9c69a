"""The served model, by real HTTP to a real `mlflow models serve`."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
import pytest

from tests.hanlp_ner.helpers import CHINA
from tests.zoo.helpers import HTTP
from zoo.building.packaging import ROOT

SAMPLE = json.loads((ROOT / "mlflow_models/hanlp_ner/sample.json").read_text(encoding="utf-8"))
JSON = {"Content-Type": "application/json"}


def post(url: str, texts: list[Any], params: dict[str, Any] | None = None) -> httpx2.Response:
    request: dict[str, Any] = {
        "dataframe_split": {"columns": ["text"], "data": [[t] for t in texts]}
    }
    if params is not None:
        request["params"] = params
    return HTTP.post(f"{url}/invocations", json=request, timeout=60)


def entities(url: str, text: str, params: dict[str, Any] | None = None) -> list[tuple[str, str]]:
    response = post(url, [text], params)
    assert response.status_code == 200, response.text
    (record,) = response.json()["predictions"]
    for entity in record["entities"]:
        assert text[entity["start"] : entity["end"]] == entity["text"]
    return [(entity["text"], entity["type"]) for entity in record["entities"]]


def test_the_sample(ner_url: str) -> None:
    response = HTTP.post(f"{ner_url}/invocations", json=SAMPLE, timeout=60)
    first, second = response.json()["predictions"]
    assert first == {"entities": [CHINA]}
    assert [(e["text"], e["type"]) for e in second["entities"]] == [
        ("米哈游", "ORGANIZATION"),
        ("2011年", "DATE"),
    ]


def test_the_builder_says_what_to_do_next(
    ner_build: subprocess.CompletedProcess[str], ner_model: Path
) -> None:
    assert "make serve MODEL=hanlp_ner" in ner_build.stdout
    assert f"build-docker -m {ner_model}" in ner_build.stdout
    assert '"中国"' in ner_build.stdout


def test_the_registry_has_it_under_its_alias(ner_build: subprocess.CompletedProcess[str]) -> None:
    import mlflow

    assert ner_build.returncode == 0
    mlflow.set_tracking_uri(ner_build.args[ner_build.args.index("--tracking-uri") + 1])
    model = mlflow.pyfunc.load_model("models:/hanlp_ner@candidate")
    (record,) = model.predict(pd.DataFrame({"text": ["我爱中国"]}))
    assert [entity["text"] for entity in record["entities"]] == ["中国"]


@pytest.mark.parametrize(
    "before", ["", " ", "😀", "\u3000\t", "ＡＢ１２", "繁體", "👨‍👩‍👧", "é", "e\u0301"], ids=ascii
)
def test_offsets_count_characters_of_the_text_as_sent(ner_url: str, before: str) -> None:
    text = before + "我爱中国"
    response = post(ner_url, [text]).json()["predictions"][0]["entities"]
    assert (len(before) + 2, len(before) + 4) in [(e["start"], e["end"]) for e in response]


DATES = {
    "米哈游成立于2011年，2023-10-01 12:30发布新版本。": ["2011年", "2023-10-01"],
    "会议定于2023/10/1在上海召开。": ["2023/10/1"],
    "2023.10.1，王小丽来到北京。": ["2023.10.1"],
    "比赛在12:30开始，每天8:00开门。": [],
    "1949 年 10 月 1 日，新中国成立。": ["1949 年 10 月 1 日"],
    "１９４９年１０月１日，新中国成立。": ["１９４９年１０月１日"],
    "民国三十八年，他去了台湾。": ["民国三十八年"],
    "我们5月5号去杭州，上周五去了苏州。": ["5月5号", "上周五"],
    "二〇二三年，他用了三年时间写完这本书。": ["二〇二三年"],
    "张三，13800138000，去年三月五日": ["去年三月五日"],
}


def test_dates_in_all_their_forms(ner_url: str) -> None:
    records = post(ner_url, list(DATES)).json()["predictions"]
    found = [[e["text"] for e in r["entities"] if e["type"] == "DATE"] for r in records]
    assert dict(zip(DATES, found, strict=True)) == DATES


def test_a_dictionary_of_the_request_comes_on_top_of_the_packed_one(ner_url: str) -> None:
    params = {"dictionary": json.dumps({"原神": "GAME"}, ensure_ascii=False)}
    found = entities(ner_url, "米哈游的原神", params)
    assert found == [("米哈游", "ORGANIZATION"), ("原神", "GAME")]
    assert ("原神", "GAME") not in entities(ner_url, "米哈游的原神")


def test_less_sure_entities_are_left_out_but_no_words(ner_url: str) -> None:
    text = "我在北京见了小米的人，也见了米哈游的人；阿里在清迈。"
    (record,) = post(ner_url, [text]).json()["predictions"]
    found = {(one["text"], one["start"]): one["confidence"] for one in record["entities"]}
    assert found["米哈游", text.index("米哈游")] == 1
    assert all(0 < confidence <= 1 for confidence in found.values())
    least, most = min(found.values()), max(sure for sure in found.values() if sure < 1)
    assert least < most
    for bound in (least, most, 1):
        (record,) = post(ner_url, [text], {"min_confidence": bound}).json()["predictions"]
        kept = {(one["text"], one["start"]) for one in record["entities"]}
        assert kept == {place for place, sure in found.items() if sure >= bound}


def test_texts_with_nothing_in_them(ner_url: str) -> None:
    response = post(ner_url, ["", " ", "\n\n", "\u3000"])
    assert response.json()["predictions"] == [{"entities": []}] * 4


def test_a_long_document(ner_url: str) -> None:
    sentence = "我爱中国。"
    text = sentence * 20_000  # 100,000 characters
    (record,) = post(ner_url, [text]).json()["predictions"]
    starts = [e["start"] for e in record["entities"] if e["text"] == "中国"]
    assert starts == list(range(2, len(text), len(sentence)))


def test_ten_thousand_rows_in_order(ner_url: str) -> None:
    texts = ["我爱中国", "无", "他在北京工作"] * 3333 + ["我爱中国"]
    predictions = post(ner_url, texts).json()["predictions"]
    assert len(predictions) == 10_000
    assert predictions[::3] == [predictions[0]] * 3334
    assert predictions[2]["entities"][0]["text"] == "北京"


def test_sixteen_clients_at_once(ner_url: str) -> None:
    texts = [f"第{number}个人爱中国" for number in range(64)]
    alone = [entities(ner_url, text) for text in texts]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda text: entities(ner_url, text), texts))
    assert together == alone


BAD_ROWS = {
    "null": (None, "is null"),
    "a number": (5, "is of type int"),
    "a list": (["我"], "is of type list"),
    "ten megabytes": ("a" * 10_000_000, "has 10,000,000 characters; at most 1,000,000"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_refused_by_number_and_column(ner_url: str, case: str) -> None:
    value, reason = BAD_ROWS[case]
    response = post(ner_url, ["我爱中国", value])
    assert response.status_code == 400
    assert f"Row 1, column 'text': {reason}" in response.text
    assert "Traceback" not in response.text
    assert entities(ner_url, "我爱中国") == [("中国", "LOCATION")]


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_reported_beside_the_good_ones(ner_url: str, case: str) -> None:
    value, reason = BAD_ROWS[case]
    good, bad = post(ner_url, ["我爱中国", value], {"on_error": "report"}).json()["predictions"]
    assert good["error"] is None
    assert good["entities"][0]["text"] == "中国"
    assert bad["entities"] is None
    assert bad["error"].startswith(f"Column 'text': {reason}")


BAD_PARAMS: dict[str, tuple[dict[str, Any], str]] = {
    "no JSON": ({"dictionary": "米哈游"}, "Parameter 'dictionary': is not valid JSON"),
    "no object": ({"dictionary": "[]"}, "Parameter 'dictionary': is not a JSON object"),
    "no type": ({"dictionary": '{"米哈游": 1}'}, "Parameter 'dictionary': has an empty word, or"),
    "no word": ({"dictionary": '{"": "X"}'}, "Parameter 'dictionary': has an empty word, or"),
    "null": ({"dictionary": None}, "Parameter 'dictionary': is null"),
    "nested deeply": ({"dictionary": "[" * 100_000}, "Parameter 'dictionary': is not valid JSON"),
    "a long word": (
        {"dictionary": json.dumps({"a" * 65: "X"})},
        "has a word of more than 64",
    ),
    "a lone surrogate": ({"dictionary": '{"a": "\\ud800"}'}, "'dictionary': is not valid Unicode"),
    "wrong type": ({"dictionary": 5}, "Failed to validate type and shape for 'dictionary'"),
    "unknown task": ({"tasks": ["dep"]}, "Parameter 'tasks': "),
    "more than sure": ({"min_confidence": 1.1}, "Parameter 'min_confidence': "),
    "wrong value": ({"on_error": "ignore"}, "Parameter 'on_error': "),
}


@pytest.mark.parametrize("case", BAD_PARAMS)
def test_bad_parameters_are_refused_by_name(ner_url: str, case: str) -> None:
    params, reason = BAD_PARAMS[case]
    response = post(ner_url, ["我爱中国"], params)
    assert response.status_code == 400
    assert reason in response.text
    assert "Traceback" not in response.text


def test_an_unknown_parameter_doesnt_change_the_answer(ner_url: str) -> None:
    # MLflow drops it with a warning in its log, before the model is asked.
    assert entities(ner_url, "我爱中国", {"colour": "red"}) == [("中国", "LOCATION")]


NOT_A_TABLE = "Provided dataframe_split field is not a valid dataframe"
BAD_BODIES = {  # refused by MLflow itself, before the model is asked
    "missing column": (
        b'{"dataframe_split": {"columns": ["txt"], "data": [["a"]]}}',
        "Model is missing inputs ['text']",
    ),
    "no columns": (
        b'{"dataframe_split": {"columns": [], "data": [[]]}}',
        "missing inputs ['text']",
    ),
    "not JSON": (b'{"dataframe_split": ', "Ensure that input is a valid JSON"),
    "a lone surrogate": (
        b'{"dataframe_split": {"columns": ["text"], "data": [["\\ud800"]]}}',
        NOT_A_TABLE,
    ),
    "invalid UTF-8": (b'{"dataframe_split": "\xff"}', "Ensure that input is a valid JSON"),
    "empty": (b"", "Ensure that input is a valid JSON"),
    "a list": (b"[1, 2]", "Received a list"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_is_refused_and_the_worker_lives(ner_url: str, case: str) -> None:
    body, reason = BAD_BODIES[case]
    response = HTTP.post(f"{ner_url}/invocations", content=body, headers=JSON, timeout=60)
    assert response.status_code == 400, response.text
    assert reason in response.text
    assert entities(ner_url, "我爱中国") == [("中国", "LOCATION")]


def test_csv_and_records_are_taken_too(ner_url: str) -> None:
    expected = post(ner_url, ["我爱中国"]).json()
    csv = HTTP.post(
        f"{ner_url}/invocations",
        content="text\n我爱中国\n".encode(),
        headers={"Content-Type": "text/csv"},
        timeout=60,
    )
    records = HTTP.post(
        f"{ner_url}/invocations", json={"dataframe_records": [{"text": "我爱中国"}]}, timeout=60
    )
    assert csv.json() == records.json() == expected
