"""Training: it resumes, keeps what it should, exports what every reader takes, and refuses."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import AutoModelForCTC, AutoProcessor, Wav2Vec2ForCTC, Wav2Vec2ForPreTraining

from tests.wav2vec2_asr.checkpoints import THAI, write_checkpoint
from tests.whisper_asr.corpora import RATE, save, tone, write_table
from wav2vec2_asr import finetune, prepare
from wav2vec2_asr.convert import convert
from wav2vec2_asr.engine import Acoustic
from zoo.errors import CheckpointError, ZooError
from zoo.packaging import ROOT
from zoo.speech.dataset import features

SCRIPT = ROOT / "mlflow_models" / "wav2vec2_asr" / "finetune.py"
TEXTS = ["ดีมาก ๆ", "ไปไหนมา", "กินข้าว", "นอน"]
NETWORK = "--width 16 --layers 2 --heads 2 --channels 16 16 16 16 16 16 16 --layerdrop 0.2"
METHOD = "--lr 1e-3 --flat-start 3 --margin 0.2 --noise 0.5 --silence 0.1 --join 0.2"
STEPS = "--max-seconds 3 --words spaces --batch-size 2 --accumulate 2 --epochs 2 --warmup-steps 2"
EVERY = "--save-every 2 --eval-every 5"


def manifest(directory: Path, count: int, texts: list[str]) -> Path:
    """Tones with a text each."""
    rows = []
    for index in range(count):
        wave = tone(0.5 + 0.1 * (index % 4), 150 + 60 * (index % 4))
        save(directory / f"{index:03}.wav", wave)
        rows.append((f"{index:03}.wav", texts[index % len(texts)]))
    return write_table(directory / "manifest.csv", ("path", "text"), rows)


def stored(directory: Path, texts: list[str], seconds: float = 0.6) -> Path:
    """A data set in prepare.py's format with what prepare.py would leave out."""
    waves = [(tone(seconds, 200) * 32767).astype(np.int16) for _ in texts]
    names = [str(number) for number in range(len(texts))]
    table = {"audio": waves, "text": texts, "duration": [seconds] * len(texts), "name": names}
    Dataset.from_dict(table, features=features(())).save_to_disk(directory)
    return directory


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What prepare.py makes of 20 tones."""
    folder = tmp_path_factory.mktemp("ctc")
    table = manifest(folder / "recordings", 20, TEXTS)
    options = ["--test-share", "0.2", "--shortest", "0.3"]
    prepare.main([str(table), "-o", str(folder / "data"), *options])
    return folder / "data"


@pytest.fixture(scope="session")
def tiny(data: Path) -> list[str]:
    """Arguments of a training run of a few seconds, but for its output."""
    sets = ["--train", str(data / "train"), "--dev", str(data / "test"), "--from-scratch"]
    return [*sets, *f"{NETWORK} {METHOD} {STEPS} {EVERY}".split()]


@pytest.fixture(scope="session")
def whole(tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    output = tmp_path_factory.mktemp("ctc whole") / "run"
    finetune.main([*tiny, "--output", str(output), "--tracking-uri", ""])
    return output


@pytest.fixture(scope="session")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint with a head, whose tokenizer has labels beyond it, as airesearch's."""
    checkpoint = write_checkpoint(tmp_path_factory.mktemp("tuned") / "checkpoint")
    most = len(THAI) + 3
    added = json.dumps({"<s>": most, "</s>": most + 1})
    (checkpoint / "added_tokens.json").write_text(added, encoding="utf-8")
    return checkpoint


