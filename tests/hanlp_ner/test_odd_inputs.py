"""Wrong and odd inputs of prepare, finetune and evaluate: each ends in the right result, or in one
sentence that names the file and the row."""

import json
from pathlib import Path
from typing import Any

import pytest

from hanlp_ner import evaluate, finetune, prepare
from hanlp_ner.training.corpora import read_source
from tests.hanlp_ner.helpers import write
from tests.zoo.odd_inputs import refusal

GOOD = '{"text": "我爱中国", "entities": [[2, 4, "LOCATION"]]}'
NESTED = '{"text": "北京大学", "entities": [[0, 4, "ORGANIZATION"], [0, 2, "LOCATION"]]}'

REGION = {"start": 3, "end": 6, "text": "中", "labels": ["LOC"]}
BYTES = {
    "data": {"text": "我爱中国中国"},
    "annotations": [{"result": [{"type": "labels", "value": REGION}]}],
}

PREPARE = ["{data}", "-o", "{folder}/out.jsonl"]
EVALUATE = ["demo", "{data}", "--json", "--tracking-uri", ""]
FINETUNE = [
    "--train",
    "{data}",
    "--dev",
    "{data}",
    "--output",
    "{folder}/run",
    "--tracking-uri",
    "",
]
SCRATCH = [*FINETUNE, "--from-scratch"]
COMMANDS = {"prepare": prepare.main, "evaluate": evaluate.main, "finetune": finetune.main}


def row(**fields: Any) -> str:
    return json.dumps({"text": "我爱中国", **fields})


