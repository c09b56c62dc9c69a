"""What can't be done is refused in a sentence, before anything is scored."""

import re
from pathlib import Path

import pytest

from batch import main
from tests.batch.conftest import OUTPUT, SPARK, Score
from zoo.building import saved
from zoo.errors import ZooError


def refused(tmp_path: Path, *options: str) -> str:
    with pytest.raises(ZooError) as error:
        main(["--input", str(tmp_path), "--output", str(tmp_path / OUTPUT), *options])
    return str(error.value)


def test_without_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused(tmp_path, "--model", "hanlp_ner", "--master", "local[1]")
    assert re.search(r"Java 17 .*JAVA_HOME", said)


def test_a_model_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, registry: str
) -> None:
    monkeypatch.setattr(saved, "MODELS", tmp_path)
    said = refused(tmp_path, "--model", "whisper_asr")
    assert said.endswith("`python mlflow_models/whisper_asr/build.py` does it.")
    assert "clip_caption, hanlp_ner" in refused(tmp_path, "--model", "wisper")
    assert "MLmodel" in refused(tmp_path, "--model", str(tmp_path))
    uri = ["--model", "models:/hanlp_ner@nobody", "--tracking-uri", registry]
    assert "models:/hanlp_ner@nobody" in refused(tmp_path, *uri)


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("news.csv", "id,body\n1,x\n", [], r"'text' .*id, body\..* --column"),
        ("news.csv", "id,body\n1,x\n", ["--column", "news"], r"'news' .*id, body"),
        ("news.csv", "text\n", [], "has no rows"),
        ("news.csv", "text,entities\nx,y\n", [], r"a column 'entities'.* --prefix PREFIX"),
        ("news.csv", 'id,text\n1,好\n2,"他说\n3,你好\n', [], r"news\.csv', line 3: a quotation"),
        ("news.csv", "id,text\n1,我爱中国\udce5\n", [], r"news\.csv' is not UTF-8 \(line 2\)"),
        ("news.jsonl", '{"text": 5}\n', [], r"'text' of .* is of type \w*int\w*; the model reads"),
        ("news.csv", "text,Text\nx,y\n", [], "columns 'text' and 'Text'"),
        ("news.parquet", "no table at all", [], r"parquet"),
        ("list.csv", "path\nnothing.txt\n", [], "None of the files"),
        ("x.txt", "x", ["--params", '{"task": []}'], "--params: 'task' .*dictionary"),
        ("x.txt", "x", ["--params", '{"tasks": ["x"]}'], "Parameter 'tasks'"),
        ("x.txt", "x", ["--column", "text"], "--column names a column of a table"),
        ("nothing/.hidden", "", [], "doesn't exist"),
    ],
)
def test_an_input_that_the_model_cannot_read(
    score: Score,
    ner_model: Path,
    tmp_path: Path,
    name: str,
    content: str,
    options: list[str],
    said: str,
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ZooError, match=said):
        score(ner_model, path, *options)
    assert not (tmp_path / f"{OUTPUT}.partial").exists()


@pytest.mark.parametrize("way", [pytest.param(SPARK, marks=pytest.mark.spark)], indirect=True)
def test_utf_16_that_spark_reads_as_other_text(
    score: Score, ner_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "news.jsonl").write_text('{"text": "好"}\n', encoding="utf-16")
    with pytest.raises(ZooError, match=r"news\.jsonl' .*UTF-8"):
        score(ner_model, tmp_path / "news.jsonl")


def test_an_output_that_exists(score: Score, ner_model: Path, tmp_path: Path) -> None:
    (tmp_path / OUTPUT).mkdir()
    with pytest.raises(
        ZooError, match=re.escape(f"{OUTPUT}' exists already; choose another --output")
    ):
        score(ner_model, tmp_path / "anything.csv")


@pytest.mark.usefixtures("java")
def test_more_cores_than_there_are(ner_model: Path, tmp_path: Path) -> None:
    said = refused(tmp_path, "--model", str(ner_model), "--master", "local[1]",
                   "--cores-per-model", "2")  # fmt: skip
    assert said.startswith("--cores-per-model is 2")
    assert "'local[1]'" in said
    said = refused(tmp_path, "--model", str(ner_model), "--cores-per-model", "1000")
    assert said.startswith("--cores-per-model is 1000, but this machine has ")
