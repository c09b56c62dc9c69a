"""Data preparation, training that resumes, scoring, and the demo checkpoint under HanLP itself."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hanlp_ner
from hanlp_ner import evaluate, finetune, prepare
from hanlp_ner.training.augment import fill, mark_dates, replace_mentions, vary_width
from hanlp_ner.training.corpora import (
    DataError,
    entities_to_tags,
    read_source,
    tags_to_entities,
    write_examples,
)
from hanlp_ner.training.names import Names
from hanlp_ner.training.scoring import confusion, markdown, span_scores, worst

FOLDER = Path(hanlp_ner.__file__).parent
GAZETTEER = FOLDER / "demo" / "gazetteer.txt"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


# --- readers


def test_conll_of_the_peoples_daily(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "我 O", "爱 O", "中 B-LOC", "国 I-LOC", "", "", "王 B-PER")
    assert read_source(f"peoples_daily={path}") == [
        ("我爱中国", [(2, 4, "LOCATION")]),
        ("王", [(0, 1, "PERSON")]),
    ]
    assert read_source(str(path), {"LOC": "PLACE", "PER": ""})[0] == ("我爱中国", [(2, 4, "PLACE")])
    assert read_source(str(path), {"PER": ""})[1] == ("王", [])


def test_weibo_loses_the_position_digit_and_common_nouns(tmp_path: Path) -> None:
    rows = ["李0\tB-PER.NAM", "开1\tI-PER.NAM", "女0\tB-PER.NOM", "人1\tI-PER.NOM", "70\tO"]
    path = write(tmp_path / "a.conll", *rows)
    assert read_source(f"weibo={path}") == [("李开女人7", [(0, 2, "PERSON")])]


def test_cluener_offsets_are_inclusive_and_nested_mentions_go(tmp_path: Path) -> None:
    labels = {
        "company": {"浙商银行": [[0, 3]]},
        "address": {"浙": [[0, 0]]},
        "game": {"行": [[3, 3]]},
    }
    path = write(tmp_path / "a.json", json.dumps({"text": "浙商银行说", "label": labels}))
    assert read_source(f"cluener={path}") == [("浙商银行说", [(0, 4, "ORGANIZATION")])]


@pytest.mark.parametrize("scheme", ["BIO", "IOBES", "BMES", "BILOU"])
def test_tag_schemes(scheme: str) -> None:
    tags = {
        "BIO": ["B-A", "I-A", "B-A", "O", "B-B"],
        "IOBES": ["B-A", "E-A", "S-A", "O", "S-B"],
        "BMES": ["B-A", "E-A", "S-A", "O", "S-B"],
        "BILOU": ["B-A", "L-A", "U-A", "O", "U-B"],
    }[scheme]
    entities = [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]
    assert tags_to_entities(tags) == entities
    assert tags_to_entities(entities_to_tags(5, entities)) == entities


def test_tokens_of_several_characters(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "北京\tB-LOC", "大学\tI-LOC", "2011\tO", "年\tO")
    assert read_source(str(path)) == [("北京大学2011年", [(0, 4, "LOC")])]
    path = write(tmp_path / "b.conll", "北京\tB-LOC", "大学\tE-LOC", "上海\tS-LOC", "年\tO")
    assert read_source(str(path)) == [("北京大学上海年", [(0, 4, "LOC"), (4, 6, "LOC")])]


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("a.conll", ["我 O", "爱"], "line 2: expected a character and a tag"),
        ("a.conll", ["我 O", "爱 X-LOC"], "line 2: unknown tag 'X-LOC'"),
        ("a.conll", ["我 O", "", "爱 B"], "line 3: unknown tag 'B'"),
        ("a.jsonl", ['{"text": "我"}', "{"], "line 2: "),
        ("a.jsonl", ['{"texts": "我"}'], 'line 1: expected an object with a string "text"'),
        ("a.jsonl", ['{"text": "我", "entities": [[0, 2, "A"]]}'], "line 1: entity [0, 2)"),
        ("a.jsonl", ['{"text": "我", "entities": [[0]]}'], "line 1: "),
        ("a.json", ['{"text": "我", "label": {"name": [[0, 0]]}}'], "line 1: "),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, name: str, lines: list[str], said: str) -> None:
    path = write(tmp_path / name, *lines)
    with pytest.raises(DataError) as error:
        read_source(str(path))
    assert f"{name}, {said}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_an_unknown_corpus_end_the_command(tmp_path: Path) -> None:
    for source in (str(tmp_path / "none.conll"), f"ontonotes={tmp_path}"):
        with pytest.raises(SystemExit, match=r"prepare\.py: "):
            prepare.main([source, "-o", str(tmp_path / "out.jsonl")])


# --- dates and augmentation


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("米哈游成立于2011年,致力于", ["2011年"]),
        ("一九九八年三月五日上午", ["一九九八年三月五日"]),
        ("他去年在这里住了三年零6个月", ["去年"]),
        ("16日，20世纪90年代的第30分钟", ["16日", "20世纪90年代"]),
        ("今年5月初花了1998元", ["今年5月初"]),
        ("1·5万人和120年", []),
    ],
)
def test_what_is_a_date(text: str, dates: list[str]) -> None:
    assert [text[start:end] for start, end, _ in mark_dates(text, [])] == dates


def test_a_date_gives_way_to_an_entity() -> None:
    assert mark_dates("1998年杯赛", [(0, 7, "ORGANIZATION")]) == [(0, 7, "ORGANIZATION")]


def test_augmentation_keeps_offsets_exact() -> None:
    sentence = ("邓小平在北京会见彼得·皮奥，邓小平说中国队1998年赢了。",
                [(0, 3, "PERSON"), (4, 6, "LOCATION"), (8, 13, "PERSON"), (14, 17, "PERSON"),
                 (18, 21, "ORGANIZATION"), (21, 26, "DATE")])  # fmt: skip
    names = Names.read(GAZETTEER, [sentence])
    rng = random.Random(0)
    for _ in range(200):
        text, entities = vary_width(replace_mentions(sentence, names, rng, 0.8), rng)
        marks = [text[start:end] for start, end, _ in entities]
        rest, position = "", 0
        for start, end, _ in entities:
            rest, position = rest + text[position:start] + "_", end
        rest += text[position:]
        assert rest.replace(",", "，") == "_在_会见_，_说__赢了。"
        assert all(marks)
        assert marks[0] == marks[3]  # the same person in both places
        assert [label for *_, label in entities] == [label for *_, label in sentence[1]]


def test_templates_are_filled_with_exact_offsets() -> None:
    names = Names.read(GAZETTEER, [("王小明和北京队", [(0, 3, "PERSON"), (4, 7, "ORGANIZATION")])])
    names.mined["LOCATION"].append("北京")
    rng = random.Random(0)
    for _ in range(50):
        text, entities = fill("[新华社|ORGANIZATION]{L}{D}电{A}{P}访{O}。", names, rng)
        assert text.startswith("新华社")
        assert text.endswith("。")
        labels = [label for *_, label in entities]
        assert labels == ["ORGANIZATION", "LOCATION", "DATE", "LOCATION", "PERSON", "ORGANIZATION"]
        assert text[entities[2][1]] == "电"


def test_prepare_is_reproducible(tmp_path: Path) -> None:
    source = write(tmp_path / "a.conll", *["王 B-PER", "芳 I-PER", "在 O", "京 B-LOC", ""] * 8)
    outputs = []
    for name in ("one", "two"):
        out, held = tmp_path / f"{name}.jsonl", tmp_path / f"{name}_dev.jsonl"
        prepare.main(
            [f"peoples_daily={source}", "-o", str(out), "--held-out", str(held), "--copies", "2",
             "--held-out-size", "3", "--gazetteer", str(GAZETTEER)]
        )  # fmt: skip
        outputs.append(out.read_bytes())
        assert len(read_source(str(held))) == 3
        assert len(read_source(str(out))) == 15
    assert outputs[0] == outputs[1]


# --- scores


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
    assert "missing" in worst(["甲乙丙丁戊己", "甲", "甲乙丙丁戊"], gold, found, 1)[0]


# --- training


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Arguments of a training run of a few seconds, but for its output."""
    folder = tmp_path_factory.mktemp("tiny")
    names = Names.read(GAZETTEER, [("王芳在北京队", [(0, 2, "PERSON"), (3, 6, "ORGANIZATION")])])
    names.mined["LOCATION"].append("北京")
    rng = random.Random(0)
    train = [fill(t, names, rng) for t in ["{P}在{L}工作。", "{O}成立于{D}。"] for _ in range(40)]
    write_examples(folder / "train.jsonl", train)
    write_examples(folder / "dev.jsonl", train[::10])
    sizes = "--layers 1 --hidden 32 --heads 2 --feed-forward 32 --batch-characters 60 --epochs 2"
    return [
        *("--train", str(folder / "train.jsonl"), "--dev", str(folder / "dev.jsonl")),
        *("--finish", str(folder / "dev.jsonl"), "--finish-epochs", "1", "--from-scratch"),
        *("--save-every", "2", *sizes.split()),
    ]