# What is odd: the file's name, its lines, the command's options, and what it says.
REFUSED = {
    "rows without annotations": ("a.jsonl", [GOOD, row()], PREPARE, ["line 2", "no annotations"]),
    "annotations under another name": (
        "a.jsonl", [row(ents=[[2, 4, "LOC"]])], SCRATCH, ["line 1", "ents"]),
    "categories, not spans": (
        "a.jsonl", [row(label=["LOC"])], PREPARE, ["line 1", "without offsets"]),
    "a category and no spans": ("a.jsonl", [row(label="news")], PREPARE, ["line 1", "label"]),
    "null for the entities": ("a.jsonl", [row(entities=None)], PREPARE, ["line 1", "entities"]),
    "float offsets": ("a.jsonl", [GOOD, row(labels=[[2.0, 4, "LOC"]])], PREPARE, ["line 2", "2.0"]),
    "numbers for labels": ("a.jsonl", [GOOD, row(label=[[2, 4, 7]])], PREPARE, ["line 2", "7"]),
    "doccano's numbers": (
        "a.jsonl", [row(annotations=[{"label": 2, "start_offset": 2, "end_offset": 4, "user": 1}])],
        PREPARE, ["line 1", "label 2 is not a name"]),
    "true for an offset": (
        "a.jsonl", [row(labels=[[True, 4, "LOC"]])], PREPARE, ["line 1", "True"]),
    "an offset outside": (
        "a.jsonl", [GOOD, row(labels=[[2, 9, "LOC"]])], EVALUATE, ["line 2", "9"]),
    "an empty entity": ("a.jsonl", [row(labels=[[2, 2, "LOC"]])], PREPARE, ["line 1", "[2, 2)"]),
    "offsets of bytes": (
        "a.json", [json.dumps([BYTES])], PREPARE, ["row 1 (line 1)", "offsets"]),
    "half a character": (
        "a.jsonl", [GOOD, '{"text": "中\\ud83d国", "entities": []}'], PREPARE, ["line 2", "half"]),
    "no entity at all": ("a.jsonl", [row(labels=[])] * 3, SCRATCH, ["a.jsonl", "no entities"]),
    "nothing to score": ("a.conll", ["我 O", "爱 O"], EVALUATE, ["a.conll", "no entities"]),
    "an empty file": ("a.jsonl", [""], PREPARE, ["a.jsonl", "no entities", "0 sentences"]),
    "a list that is cut off": ("a.json", [f"[{GOOD},", GOOD], PREPARE, ["line 2", "cut off"]),
    "a row that is cut off": ("a.jsonl", [GOOD, GOOD[:-5]], PREPARE, ["line 2", "not valid JSON"]),
    "Hugging Face's columns": (
        "a.jsonl", ['{"tokens": ["我"], "ner_tags": [0]}'], PREPARE, ["line 1", '"text"']),
    "another corpus's profile": (
        "a.jsonl", [GOOD], ["weibo={data}", *PREPARE[1:]], ["a.jsonl", "PER.NAM", "LOCATION"]),
    "a label that isn't there": (
        "a.jsonl", [GOOD], [*PREPARE, "--map", "PERS=PERSON"], ["PERS", "available: LOCATION"]),
    "more held out than there is": (
        "a.jsonl", [GOOD] * 3, [*PREPARE, "--held-out", "{folder}/d"], ["300", "3 sentences"]),
    "none held out": (
        "a.jsonl", [GOOD], [*PREPARE, "--held-out-size", "0"], ["held-out", "0 is less than 1"]),
    "the output is the source": (
        "a.jsonl", [GOOD], ["{data}", "-o", "{data}"], ["a.jsonl", "read"]),
    "no gazetteer": (
        "a.jsonl", [GOOD], [*PREPARE, "--gazetteer", "{folder}/no.txt"], ["no.txt", "not found"]),
    "a gazetteer that isn't one": (
        "a.jsonl", [GOOD], [*PREPARE, "--gazetteer", "{data}"], ["a.jsonl', line 1", "tab"]),
    "labels that the model lacks": (
        "a.jsonl", [GOOD, row(labels=[[2, 4, "GPE"]])], EVALUATE, ["GPE", "1 of 2", "line 2"]),
    "a label that nobody has": (
        "a.jsonl", [GOOD], [*EVALUATE, "--labels", "GPE"], ["GPE", "available: DATE, LOCATION"]),
    "labels that the set doesn't have": (
        "a.jsonl", [GOOD], [*EVALUATE, "--labels", "DATE"], ["none of them", "LOCATION"]),
    "too many entities in others": (
        "a.jsonl", [GOOD, NESTED], SCRATCH, ["1 of 3", "line 2", "--max-unknown"]),
    "a transformer that isn't one": (
        "a.jsonl", [GOOD], [*FINETUNE, "--transformer", "{folder}"], ["not a transformer"]),
    "a transformer that isn't there": (
        "a.jsonl", [GOOD], [*FINETUNE, "--transformer", "nobody/nothing"], ["nobody/nothing"]),
    "a checkpoint that isn't there": (
        "a.jsonl", [GOOD], [*FINETUNE, "--checkpoint", "{folder}/none"], ["/none", "not found"]),
    "another model's directory": (
        "a.jsonl", [GOOD], [*FINETUNE, "--checkpoint", "{folder}"], ["not a HanLP checkpoint"]),
    "heads that don't divide": (
        "a.jsonl", [GOOD], [*SCRATCH, "--hidden", "30", "--heads", "4"], ["--hidden", "--heads"]),
    "no epoch": ("a.jsonl", [GOOD], [*SCRATCH, "--epochs", "0"], ["--epochs", "0 is less than 1"]),
    "last epochs on nothing": (
        "a.jsonl", [GOOD], [*SCRATCH, "--finish-epochs", "1"], ["--finish ", "--finish-epochs"]),
    "a GPU that isn't there": ("a.jsonl", [GOOD], [*SCRATCH, "--device", "63"], ["63", "cpu"]),
    "somebody's folder for the run": (
        "a.jsonl", [GOOD], [*SCRATCH, "--output", "{folder}"], ["a training run"]),
}  # fmt: skip


def command_of(options: list[str]) -> str:
    return "finetune" if "--train" in options else "evaluate" if "demo" in options else "prepare"


