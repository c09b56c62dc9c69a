"""Training: it resumes, starts from other checkpoints, and refuses what it would get wrong."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import hanlp_ner
from hanlp_ner import evaluate, finetune
from hanlp_ner.network.component import load
from hanlp_ner.training.corpora import read_source, write_examples
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.span_scores import predict_spans
from tests.hanlp_ner.checkpoints import write_transformer
from tests.hanlp_ner.helpers import changed, epochs, write
from tests.hanlp_ner.test_engine import texts
from tests.zoo.helpers import assert_same, logged
from tests.zoo.training import assert_same_run
from zoo.errors import CheckpointError

FOLDER = Path(hanlp_ner.__file__).parent
GAZETTEER = FOLDER / "demo" / "gazetteer.txt"


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
        "kind = trainer.TaggerTrainer; step = kind.train_step; "
        "kind.train_step = lambda *a: (time.sleep(0.3), step(*a))[1]; finetune.main()"
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
    assert_same_run(killed, whole, "model.pt")
    assert_same(epochs(killed), epochs(whole), 1e-3)
    assert [row["epoch"] for row in epochs(killed)] == [1, 2]
    for name in ("best", "last"):
        assert "/" not in json.loads((killed / name / "config.json").read_text())["transformer"]

    run, files = logged(registry, "killed")
    assert run.data.params["hidden"] == "32"
    measured = {"dev_micro_f1", "dev_f1", "dev_f1_PERSON", "dev_loss", "epoch_loss"}
    assert measured <= set(run.data.metrics)
    assert files == {"dev", "steps.csv", "epochs.csv", "curves.png", "report.html"}


def test_a_run_stops_early_and_shows_its_mistakes(
    tiny: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_source(tiny[tiny.index("--dev") + 1])
    dev = tmp_path / "dev.jsonl"
    write_examples(dev, [("<b>&在北京", [(0, 3, "LOCATION")]), *rows])
    arguments = changed(tiny, ["--from-scratch"], dev=dev)
    run = tmp_path / "run"
    arguments += ["--lr", "0", "--epochs", "9", "--patience", "1", "--output", str(run)]
    finetune.main(arguments)
    assert "stopped early" in capsys.readouterr().out
    first, second = epochs(run)
    assert first["dev_loss"] == second["dev_loss"] > 0
    assert first["dev_f1"] == second["dev_f1"]
    assert first["step"] < second["step"] == len(steps(run)) - 1
    mean = sum(float(row.partition(",")[2]) for row in steps(run)[1:][: int(first["step"])])
    assert first["epoch_loss"] == pytest.approx(mean / first["step"])
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert '<mark class="missing">&lt;b&gt;<small> LOCATION</small></mark>&amp;在北京' in page
    assert "<b>" not in page
    assert "data:image/png" in page


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


def test_a_transformer_that_is_too_short_or_broken_is_refused(
    tiny: list[str], tmp_path: Path
) -> None:
    from transformers import AutoConfig, AutoModel

    transformer = tmp_path / "transformer"
    write_transformer(transformer, "bert", width=32, layers=1, heads=2, size=0)
    short = AutoConfig.from_pretrained(transformer, max_position_embeddings=64)
    AutoModel.from_config(short).save_pretrained(transformer)
    train = tmp_path / "train.jsonl"
    rows = read_source(tiny[tiny.index("--train") + 1])
    write_examples(train, [*rows, ("在北京" * 30, [(1, 3, "LOCATION")])])
    arguments = changed(tiny, ["--transformer", str(transformer)], train=train)
    arguments += ["--output", str(tmp_path / "run")]
    with pytest.raises(DataError, match=rf"longer than the 62 .*'{train}', line 81"):
        finetune.main(arguments)
    (transformer / "model.safetensors").write_bytes(b"cut off")
    with pytest.raises(CheckpointError, match=f"'{transformer}' can't be read as a transformer"):
        finetune.main(arguments)
    assert not (tmp_path / "run").exists()


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


def test_a_label_in_another_case_is_refused(tiny: list[str], tmp_path: Path) -> None:
    finish = write(tmp_path / "a.conll", "我 O", "票 B-Person")
    arguments = changed(tiny, ["--checkpoint", "demo"], finish=finish)
    with pytest.raises(DataError, match=r"'Person' of .* is 'PERSON' in .*--map Person=PERSON"):
        finetune.main([*arguments, "--output", str(tmp_path / "run")])


def test_only_recognizers_are_trained(tiny: list[str], multitask: Path, tmp_path: Path) -> None:
    for name, said in (
        (str(multitask), "is a multi-task checkpoint"),
        ("MSRA_NER_ELECTRA", "'MSRA_NER_ELECTRA'"),
        (str(tmp_path), "HanLP checkpoint"),
    ):
        arguments = [*changed(tiny, ["--checkpoint", name]), "--output", str(tmp_path / "run")]
        with pytest.raises(CheckpointError, match=said):
            finetune.main(arguments)


def test_a_run_with_other_settings_needs_a_new_output(tiny: list[str], tmp_path: Path) -> None:
    arguments = [*changed(tiny, ["--from-scratch"]), "--output", str(tmp_path), "--epochs", "1"]
    finetune.main(arguments)
    with pytest.raises(CheckpointError, match="a run with another seed; choose a new --output"):
        finetune.main([*arguments, "--seed", "9"])


@pytest.fixture(scope="module")
def imperfect(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Path]:
    """A finished run, and the arguments that it was given.

    Its dev set has what the recognizer can't find (an entity within another), what HanLP reads in
    windows, no DATE, and sentences that are trained on.
    """
    folder = tmp_path_factory.mktemp("imperfect")
    train = read_source(tiny[tiny.index("--train") + 1])
    dev = [(text, [one for one in own if one[2] != "DATE"]) for text, own in train[:40]]
    text, own = dev[0]
    dev[0] = (text, [*own, (own[0][0], own[0][0] + 1, "PERSON")])
    dev.append(("王芳在北京工作。" * 70, [(0, 2, "PERSON")]))
    write_examples(folder / "train.jsonl", train)
    write_examples(folder / "dev.jsonl", dev)
    sources = {name: folder / f"{name}.jsonl" for name in ("train", "dev")}
    arguments = changed(tiny, ["--from-scratch"], **sources, finish=sources["train"])
    arguments += ["--lr", "0.01", "--average", "0.5", "--output", str(folder / "run")]
    finetune.main(arguments)
    return arguments, folder


def test_training_and_evaluation_give_the_same_scores(
    imperfect: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    _, folder = imperfect
    scores = json.loads((folder / "run" / "scores.json").read_text(encoding="utf-8"))
    best, dev = str(folder / "run" / "best"), str(folder / "dev.jsonl")
    evaluate.main([best, dev, "--json", "--tracking-uri", ""])
    printed = capsys.readouterr()
    assert json.loads(printed.out) == scores
    assert scores["micro"]["gold"] == sum(len(own) for _, own in read_source(dev))
    assert scores["micro"]["correct"] > 0
    assert "can't be found, and count as missed: 1 overlap another" in printed.err
    assert f"'{dev}', line 1" in printed.err


def test_a_finished_run_is_left_alone_and_corrected_data_need_a_new_one(
    imperfect: tuple[list[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, folder = imperfect
    before = steps(folder / "run")
    finetune.main(arguments)
    printed = capsys.readouterr()
    assert f"'{folder / 'run'}' is finished" in printed.out
    assert "40 of 41 dev sentences" in printed.err
    assert f"'{folder / 'dev.jsonl'}', line 1 is '{folder / 'train.jsonl'}', line 1" in printed.err

    train = folder / "train.jsonl"
    old = train.read_bytes()
    write_examples(train, [*read_source(str(train)), ("鼹鼠在北京", [(3, 5, "LOCATION")])] * 2)
    with pytest.raises(CheckpointError, match=r"train\.jsonl' has changed; choose a new --output"):
        finetune.main(arguments)
    assert steps(folder / "run") == before

    anew = folder / "anew"
    finetune.main([*arguments[:-1], str(anew)])
    assert "is finished" not in capsys.readouterr().out
    assert len(steps(anew)) > len(before)
    train.write_bytes(old)
    finetune.main(arguments)
    assert "is finished" in capsys.readouterr().out
