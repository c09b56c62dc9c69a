"""Publishing a model: it is proved first, and what can't answer leaves nothing in the registry."""

import argparse
from pathlib import Path
from typing import Any

import mlflow
import pytest

from zoo.building import packaging
from zoo.errors import ZooError

MODEL = """
from pathlib import Path
from mlflow.models import set_model
from pydantic import BaseModel
from zoo.serving.declaration import Column, Declaration, Options
from zoo.serving.model import ZooModel

class Record(BaseModel):
    said: str

class Said:
    def __init__(self, word):
        self.word = word

    def record(self):
        return {"said": self.word}

class Engine:
    options, languages = Options, ()

    def __init__(self, directory):
        self.word = (directory / "word.txt").read_text()

    def __call__(self, items, options):
        if self.word == "broken":
            raise ValueError("the word is broken")
        return [Said(self.word) for _ in items]

DECLARATION = Declaration(
    "echo", "text-generation", "Says.", (), (Column("text", "text", "Any."),), Options, Record
)
set_model(ZooModel(DECLARATION, Engine))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small capability."""
    home = tmp_path / "echo"
    home.mkdir()
    (home / "__init__.py").touch()
    (home / "model.py").write_text(MODEL, encoding="utf-8")
    (home / "requirements.txt").write_text("mlflow\n", encoding="utf-8")
    request = '{"dataframe_split": {"columns": ["text"], "data": [["a"]]}}'
    (home / "sample.json").write_text(request, encoding="utf-8")
    return home


def publish(folder: Path, word: str, args: argparse.Namespace) -> None:
    """Publishes the capability with another word in it."""
    packed = folder.parent / f"packed-{word}"
    packed.mkdir(exist_ok=True)
    (packed / "word.txt").write_text(word, encoding="utf-8")
    checkpoint = folder.parent / "checkpoint"
    checkpoint.mkdir(exist_ok=True)
    module: dict[str, Any] = {}
    exec(MODEL, module)
    packaging.publish(folder, module["DECLARATION"], module["Engine"], packed, checkpoint, args, ())


def said(model: str) -> Any:
    import pandas as pd

    return mlflow.pyfunc.load_model(model).predict(pd.DataFrame({"text": ["a"]}))


def test_a_model_that_cant_answer_isnt_registered(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registry, output = f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "saved"
    options = ["--tracking-uri", registry, "--output", str(output)]
    args = packaging.parser("", "echo").parse_args(options)
    publish(folder, "hello", args)
    assert '[{"said": "hello"}]' in capsys.readouterr().out

    with pytest.raises(ZooError) as refused:
        publish(folder, "broken", args)
    message = str(refused.value)
    assert "can't answer its sample, so it isn't registered: ValueError: the word is b" in message
    assert "\n" not in message
    client = mlflow.MlflowClient(registry)
    experiment = client.get_experiment_by_name("echo").experiment_id
    run, _ = client.search_runs([experiment], order_by=["attributes.start_time DESC"])
    assert run.info.status == "FAILED"
    assert run.info.run_id in message
    trace = mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{packaging.TRACE}")
    assert "Traceback" in trace

    (only,) = client.search_model_versions("name='echo'")
    assert only.version == client.get_model_version_by_alias("echo", "candidate").version
    assert said("models:/echo@candidate") == said(str(output)) == [{"said": "hello"}]
    assert {path.name for path in tmp_path.glob(".saving-*")} == set()

    publish(folder, "again", args)
    assert said("models:/echo@candidate") == said(str(output)) == [{"said": "again"}]
