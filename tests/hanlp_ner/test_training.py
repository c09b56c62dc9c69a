"""Data preparation, training that resumes, scoring, and the demo checkpoint under HanLP itself."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import hanlp_ner
from hanlp_ner import build, evaluate, finetune, prepare
from hanlp_ner.component import load
from hanlp_ner.convert import convert
from hanlp_ner.engine import Found, Recognizer
from hanlp_ner.training.augment import fill, mark_dates, replace_mentions, vary_width
from hanlp_ner.training.corpora import (
    DataError,
    entities_to_tags,
    read_source,
    tags_to_entities,
    write_examples,
)
from hanlp_ner.training.names import Names
from hanlp_ner.training.scoring import (
    confusion,
    markdown,
    predict_spans,
    span_scores,
    worst,
)
from tests.hanlp_ner.checkpoints import write_transformer
from tests.hanlp_ner.multitask_checkpoints import random_multitask
from tests.hanlp_ner.test_engine import texts
from zoo import packaging
from zoo.errors import CheckpointError

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


@pytest.mark.parametrize(
    "lines",
    [
        ["我 r O", "  w O", "中 n B-LOC", "国 n I-LOC"],
        ["我   O", "  O", "中  x y   B-LOC ", "国 I-LOC"],
        ["我\tr\tO", " \tw\tO", "中\tn x\tB-LOC", "国\tn x\tI-LOC"],
        ["我 O", " O", "中 B-LOC", "国 I-LOC", "   "],
        ["\ufeff我 O", "  O", "中 B-LOC", "国 I-LOC"],
    ],
    ids=["three columns", "columns aligned", "tabs", "a space", "byte order mark"],
)
def test_first_and_last_column_count(tmp_path: Path, lines: list[str]) -> None:
    path = write(tmp_path / "a.conll", *lines)
    assert read_source(str(path)) == [("我 中国", [(2, 4, "LOC")])]


def test_a_byte_order_mark_before_json(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '\ufeff{"text": "我", "entities": []}')
    assert read_source(str(path)) == [("我", [])]


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
        ("a.conll", ["我 O", " 爱 O"], "line 2: expected a character and a tag"),
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
        with pytest.raises(DataError, match=r"cannot be read|is no known corpus") as error:
            prepare.main([source, "-o", str(tmp_path / "out.jsonl")])
        assert error.value.status == 400


@pytest.mark.parametrize(
    "command",
    [
        ["prepare.py", "none.conll", "-o", "out.jsonl"],
        ["evaluate.py", "demo", "none.conll"],
        ["finetune.py", "--train", "none.conll", "--dev", "none.conll", "--output", "out",
         "--checkpoint", "demo"],
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_an_error_is_one_line(tmp_path: Path, command: list[str]) -> None:
    script = [sys.executable, str(FOLDER / command[0]), *command[1:]]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: none.conll cannot be read")
    assert len(done.stderr.splitlines()) == 1


def test_runs_are_tracked_where_the_builder_tracks() -> None:
    for command in (evaluate, finetune):
        assert command.parser().get_default("tracking_uri") == packaging.TRACKING_URI


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


@pytest.fixture(scope="module")
def multitask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multi-task checkpoint with random weights."""
    return random_multitask(tmp_path_factory.mktemp("multitask") / "checkpoint")


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
    found = [answer for answer in Recognizer(served)(hard + texts()) if isinstance(answer, Found)]
    assert predicted == [set(answer.entities) for answer in found]
    assert sum(map(len, predicted)) > 100


def test_a_multitask_checkpoint_without_entities_is_refused(multitask: Path) -> None:
    component = load(multitask)
    component.config.task_names = ["tok/fine"]
    with pytest.raises(CheckpointError, match="has no task of named entities"):
        predict_spans(component, ["我"])


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


def changed(tiny: list[str], start: list[str], **sources: Path) -> list[str]:
    """The arguments of `tiny` with another start, and other data."""
    place = tiny.index("--from-scratch")
    arguments = [*tiny[:place], *start, *tiny[place + 1 :], "--tracking-uri", ""]
    for option, path in sources.items():
        arguments[arguments.index(f"--{option}") + 1] = str(path)
    return arguments


