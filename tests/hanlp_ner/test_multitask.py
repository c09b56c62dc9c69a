"""Multi-task checkpoints: words, tags and entities held equal to HanLP's on the same weights."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.network.component import load
from hanlp_ner.options import Options
from tests.hanlp_ner.multitask_checkpoints import PARSERS, random_multitask
from tests.hanlp_ner.test_engine import texts
from zoo.building.packaging import ROOT

MIXED = [
    "Hello world, iPhone 13 Pro在北京发售",
    "繁體“中”文",
    "LI™ 한국어 ‥ …",
    "中国" * 120,
    "e\u0301中",
]


@pytest.fixture(scope="module")
def pair(multitask: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Engine]:
    """HanLP's component and our engine, on the same random weights."""
    served = tmp_path_factory.mktemp("served")
    convert(multitask, served)
    return load(multitask), Engine(served)


def sentences() -> list[str]:
    return [text for text in MIXED + texts() if text.strip()]


def results(engine: Engine, some: list[str], task: str) -> list[Any]:
    """A task's result for each of some short texts."""
    answers = engine(some, Options(tasks=(task,)))
    assert all(isinstance(answer, Found) for answer in answers), answers
    return [
        answer.tasks[0][task] for answer in answers if isinstance(answer, Found) and answer.tasks
    ]


@pytest.mark.parametrize("task", ["tok/coarse", "ner/pku"])
def test_results_equal_hanlps(pair: tuple[Any, Engine], task: str) -> None:
    component, engine = pair
    expected = json.loads(json.dumps(component(sentences(), tasks=task)[task]))
    assert results(engine, sentences(), task) == expected


def test_without_tasks_there_are_entities_only(pair: tuple[Any, Engine]) -> None:
    _, engine = pair
    answers = [answer for answer in engine(sentences()) if isinstance(answer, Found)]
    assert {answer.tasks for answer in answers} == {None}
    sure = [span.confidence for answer in answers for span in answer.entities]
    assert len(sure) > 100
    assert all(0 < confidence < 1 for confidence in sure)


def test_pieces_say_where_they_are(pair: tuple[Any, Engine]) -> None:
    _, engine = pair
    text = "中国" * 500  # no punctuation: windows that overlap
    (answer,) = engine([text], Options(tasks=("tok/fine",)))
    assert isinstance(answer, Found)
    assert answer.tasks is not None
    assert len(answer.tasks) > 1
    for piece in answer.tasks:
        assert "".join(piece["tok/fine"]) == text[piece["start"] : piece["end"]]
    assert answer.tasks[-1]["end"] == len(text)


@pytest.mark.parametrize("tasks", [[task] for task in PARSERS] + [["pos/ctb", *PARSERS]], ids=str)
def test_parsers_are_hanlps_own(pair: tuple[Any, Engine], tasks: list[str]) -> None:
    component, engine = pair
    some = ["我爱中国。", "他在北京工作，张三在上海。", "一"]
    document = json.loads(json.dumps(component(some, tasks=tasks).to_dict()))
    answers = engine(some, Options(tasks=tuple(tasks)))
    for row, answer in enumerate(answers):
        place = {"start": 0, "end": len(some[row])}
        expected = [{**place, **{task: document[task][row] for task in tasks}}]
        assert isinstance(answer, Found)
        assert json.loads(json.dumps(answer.tasks)) == expected


def test_what_is_packed_needs_nothing_else(multitask: Path, tmp_path: Path) -> None:
    """Converted, the checkpoint may go: the parsers load from what was packed, offline."""
    gone, served = tmp_path / "gone", tmp_path / "served"
    shutil.copytree(multitask, gone)
    config = json.loads((gone / "config.json").read_text().replace(str(multitask), str(gone)))
    (gone / "config.json").write_text(json.dumps(config))
    served.mkdir()
    convert(gone, served)
    shutil.rmtree(gone)
    (heads,) = results(Engine(served), ["我爱中国。"], "dep")
    assert len(heads) >= 1


def test_without_torch_the_parsers_are_left_out(multitask: Path, tmp_path: Path) -> None:
    convert(multitask, tmp_path, others=False)
    assert not (tmp_path / "hanlp").exists()
    script = f"""
import sys
from pathlib import Path
from hanlp_ner.engine import Engine
from hanlp_ner.options import Options
engine = Engine(Path({str(tmp_path)!r}))
assert not {{"dep", "con"}} & set(engine.tasks)
engine(["我爱中国"], Options(tasks=("pos/ctb",)))
print("torch" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.build
def test_the_built_model_does_other_tasks(registry: str, tmp_path: Path) -> None:
    """The whole way, once: build.py, then MLflow's own loading of what it saved."""
    checkpoint = random_multitask(tmp_path / "checkpoint")
    output = tmp_path / "saved"
    script = ROOT / "mlflow_models" / "hanlp_ner" / "build.py"
    command = [sys.executable, str(script), "--checkpoint", str(checkpoint), "--no-torch"]
    command += ["--precision", "int8", "--tracking-uri", registry, "--alias", "multi"]
    subprocess.run(  # a relative path is one of where the command is started
        [*command, "--output", "saved"], cwd=tmp_path, capture_output=True, check=True
    )
    assert "torch" not in (output / "requirements.txt").read_text()
    model = mlflow.pyfunc.load_model(str(output))
    table = pd.DataFrame({"text": ["我爱中国。", "", "他在北京工作。" * 100]})
    params = {"tasks": ["tok/fine", "pos/ctb"]}
    short, empty, long = model.predict(table, params=params)
    assert "".join(short["tasks"][0]["tok/fine"]) == "我爱中国。"
    assert len(short["tasks"][0]["tok/fine"]) == len(short["tasks"][0]["pos/ctb"])
    assert empty == {"entities": [], "tasks": []}
    assert "".join("".join(one["tok/fine"]) for one in long["tasks"]) == "他在北京工作。" * 100
    assert [one["start"] for one in long["tasks"]] == list(range(0, 700, 7))
    often = {"tasks": params["tasks"] * 1000}  # costs no more than once
    assert model.predict(table, params=often) == [short, empty, long]
    with pytest.raises(mlflow.MlflowException, match="Parameter 'tasks': "):
        model.predict(table, params={"tasks": ["dep"]})
    rows = pd.DataFrame({"text": pd.Series(["我爱中国。", None], dtype=object)})
    good, bad = model.predict(rows, params={**params, "on_error": "report"})
    assert set(good) == set(bad) == {"entities", "tasks", "masked", "error"}
    assert bad["tasks"] is None
