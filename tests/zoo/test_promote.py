"""A candidate becomes the champion if it isn't worse: a real registry, the real evaluate.py."""

import json
import shutil
from pathlib import Path

import mlflow
import pytest

from hanlp_ner.engine import PACKED
from zoo import promote
from zoo.errors import ZooError

NAME = "hanlp_ner"
SENTENCES = 40


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    """Sentences in which the demo finds what is there."""
    rows = [
        {"text": f"我在北京工作{number}天了。", "entities": [[2, 4, "LOCATION"]]}
        for number in range(2, 2 + SENTENCES)
    ]
    path = tmp_path / "test.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def register(model: Path, words: dict[str, str], work: Path, client: mlflow.MlflowClient) -> str:
    """A candidate that is the built model with other words in its dictionary."""
    copy = work / f"copy{len(words)}"
    shutil.copytree(model, copy)
    (config,) = copy.glob("artifacts/*/config.json")
    config.with_name(PACKED).write_text(json.dumps(words), encoding="utf-8")
    version = client.create_model_version(NAME, copy.as_uri()).version
    client.set_registered_model_alias(NAME, "candidate", version)
    return str(version)


def test_a_candidate_earns_its_place(
    ner_model: Path, test_set: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"sqlite:///{tmp_path}/registry.db"
    mlflow.set_tracking_uri(uri)
    client = mlflow.MlflowClient()
    client.create_registered_model(NAME)

    def champion() -> str:
        return str(client.get_registered_model(NAME).aliases["champion"])

    def run(*options: str) -> None:
        promote.main([NAME, *options, "--tracking-uri", uri])

    data = ["--data", str(test_set), "--labels", "LOCATION"]
    with pytest.raises(ZooError, match=r"build\.py makes one"):
        run(*data)
    first = register(ner_model, {}, tmp_path, client)
    with pytest.raises(ZooError, match="--first"):
        run(*data)
    run(*data, "--first")
    assert champion() == first
    run(*data)  # it is the champion already
    assert champion() == first

    register(ner_model, {"北京": "PERSON"}, tmp_path, client)
    with pytest.raises(ZooError, match=r"F1 100\.00 -> 0\.00"):
        run(*data)
    assert champion() == first
    (logged, *_) = client.search_runs([client.get_experiment_by_name(NAME).experiment_id])
    assert logged.data.metrics["F1_difference"] == -100
    files = {one.path for one in client.list_artifacts(logged.info.run_id)}
    assert "differences.tsv" in files

    # What only the candidate finds counts as wrong, too.
    register(ner_model, dict.fromkeys(("工作", "上班", "干活"), "JOB"), tmp_path, client)
    with pytest.raises(ZooError, match="stays a candidate"):
        run("--data", str(test_set))
    assert champion() == first

    equal = register(ner_model, {"不在里面": "PERSON", "也不在": "PERSON"}, tmp_path, client)
    run(*data)
    assert champion() == equal
    tags = client.get_model_version(NAME, equal).tags
    assert tags[promote.BEFORE] == first
    assert "F1 100.00 -> 100.00" in tags[promote.SCORES]
    run("--back", first)  # which isn't the champion
    assert champion() == equal
    run("--back", equal)
    assert champion() == first
    with pytest.raises(ZooError, match="is unknown"):
        run("--back")
    capsys.readouterr()
    with pytest.raises(ZooError, match="'nothing' not found"):
        promote.main(["nothing", *data, "--tracking-uri", uri])