def logged(uri: str, experiment: str) -> tuple[Any, set[str]]:
    """The one run of an experiment, and its files."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    place = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([place.experiment_id])
    return run, {file.path for file in client.list_artifacts(run.info.run_id)}


def steps(output: Path) -> list[str]:
    path = output / "steps.csv"
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def test_a_killed_run_goes_on_with_the_same_losses(
    tiny: list[str], tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
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

    tracking = ["--tracking-uri", registry, "--experiment", "killed"]
    finetune.main([*tiny, "--output", str(killed), *tracking])
    assert steps(killed) == steps(whole)
    for name in ("best", "last"):
        assert (killed / name / "model.pt").read_bytes() == (whole / name / "model.pt").read_bytes()
        assert "/" not in json.loads((killed / name / "config.json").read_text())["transformer"]

    run, files = logged(registry, "killed")
    assert run.data.params["hidden"] == "32"
    assert {"dev_micro_f1", "dev_f1", "epoch_loss"} <= set(run.data.metrics)
    assert files == {"dev.csv", "dev.md", "dev.png", "steps.csv"}


def test_training_goes_on_from_a_checkpoint(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = ["--checkpoint", "demo", "--lr", "1e-5"]
    finetune.main([*changed(tiny, start), "--output", str(tmp_path)])
    assert (tmp_path / "best" / "model.pt").exists()
    assert "best F1" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["bert", "electra"])
def test_training_starts_from_a_transformer(tiny: list[str], tmp_path: Path, kind: str) -> None:
    from transformers import AutoConfig, AutoModel

    transformer = tmp_path / "transformer"
    write_transformer(transformer, kind, width=32, layers=1, heads=2, size=0)
    pretrained = AutoModel.from_config(AutoConfig.from_pretrained(transformer))
    pretrained.save_pretrained(transformer)

    def arguments(name: str, rate: str) -> list[str]:
        options = ["--batch-characters", "5000", "--lr", rate, "--average", "0"]
        start = ["--transformer", str(transformer)]
        return [*changed(tiny, start), *options, "--output", str(tmp_path / name)]

    finetune.main(arguments("still", "0"))
    assert len(steps(tmp_path / "still")) == 3  # the head of the table, and two steps
    loaded = load(tmp_path / "still" / "last").model.encoder.transformer.state_dict()
    for name, weight in pretrained.named_parameters():
        assert name.startswith("pooler") or weight.equal(loaded[name]), name

    finetune.main(arguments("run", "1e-3"))
    moved = load(tmp_path / "run" / "last")
    weights = moved.model.encoder.transformer.state_dict()
    assert not weights["embeddings.word_embeddings.weight"].equal(
        loaded["embeddings.word_embeddings.weight"]
    )
    shutil.rmtree(transformer)  # the checkpoint has all that it needs
    again = load(tmp_path / "run" / "last")
    assert predict_spans(again, texts()) == predict_spans(moved, texts())


def test_labels_of_the_last_epochs_are_learnt(tiny: list[str], tmp_path: Path) -> None:
    finish = write(tmp_path / "a.conll", *["我 O", "票 B-TICKET", ""] * 4)
    arguments = changed(tiny, ["--from-scratch"], finish=finish)
    finetune.main([*arguments, "--output", str(tmp_path / "run")])
    tags = load(tmp_path / "run" / "last").vocabs.tag.token_to_idx
    assert {"S-TICKET", "B-PERSON", "E-DATE"} <= set(tags)


@pytest.mark.parametrize("start", [["--from-scratch"], ["--checkpoint", "demo"]], ids=str)
def test_labels_that_only_the_dev_set_has_are_refused(
    tiny: list[str], tmp_path: Path, start: list[str]
) -> None:
    dev = write(tmp_path / "a.conll", "我 B-ME", "票 B-TICKET", "王 B-PERSON")
    with pytest.raises(DataError, match="labels that no training set has: ME, TICKET; rename"):
        finetune.main([*changed(tiny, start, dev=dev), "--output", str(tmp_path / "run")])


def test_a_checkpoint_that_lacks_a_tag_is_refused(tiny: list[str], tmp_path: Path) -> None:
    finish = write(tmp_path / "a.conll", "我 O", "票 B-TICKET")
    arguments = changed(tiny, ["--checkpoint", "demo"], finish=finish)
    with pytest.raises(DataError, match="'demo' doesn't know S-TICKET of the training set"):
        finetune.main([*arguments, "--output", str(tmp_path / "run")])


def test_only_recognizers_are_trained(tiny: list[str], multitask: Path, tmp_path: Path) -> None:
    for name, said in (
        (str(multitask), "is a multi-task checkpoint"),
        ("MSRA_NER_ELECTRA", "nor a checkpoint that HanLP publishes"),
        (str(tmp_path), "is no HanLP checkpoint"),
    ):
        arguments = [*changed(tiny, ["--checkpoint", name]), "--output", str(tmp_path / "run")]
        with pytest.raises(CheckpointError, match=said):
            finetune.main(arguments)


def test_a_run_with_other_settings_needs_a_new_output(tiny: list[str], tmp_path: Path) -> None:
    arguments = [*changed(tiny, ["--from-scratch"]), "--output", str(tmp_path), "--epochs", "1"]
    finetune.main(arguments)
    with pytest.raises(CheckpointError, match="a run with another seed; choose a new --output"):
        finetune.main([*arguments, "--seed", "9"])


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


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo as an MLflow model, saved as build.py does but for its own copy of the code."""
    import mlflow

    converted = tmp_path_factory.mktemp("converted")
    directory = tmp_path_factory.mktemp("saved") / "model"
    convert(FOLDER / "demo", converted)
    mlflow.pyfunc.save_model(
        directory,
        python_model=str(FOLDER / "model.py"),
        artifacts={"ner": str(converted)},
        signature=build.signature(),
        pip_requirements=[],
    )
    return directory


@pytest.mark.parametrize("kind", ["demo", "directory", "published", "saved"])
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
        [name or str(request.getfixturevalue("saved")), f"peoples_daily={path}", "--json",
         "--tracking-uri", ""]
    )  # fmt: skip
    scores = json.loads(capsys.readouterr().out)
    assert scores["LOCATION"]["f1"] == 100
    assert scores["LOCATION"]["gold"] == 2
    assert scores["micro"]["gold"] == 3


def test_evaluate_logs_to_mlflow(
    multitask: Path, tmp_path: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.conll", "我 O", "爱 O", "中 B-LOC", "国 I-LOC")
    tracking = ["--tracking-uri", registry, "--experiment", "evaluated"]
    evaluate.main([str(multitask), f"peoples_daily={path}", *tracking])
    assert "| micro |" in capsys.readouterr().out
    run, files = logged(registry, "evaluated")
    assert run.data.params["model"] == str(multitask)
    assert files == {"confusion.json", "test.csv", "test.md", "test.png", "worst.txt"}
    beside = Path(registry.removeprefix("sqlite:///")).parent / "mlruns"
    assert run.info.artifact_uri.startswith(beside.as_uri())