def steps(output: Path) -> list[str]:
    path = output / "steps.csv"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_a_killed_run_goes_on_with_the_same_losses(
    tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    monkeypatch.chdir(tmp_path)
    finetune.main([*tiny, "--output", str(whole), "--tracking-uri", ""])
    assert len(steps(whole)) > 8

    # slowed down, so that the kill lands in the middle of the first epoch
    slow = (
        "import time; from hanlp_ner import finetune; from hanlp_ner.training import trainer; "
        "step = trainer.Trainer.train_step; "
        "trainer.Trainer.train_step = lambda *a: (time.sleep(0.3), step(*a))[1]; finetune.main()"
    )
    command = [sys.executable, "-c", slow, *tiny, "--output", str(killed), "--tracking-uri", ""]
    path = os.pathsep.join([str(FOLDER.parent), os.environ.get("PYTHONPATH", "")])
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": path}, stdout=log, stderr=log
        )
        deadline = time.monotonic() + 120
        while len(steps(killed)) < 5 and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 5 <= len(steps(killed)) < len(steps(whole)), (tmp_path / "log").read_text()
    assert not (killed / "best").exists()

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    finetune.main([*tiny, "--output", str(killed), "--tracking-uri", uri])
    assert steps(killed) == steps(whole)
    for name in ("best", "last"):
        assert (killed / name / "model.pt").read_bytes() == (whole / name / "model.pt").read_bytes()
        assert "/" not in json.loads((killed / name / "config.json").read_text())["transformer"]

    import mlflow

    (run,) = mlflow.MlflowClient(uri).search_runs(["1"])
    assert run.data.params["hidden"] == "32"
    assert {"dev_micro_f1", "dev_f1", "epoch_loss"} <= set(run.data.metrics)
    files = {file.path for file in mlflow.MlflowClient(uri).list_artifacts(run.info.run_id)}
    assert files == {"dev.csv", "dev.md", "dev.png", "steps.csv"}


def test_training_goes_on_from_a_checkpoint(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scratch = tiny.index("--from-scratch")
    start = ["--checkpoint", str(FOLDER / "demo"), "--lr", "1e-5", "--tracking-uri", ""]
    finetune.main([*tiny[:scratch], *start, *tiny[scratch + 1 :], "--output", str(tmp_path)])
    assert (tmp_path / "best" / "model.pt").exists()
    assert "best F1" in capsys.readouterr().out


# --- the demo checkpoint


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


def test_evaluate_scores_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.conll", "我 O", "爱 O", "中 B-LOC", "国 I-LOC")
    monkeypatch.chdir(tmp_path)
    evaluate.main([str(FOLDER / "demo"), f"peoples_daily={path}", "--json", "--tracking-uri", ""])
    scores = json.loads(capsys.readouterr().out)
    assert scores["micro"]["f1"] == 100
    assert scores["micro"]["gold"] == 1