@pytest.fixture(scope="session")
def pretrained(tuned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint as facebook/wav2vec2-large-xlsr-53: of pretraining, without head and labels."""
    directory = tmp_path_factory.mktemp("pretrained") / "checkpoint"
    config = Wav2Vec2ForCTC.from_pretrained(tuned).config
    config.num_codevectors_per_group, config.codevector_dim, config.proj_codevector_dim = 8, 16, 16
    torch.manual_seed(2)
    Wav2Vec2ForPreTraining(config).save_pretrained(directory)
    shutil.copy(tuned / "preprocessor_config.json", directory)
    return directory


def losses(output: Path) -> list[float]:
    with (output / "steps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, len(rows) + 1))
    return [float(row["loss"]) for row in rows]


def train(data: Path, output: Path, *options: str, **sets: Path) -> dict[str, torch.Tensor]:
    """A run of a step or two; returns the last weights."""
    train, dev = sets.get("train", data / "train"), sets.get("dev", data / "test")
    usual = "--words spaces --batch-size 4 --max-steps 2 --warmup-steps 0 --eval-every 2".split()
    given = ["--train", str(train), "--dev", str(dev), "--output", str(output)]
    finetune.main([*given, "--tracking-uri", "", *usual, *options])
    weights: dict[str, torch.Tensor] = load_file(output / "last" / "model.safetensors")
    return weights


def test_a_killed_run_goes_on_with_the_same_losses(
    tiny: list[str], whole: Path, tmp_path: Path, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    monkeypatch.chdir(tmp_path)
    assert len(losses(whole)) >= 6
    killed = tmp_path / "killed"
    arguments = [*tiny, "--output", str(killed), "--experiment", "ctc killed", "--tracking-uri"]
    # the process kills itself, as rudely as can be, after the third step
    dying = (
        "import os, signal; from wav2vec2_asr import finetune; "
        "from zoo.speech import records; on_step_end = records.Records.on_step_end;"
        "records.Records.on_step_end = lambda self, args, state, *rest, **kw: ("
        "on_step_end(self, args, state, *rest, **kw),"
        "state.global_step == 3 and os.kill(os.getpid(), signal.SIGKILL)) and None; "
        "finetune.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", dying, *arguments, registry], capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(losses(killed)) == 3
    assert (killed / "checkpoint-2").is_dir()
    (killed / "checkpoint-4").mkdir()  # as a kill amid saving leaves it
    finetune.main([*arguments, registry])

    assert losses(killed) == pytest.approx(losses(whole), abs=1e-6)
    for name in ("best", "last"):
        weights = [(run / name / "model.safetensors").read_bytes() for run in (whole, killed)]
        assert weights[0] == weights[1]
    client = MlflowClient(registry)
    place = client.get_experiment_by_name("ctc killed")
    (run,) = client.search_runs([place.experiment_id])
    assert run.data.params["width"] == "16"
    assert {"loss", "eval_cer", "eval_wer", "learning_rate"} <= set(run.data.metrics)
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"predictions.tsv", "steps.csv", "ctc_path.txt", "ctc_path.svg"}


def test_a_finished_run_is_left_alone(
    tiny: list[str], whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = losses(whole)
    finetune.main([*tiny, "--output", str(whole), "--tracking-uri", ""])
    assert "is finished" in capsys.readouterr().out
    assert losses(whole) == before


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


def test_the_checkpoint_is_in_the_published_format(whole: Path, tmp_path: Path) -> None:
    for name in ("best", "last"):
        assert {path.name for path in (whole / name).iterdir()} >= {
            "config.json",
            "model.safetensors",
            "preprocessor_config.json",
            "tokenizer_config.json",
            "vocab.json",
        }
        labels = json.loads((whole / name / "vocab.json").read_text(encoding="utf-8"))
        spoken = sorted({*"ดีมากไปไหนมากินข้าวนอน|"})
        assert sorted(labels, key=labels.__getitem__) == [*spoken, "[UNK]", "[PAD]"]
        assert sorted(labels.values()) == list(range(len(labels)))
    model, report = AutoModelForCTC.from_pretrained(whole / "best", output_loading_info=True)
    assert not any(report[problem] for problem in ("missing_keys", "unexpected_keys"))
    processor = AutoProcessor.from_pretrained(whole / "best")
    assert processor.feature_extractor.do_normalize
    assert processor.feature_extractor.sampling_rate == RATE
    assert model.config.vocab_size == len(processor.tokenizer) == len(labels)
    assert model.config.pad_token_id == processor.tokenizer.pad_token_id == labels["[PAD]"]
    assert processor.tokenizer.decode(processor.tokenizer("กิน ข้าว").input_ids) == "กิน ข้าว"
    wave = tone(1.0)
    with torch.inference_mode():
        made = processor(wave, sampling_rate=RATE, return_tensors="pt")
        expected = model.eval()(**made).logits[0].numpy()
    convert(whole / "best", tmp_path)
    (found,) = Acoustic(tmp_path)([wave])
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("stray", [False, True])
def test_a_pretrained_model_gets_a_head_and_keeps_its_features(
    data: Path, pretrained: Path, tuned: Path, tmp_path: Path, stray: bool
) -> None:
    """`stray`: as facebook/wav2vec2-base, which has a vocabulary of letters but no head."""
    checkpoint = shutil.copytree(pretrained, tmp_path / "checkpoint")
    if stray:
        shutil.copy(tuned / "vocab.json", checkpoint)
        options = ["--precision", "bf16", "--no-gradient-checkpointing"]
    else:  # as it was published
        state = load_file(checkpoint / "model.safetensors")
        torch.save(state, checkpoint / "pytorch_model.bin")
        (checkpoint / "model.safetensors").unlink()
        options = ["--mask-time-prob", "0.4"]
    after = train(data, tmp_path / "run", "--model", str(checkpoint), "--lr", "1e-2", *options)
    before = load_file(pretrained / "model.safetensors")
    kept = {name for name in after if ".feature_extractor." in name}
    assert len(kept) > 20
    for name in kept:
        assert after[name].equal(before[name]), name
    changed = {n for n in before if n in after and not after[n].equal(before[n])}
    assert {name.split(".")[1] for name in changed} >= {"encoder", "feature_projection"}
    labels = json.loads((tmp_path / "run/last/vocab.json").read_text(encoding="utf-8"))
    assert "ด" in labels
    assert "a" not in labels
    assert len(after["lm_head.weight"]) == len(labels)


def test_the_features_are_trained_where_it_is_asked_for(
    data: Path, pretrained: Path, tmp_path: Path
) -> None:
    options = ("--model", str(pretrained), "--lr", "1e-2", "--no-freeze-features")
    after = train(data, tmp_path / "run", *options)
    before = load_file(pretrained / "model.safetensors")
    name = "wav2vec2.feature_extractor.conv_layers.0.conv.weight"
    assert not after[name].equal(before[name])


def test_a_finetuned_model_keeps_its_head_and_its_labels(
    data: Path, tuned: Path, tmp_path: Path
) -> None:
    after = train(data, tmp_path / "run", "--model", str(tuned), "--lr", "0")
    before = load_file(tuned / "model.safetensors")
    assert after.keys() == before.keys()
    assert all(after[name].equal(before[name]) for name in after)
    for name in ("vocab.json", "tokenizer_config.json"):
        assert (tmp_path / "run/last" / name).read_bytes() == (tuned / name).read_bytes()
    (tmp_path / "engine").mkdir()
    convert(tmp_path / "run/last", tmp_path / "engine")


def test_new_labels_get_a_new_head_even_if_they_are_as_many(
    data: Path, whole: Path, tmp_path: Path
) -> None:
    """Or each would begin as some other letter."""
    options = ("--model", str(whole / "last"), "--new-vocabulary", "--lr", "0")
    after = train(data, tmp_path / "run", *options)
    before = load_file(whole / "last" / "model.safetensors")
    assert after["lm_head.weight"].shape == before["lm_head.weight"].shape
    for name in after:
        assert after[name].equal(before[name]) != name.startswith("lm_head"), name


def test_several_data_sets_are_learnt_from(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = stored(tmp_path / "more", ["ฮา", "", " ", "ฮา ฮา"])
    long = stored(tmp_path / "long", ["ยาว"], seconds=4.0)
    options = f"--from-scratch {NETWORK} --norm group --max-seconds 3 --lr 1e-3".split()
    train(data, tmp_path / "run", *options, "--train", *map(str, (data / "train", more, long)))
    said = capsys.readouterr().out
    assert "20 examples of 21 utterances (1 too long)" in said
    labels = json.loads((tmp_path / "run/last/vocab.json").read_text(encoding="utf-8"))
    assert {"ฮ", "ว", "ด"} <= set(labels)


def test_texts_without_a_letter_are_learnt_as_silence(data: Path, tmp_path: Path) -> None:
    """A batch may have nothing but those; so may the dev set."""
    texts = stored(tmp_path / "texts", ["ดี", *[""] * 15])
    options = f"--from-scratch {NETWORK} --batch-size 1 --max-steps 8 --eval-every 4".split()
    train(data, tmp_path / "run", *options, train=texts, dev=texts)
    assert np.isfinite(losses(tmp_path / "run")).all()


def test_utterances_of_next_to_nothing_are_taken(data: Path, tmp_path: Path) -> None:
    """Shorter than a frame, and than what SpecAugment masks; with texts too long for them."""
    short = stored(tmp_path / "short", ["ดีมาก"] * 4, seconds=0.02)
    options = f"--from-scratch {NETWORK} --mask-time-prob 0.5".split()
    train(data, tmp_path / "run", *options, train=short, dev=short)
    assert np.isfinite(losses(tmp_path / "run")).all()


def test_too_little_memory_is_answered_with_advice(data: Path, tmp_path: Path) -> None:
    """The process may take 600 MB more than when training begins; a batch needs gigabytes."""
    short_of_memory = (
        "import resource; from pathlib import Path; from wav2vec2_asr import finetune;"
        "from zoo import packaging; from zoo.speech import records;"
        "pages = lambda: int(Path('/proc/self/statm').read_text().split()[0]);"
        "begin = records.Records.on_train_begin;"
        "records.Records.on_train_begin = lambda *args, **kw: (begin(*args, **kw),"
        "resource.setrlimit(resource.RLIMIT_AS, [pages() * 4096 + 600_000_000] * 2)) and None;"
        "packaging.run(finetune.main)"
    )
    network = NETWORK.replace("--channels 16", "--channels 512")
    options = f"--from-scratch {network} --margin 20 --max-seconds 30 --batch-size 16".split()
    command = [sys.executable, "-c", short_of_memory, *options, "--output", str(tmp_path / "run")]
    command += ["--train", str(data / "train"), "--dev", str(data / "test"), "--tracking-uri", ""]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    assert "error: There isn't enough memory: take a smaller --batch-size with" in done.stderr


def test_several_processes_learn_as_one(data: Path, tmp_path: Path) -> None:
    """Two, on CPUs; layers dropped by chance, whose weights then have no gradient."""
    output = tmp_path / "run"
    command = ["timeout", "300", sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(SCRIPT)]
    command += ["--train", str(data / "train"), "--dev", str(data / "test")]
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


def spoilt(checkpoint: Path, directory: Path, spoil: Callable[[Path], Any]) -> Path:
    shutil.copytree(checkpoint, directory)
    spoil(directory)
    return directory


def changed(directory: Path, **changes: Any) -> None:
    config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    (directory / "config.json").write_text(json.dumps({**config, **changes}), encoding="utf-8")


def lose_labels(directory: Path) -> None:
    labels = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    few = dict(list(labels.items())[:-2])
    (directory / "vocab.json").write_text(json.dumps(few), encoding="utf-8")


def cut_weights(directory: Path) -> None:
    content = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(content[: len(content) // 2])


BROKEN: list[tuple[Callable[[Path], Any], str]] = [
    (lambda d: changed(d, model_type="hubert"), "of the kind 'hubert', not 'wav2vec2'"),
    (lambda d: changed(d, num_hidden_layers=3), "lacks the weights 'wav2vec2.encoder.layers.2"),
    (lambda d: (d / "config.json").unlink(), "config.json' is missing"),
    (cut_weights, "can't be loaded"),
    (lose_labels, "labels, but the model has"),
    (lambda d: (d / "vocab.json").write_text("{}"), "has 0 labels"),
]


@pytest.mark.parametrize(("spoil", "sentence"), BROKEN)
def test_what_is_no_checkpoint_is_refused(
    data: Path, tuned: Path, tmp_path: Path, spoil: Any, sentence: str
) -> None:
    checkpoint = spoilt(tuned, tmp_path / "checkpoint", spoil)
    with pytest.raises(CheckpointError, match=sentence):
        train(data, tmp_path / "run", "--model", str(checkpoint))


def test_what_cannot_be_trained_is_refused(
    tiny: list[str], data: Path, whole: Path, pretrained: Path, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match="a run with another seed; choose a new --output"):
        finetune.main([*tiny, "--output", str(whole), "--tracking-uri", "", "--seed", "9"])
    scratch = f"--from-scratch {NETWORK}".split()
    refused: list[tuple[list[str], dict[str, Path], str]] = [
        (["--model", "someone/some-model"], {}, "neither a directory nor a checkpoint"),
        (["--model", str(pretrained), "--no-new-vocabulary"], {}, "vocab.json' is missing"),
        ([*scratch, "--no-new-vocabulary"], {}, "A model from scratch has no vocabulary"),
        (scratch, {"train": tmp_path}, "is no data set"),
        (scratch, {"dev": tmp_path / "missing"}, "is no data set"),
        (scratch, {"train": stored(tmp_path / "mute", ["", " "])}, "no character to learn"),
        ([*scratch, "--max-seconds", "0.2"], {}, "longer than --max-seconds"),
    ]
    for number, (options, sets, sentence) in enumerate(refused):
        with pytest.raises(ZooError, match=sentence):
            train(data, tmp_path / f"run{number}", *options, **sets)
