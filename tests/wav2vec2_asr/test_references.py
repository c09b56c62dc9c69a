"""References are whole: training scores what evaluate.py scores, and says what can't be said."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset

import wav2vec2_asr
from tests.wav2vec2_asr.training import NETWORK, stored
from tests.zoo.corpora import tone
from tests.zoo.odd_inputs import refusal
from wav2vec2_asr import evaluate, finetune, prepare
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.unsayable import check, unsayable
from wav2vec2_asr.training.words import Convention
from zoo.errors import ZooError

FOLDER = Path(wav2vec2_asr.__file__).parent
STILL = "--lr 0 --max-steps 1 --eval-every 1 --warmup-steps 0 --batch-size 4 --threads 2".split()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card's samples, of which one text has Latin letters, that the demo lacks."""
    folder = tmp_path_factory.mktemp("samples")
    shutil.copytree(FOLDER / "samples", folder / "corpus")
    text = folder / "corpus" / "coffee.txt"
    text.write_text(text.read_text(encoding="utf-8").strip() + " Latte Eis\n", encoding="utf-8")
    prepare.main([str(folder / "corpus"), "-o", str(folder / "data"), "--test-share", "0"])
    return folder / "data"


def arguments(data: Path, output: Path, *options: str) -> list[str]:
    """A run of one step that learns nothing."""
    given = ["--model", "demo", "--train", str(data), "--dev", str(data), "--output", str(output)]
    return [*given, "--tracking-uri", "", *STILL, *options]


def test_training_and_evaluation_give_the_same_figure(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finetune.main(arguments(samples, tmp_path / "run"))
    said = capsys.readouterr().out
    trained = re.search(r"best: ([\d.]+)$", said, re.MULTILINE)
    evaluate.main([str(tmp_path / "run/best"), str(samples), "--tracking-uri", ""])
    told = capsys.readouterr().out
    scored = re.search(r"CER ([\d.]+) %", told)
    assert trained is not None
    assert scored is not None
    assert trained[1] == scored[1]
    assert float(scored[1]) > 8  # eight letters of a hundred can't be said
    assert "8 of 101 characters (7.9 %)" in told
    assert "8 of 101 characters (7.9 %)" in said
    assert "e 1" in said
    assert "coffee.flac" in said
    assert "3 of 3 dev recordings are in the training set" in said
    written = (tmp_path / "run" / "predictions.tsv").read_text(encoding="utf-8")
    assert "Latte Eis" in written


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_padding_and_batches_change_no_figure(
    norm: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A network of random weights babbles; two recordings are shorter than a frame."""
    seconds, chance = (0.01, 0.02, 0.3, 0.61, 1.9), np.random.default_rng(1)
    waves = [20_000 * tone(length, 150 + 70 * i) for i, length in enumerate(seconds)]
    noisy = [(wave + chance.normal(0, 300, len(wave))).astype(np.int16) for wave in waves]
    texts = ["ดี", "ไป", "กินข้าว", "นอน", "มา ๆ"]
    rows = {"audio": noisy, "text": texts, "duration": [len(wave) / 16_000 for wave in noisy]}
    data = tmp_path / "data"
    Dataset.from_dict(rows).save_to_disk(data)
    given = ["--from-scratch", *NETWORK.split(), "--norm", norm, "--words", "spaces"]
    given += ["--train", str(data), "--dev", str(data), "--output", str(tmp_path / "run")]
    finetune.main([*given, "--tracking-uri", "", *STILL])
    trained = re.search(r"best: ([\d.]+)$", capsys.readouterr().out, re.MULTILINE)
    assert trained is not None
    evaluate.main([str(tmp_path / "run/best"), str(data), "--words", "spaces", "--json",
                   "--tracking-uri", ""])  # fmt: skip
    cer = json.loads(capsys.readouterr().out)["cer"]
    assert cer > 100
    assert float(trained[1]) == pytest.approx(cer, abs=0.006)


def test_texts_that_cannot_be_said_are_refused_with_the_way_out(
    samples: Path, tmp_path: Path
) -> None:
    english = stored(tmp_path / "english", ["hello there", "hello again"])
    said = refusal(finetune.main, arguments(english, tmp_path / "run"))
    assert "english" in said
    assert "20 of 20 characters (100.0 %)" in said
    assert "l 4, e 4" in said or "e 4, l 4" in said
    assert "2 of 2 texts: 0, 1" in said
    assert "--new-vocabulary" in said
    refused = refusal(
        finetune.main, arguments(samples, tmp_path / "strict", "--max-unknown", "0.05")
    )
    assert "8 of 101 characters" in refused


def test_what_cannot_be_said_depends_on_what_counts() -> None:
    labels = Labels(("a", "b", "|", "[UNK]", "[PAD]"), 4, 2, frozenset({3, 4}))
    found = unsayable(["A b|", "ab c"], ["one", "two"], labels, Convention("spaces"))
    assert found.characters == {"A": 1, "|": 1, "c": 1}
    assert (found.rows, found.texts, found.total) == (["one", "two"], 2, 6)
    lower = unsayable(["A b", "ab c"], ["one", "two"], labels, Convention("spaces", lower=True))
    assert lower.characters == {"c": 1}
    assert lower.rows == ["two"]
    assert check("dev", ["a b"], ["one"], labels, Convention("spaces"), 0.1) == ""
    with pytest.raises(ZooError, match=r"'dev': 2 of 2 characters .* --lower takes upper and"):
        check("dev", ["A B"], ["one"], labels, Convention("spaces"), 0.1)
