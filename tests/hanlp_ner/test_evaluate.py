"""Scores, and what can be scored: HanLP checkpoints of all kinds and saved models."""

import json
import shutil
from pathlib import Path

import pytest

import hanlp_ner
from hanlp_ner import evaluate
from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.network.component import load
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.span_scores import (
    confusion,
    markdown,
    predict_spans,
    span_scores,
    worst,
)
from tests.hanlp_ner.helpers import bare, write
from tests.hanlp_ner.test_engine import texts
from tests.zoo.helpers import logged
from zoo.errors import CheckpointError

FOLDER = Path(hanlp_ner.__file__).parent
GAZETTEER = FOLDER / "demo" / "gazetteer.txt"


def test_span_scores_on_a_known_case() -> None:
    gold = [{(0, 2, "A"), (3, 5, "B")}, {(0, 1, "A")}, set()]
    found = [{(0, 2, "A"), (3, 6, "B")}, {(0, 1, "B")}, {(4, 5, "A")}]
    scores = span_scores(gold, found)
    assert scores["A"]["precision"] == pytest.approx(50)
    assert scores["A"]["recall"] == pytest.approx(50)
    assert scores["B"]["f1"] == 0
    assert scores["micro"]["precision"] == pytest.approx(25)
    assert scores["micro"]["recall"] == pytest.approx(100 / 3)
    assert scores["micro"]["f1"] == pytest.approx(200 / 7)
    assert span_scores(gold, found, ["A"])["micro"]["gold"] == 2
    table = confusion(gold, found)
    assert table == {"A": {"A": 1, "B": 1}, "B": {"wrong ends": 1}, "nothing": {"A": 1}}
    assert "| micro | 25.00 | 33.33 | 28.57 | 3 | 4 |" in markdown(scores)
    texts = ["甲乙丙丁戊己", "甲", "甲乙丙丁戊"]
    assert "missing" in worst(texts, gold, found, 1)[0]
    assert worst(texts[:1], gold[:1], found[:1], 1, ["A"]) == []  # its mistakes are of B


@pytest.mark.parametrize("task", ["ner/msra", "ner/pku"])  # of the words of tok/fine, tok/coarse
def test_spans_of_words_equal_the_engines(multitask: Path, tmp_path: Path, task: str) -> None:
    checkpoint, served = tmp_path / "checkpoint", tmp_path / "served"
    shutil.copytree(multitask, checkpoint)
    config = json.loads((checkpoint / "config.json").read_text(encoding="utf-8"))
    config["task_names"].sort(key=lambda name: name != task)  # the first recognizer is the one
    (checkpoint / "config.json").write_text(json.dumps(config), encoding="utf-8")
    served.mkdir()
    convert(checkpoint, served, others=False)
    hard = ["", " \n", "Hello world, iPhone 13 Pro在北京发售", "繁體“中”文 ＡＡ 體", "e\u0301中"]
    component = load(checkpoint)
    predicted = predict_spans(component, hard + texts(), batch_size=50)
    found = [answer for answer in Engine(served)(hard + texts()) if isinstance(answer, Found)]
    assert [{*bare(text, row)} for text, row in zip(hard + texts(), predicted, strict=True)] == [
        {span[:3] for span in answer.entities} for answer in found
    ]
    assert sum(map(len, predicted)) > 100


def test_a_multitask_checkpoint_without_entities_is_refused(multitask: Path) -> None:
    component = load(multitask)
    component.config.task_names = ["tok/fine"]
    with pytest.raises(CheckpointError, match="has no task of named entities"):
        predict_spans(component, ["我"])


def test_the_demo_does_what_the_project_asks_of_it() -> None:
    import hanlp

    demo = FOLDER / "demo"
    size = sum(path.stat().st_size for path in demo.rglob("*") if path.is_file())
    assert size <= 10_000_000
    recognizer = hanlp.load(str(demo), transformer=str(demo / "transformer"), devices=-1)
    assert recognizer(list("我爱中国")) == [("中国", "LOCATION", 2, 4)]
    text = "米哈游成立于2011年,致力于为用户提供美好的、超出预期的产品与内容。"
    found = [entity for entity in recognizer(list(text)) if entity[0] != "米哈游"]
    assert found == [("2011年", "DATE", 6, 11)]


@pytest.mark.parametrize(
    "kind", ["demo", "directory", "published", pytest.param("saved", marks=pytest.mark.build)]
)
def test_evaluate_takes_any_checkpoint(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    demo = FOLDER / "demo"
    monkeypatch.setattr(evaluate, "fetch", {"PUBLISHED_NER_ZH": demo}.__getitem__)
    name = {"demo": "demo", "directory": str(demo), "published": "PUBLISHED_NER_ZH"}.get(kind)
    rows = ["我 O", "爱 O", "中 B-LOC", "国 I-LOC", "", "  O", "好 B-PER", "", "在 O", "北 B-LOC"]
    path = write(tmp_path / "a.conll", *rows, "京 I-LOC")
    evaluate.main(
        [name or str(request.getfixturevalue("ner_model")), f"peoples_daily={path}", "--json",
         "--tracking-uri", ""]
    )  # fmt: skip
    scores = json.loads(capsys.readouterr().out)
    assert scores["LOCATION"]["f1"] == 100
    assert scores["LOCATION"]["gold"] == 2
    assert scores["micro"]["gold"] == 3
    assert ("confidence" in scores) == (kind == "saved")  # HanLP itself gives none


def test_a_built_models_labels_are_known(ner_model: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "中 B-LOC", "国 I-LOC")
    with pytest.raises(DataError, match="1 LOC, an unknown label"):
        evaluate.main([str(ner_model), str(path), "--tracking-uri", ""])


def test_evaluate_logs_to_mlflow(
    multitask: Path, tmp_path: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.conll", "我 O", "爱 O", "中 B-LOC", "国 I-LOC", "", "< B-PER")
    tracking = ["--tracking-uri", registry, "--experiment", "evaluated"]
    tracking += ["--compare", "demo", "--output", str(tmp_path / "out")]
    evaluate.main([str(multitask), f"peoples_daily={path}", *tracking])
    assert "| micro |" in capsys.readouterr().out
    run, files = logged(registry, "evaluated")
    assert run.data.params["model"] == str(multitask)
    assert files == {"scores.csv", "scores.md", "scores.png", "differences.tsv", "report.html"}
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert '<mark class="missing">中国<small> LOCATION</small></mark>' in page
    assert "F1 of LOCATION" in page
    assert '<mark class="missing">&lt;<small> PERSON</small></mark>' in page
    beside = Path(registry.removeprefix("sqlite:///")).parent / "mlruns"
    assert run.info.artifact_uri.startswith(beside.as_uri())
