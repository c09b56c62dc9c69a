"""Training: it resumes, shows what it does, takes hard data, and says what it can't do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModelForCTC

from tests.wav2vec2_asr.training import METHOD, NETWORK, stored, train
from tests.zoo.training import assert_left_alone, losses, resumed
from wav2vec2_asr import finetune
from zoo.building.packaging import ROOT
from zoo.errors import ZooError

SCRIPT = ROOT / "mlflow_models" / "wav2vec2_asr" / "finetune.py"


@pytest.mark.thorough
def test_a_killed_run_goes_on_with_the_same_losses(
    tiny: list[str], whole: Path, tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run, files = resumed(finetune, tiny, whole, tmp_path / "killed", registry)
    assert len(losses(whole)) >= 6
    assert run.data.params["width"] == "16"
    assert {"loss", "eval_cer", "eval_wer", "learning_rate"} <= set(run.data.metrics)
    assert files == {"predictions.tsv", "steps.csv", "ctc_path.txt", "ctc_path.svg"}


def test_a_finished_run_is_left_alone(
    tiny: list[str], whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_left_alone(finetune, tiny, whole, capsys)


def test_a_run_shows_its_predictions_and_a_path(whole: Path) -> None:
    lines = (whole / "predictions.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "reference\thypothesis"
    assert len(lines) == 5
    spoken = {"ดีมากมาก", "ไปไหนมา", "กินข้าว", "นอน"}  # ๆ as it is said
    assert {line.split("\t")[0] for line in lines[1:]} <= spoken
    path = (whole / "ctc_path.txt").read_text(encoding="utf-8").splitlines()
    assert path[0].startswith("step 5, said: ")
    assert path[0].partition("said: ")[2] in spoken
    assert (whole / "ctc_path.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_several_data_sets_are_learnt_from(
    tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = stored(tmp_path / "more", ["ฮา", "", " ", "ฮา ฮา"])
    long = stored(tmp_path / "long", ["ยาว"], seconds=4.0)
    options = f"--from-scratch {NETWORK} --norm group --max-seconds 3 --lr 1e-3".split()
    train(tones, tmp_path / "run", *options, "--train", *map(str, (tones / "train", more, long)))
    said = capsys.readouterr().out
    assert "20 examples of 21 utterances (1 too long)" in said
    labels = json.loads((tmp_path / "run/last/vocab.json").read_text(encoding="utf-8"))
    assert {"ฮ", "ว", "ด"} <= set(labels)


def test_texts_without_a_letter_are_learnt_as_silence(tones: Path, tmp_path: Path) -> None:
    """A batch may have nothing but those; so may the dev set."""
    texts = stored(tmp_path / "texts", ["ดี", *[""] * 15])
    options = f"--from-scratch {NETWORK} --batch-size 1 --max-steps 8 --eval-every 4".split()
    train(tones, tmp_path / "run", *options, train=texts, dev=texts)
    assert np.isfinite(losses(tmp_path / "run")).all()


def test_utterances_of_next_to_nothing_are_taken(tones: Path, tmp_path: Path) -> None:
    """Shorter than a frame, and than what SpecAugment masks; with texts too long for them."""
    short = stored(tmp_path / "short", ["ดีมาก"] * 4, seconds=0.02)
    options = f"--from-scratch {NETWORK} --mask-time-prob 0.5".split()
    train(tones, tmp_path / "run", *options, train=short, dev=short)
    assert np.isfinite(losses(tmp_path / "run")).all()


def test_too_little_memory_is_answered_with_advice(tones: Path, tmp_path: Path) -> None:
    """The process may take 600 MB more than when training begins; a batch needs gigabytes."""
    short_of_memory = (
        "import resource; from pathlib import Path; from wav2vec2_asr import finetune;"
        "from zoo.building import packaging; from zoo.training import records;"
        "pages = lambda: int(Path('/proc/self/statm').read_text().split()[0]);"
        "begin = records.Records.on_train_begin;"
        "records.Records.on_train_begin = lambda *args, **kw: (begin(*args, **kw),"
        "resource.setrlimit(resource.RLIMIT_AS, [pages() * 4096 + 600_000_000] * 2)) and None;"
        "packaging.run(finetune.main)"
    )
    network = NETWORK.replace("--channels 16", "--channels 512")
    options = f"--from-scratch {network} --margin 20 --max-seconds 30 --batch-size 16".split()
    command = [sys.executable, "-c", short_of_memory, *options, "--output", str(tmp_path / "run")]
    command += ["--train", str(tones / "train"), "--dev", str(tones / "test"), "--tracking-uri", ""]
    few = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}  # each thread takes of the 600 MB
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **few}
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert "error: There isn't enough memory: take a smaller --batch-size with" in done.stderr


@pytest.mark.thorough
def test_several_processes_learn_as_one(tones: Path, tmp_path: Path) -> None:
    """Two, on CPUs; layers dropped by chance, whose weights then have no gradient."""
    output = tmp_path / "run"
    command = ["timeout", "300", sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(SCRIPT)]
    command += ["--train", str(tones / "train"), "--dev", str(tones / "test")]
    method = METHOD.replace("--join 0.2", "") + " --layerdrop 0.5 --max-steps 8 --eval-every 4"
    command += f"--from-scratch {NETWORK} {method} --words spaces --batch-size 2".split()
    command += ["--output", str(output), "--tracking-uri", ""]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(losses(output)) == 8
    assert len((output / "predictions.tsv").read_text(encoding="utf-8").splitlines()) == 5
    assert AutoModelForCTC.from_pretrained(output / "best")


def test_what_cannot_be_trained_is_refused(tones: Path, pretrained: Path, tmp_path: Path) -> None:
    scratch = f"--from-scratch {NETWORK}".split()
    refused: list[tuple[list[str], dict[str, Path], str]] = [
        (["--model", "someone/some-model"], {}, "'someone/some-model' not found"),
        (["--model", str(pretrained), "--no-new-vocabulary"], {}, "vocab.json' not found"),
        ([*scratch, "--no-new-vocabulary"], {}, "A model from scratch has no vocabulary"),
        (scratch, {"train": tmp_path}, "has parts; give one of them"),
        (scratch, {"dev": tmp_path / "missing"}, "is not a data set"),
        (scratch, {"train": stored(tmp_path / "mute", ["", " "])}, "no character to learn"),
        ([*scratch, "--max-seconds", "0.2"], {}, "longer than --max-seconds"),
    ]
    for number, (options, sets, sentence) in enumerate(refused):
        with pytest.raises(ZooError, match=sentence):
            train(tones, tmp_path / f"run{number}", *options, **sets)