@pytest.mark.parametrize("odd", REFUSED, ids=str)
def test_what_is_wrong_is_one_sentence(
    odd: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, lines, options, words = REFUSED[odd]
    data = write(tmp_path / name, *lines)
    argv = [option.format(data=data, folder=tmp_path) for option in options]
    said = refusal(COMMANDS[command_of(options)], argv, capsys)
    assert [word for word in words if word not in said] == [], said
    assert {path.name for path in tmp_path.iterdir()} == {name}  # nothing half done


# What is odd but right: the file's name, its lines, and the sentences that prepare writes.
TAKEN: dict[str, tuple[str, list[str], list[Any]]] = {
    "a byte order mark, empty lines and an indented row": (
        "a.jsonl", ["\ufeff", "  " + GOOD, "", ""], [("我爱中国", [(2, 4, "LOCATION")])]),
    "one object over several lines": (
        "a.json", json.dumps(json.loads(GOOD), indent=1).splitlines(),
        [("我爱中国", [(2, 4, "LOCATION")])]),
    "the same entity twice": (
        "a.jsonl", [row(labels=[[2, 4, "LOC"], [2, 4, "LOC "]])], [("我爱中国", [(2, 4, "LOC")])]),
    "an entity within another": (
        "a.jsonl", [NESTED], [("北京大学", [(0, 4, "ORGANIZATION"), (0, 2, "LOCATION")])]),
    "an emoji before the entity": (
        "a.jsonl", [row(text="😀中国", labels=[[1, 3, "LOC"]])], [("😀中国", [(1, 3, "LOC")])]),
    "an empty document between others": (
        "a.conll", ["-DOCSTART- -X- O O", "", "-DOCSTART- -X- O O", "", "中 B-LOC", "国 I-LOC"],
        [("中国", [(0, 2, "LOC")])]),
    "a document without empty lines": (
        "a.conll", ["王 B-PER", "-DOCSTART- O", "中 B-LOC"],
        [("王", [(0, 1, "PER")]), ("中", [(0, 1, "LOC")])]),
}  # fmt: skip


@pytest.mark.parametrize("odd", TAKEN, ids=str)
def test_what_is_odd_is_read_right(odd: str, tmp_path: Path) -> None:
    name, lines, right = TAKEN[odd]
    output = tmp_path / "out.jsonl"
    prepare.main([str(write(tmp_path / name, *lines)), "-o", str(output)])
    assert read_source(str(output)) == right


def test_a_mention_is_replaced_by_one_of_its_own_label(tmp_path: Path) -> None:
    sentences = [("买原神", [[1, 3, "GAME"]]), ("去北京", [[1, 3, "LOCATION"]])]
    sentences += [("玩围棋", [[1, 3, "GAME"]]), ("在上海", [[1, 3, "LOCATION"]])]
    lines = [json.dumps({"text": text, "entities": entities}) for text, entities in sentences]
    source, output = write(tmp_path / "a.jsonl", *lines), tmp_path / "out.jsonl"
    prepare.main([str(source), "-o", str(output), "--copies", "9", "--rate", "1"])
    names: dict[str, set[str]] = {}
    for text, entities in read_source(str(output)):
        for start, end, label in entities:
            names.setdefault(label, set()).add(text[start:end])
    assert names == {"GAME": {"原神", "围棋"}, "LOCATION": {"北京", "上海"}}


def test_labels_that_the_set_lacks_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The demo finds a date, which the set doesn't annotate: it counts, unless labels are named."""
    text = {"text": "他于2011年在中国工作。", "entities": [[8, 10, "LOCATION"]]}
    data = write(tmp_path / "a.jsonl", json.dumps(text))
    argv = ["demo", str(data), "--json", "--tracking-uri", ""]
    evaluate.main(argv)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["micro"]["predicted"] == 2
    assert "DATE" in printed.err
    evaluate.main([*argv, "--labels", "LOCATION"])
    assert json.loads(capsys.readouterr().out)["micro"]["f1"] == 100
