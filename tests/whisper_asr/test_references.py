"""Training scores what evaluate.py scores: whole references, the same windows, the same search."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, load_from_disk

import whisper_asr
from whisper_asr import evaluate, finetune, prepare
from whisper_asr.building import vocabulary
from whisper_asr.training.examples import Seq2SeqExamples, WhisperMixture
from whisper_asr.training.transcribe import unheard

FOLDER = Path(whisper_asr.__file__).parent


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the card's samples; one text ends in a mark that the tokenizer would take out."""
    folder = tmp_path_factory.mktemp("samples")
    (folder / "corpus").mkdir()
    for name in ("bank", "office"):
        for suffix in (".flac", ".txt"):
            shutil.copy(FOLDER / "samples" / f"{name}{suffix}", folder / "corpus")
    text = folder / "corpus" / "bank.txt"
    text.write_text(text.read_text(encoding="utf-8").strip() + "<|zh|>", encoding="utf-8")
    prepare.main([str(folder / "corpus"), "-o", str(folder / "data"), "--without", "tags"])
    return folder / "data"


def test_training_and_evaluation_give_the_same_figure(
    samples: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shortest = min(load_from_disk(str(samples))["duration"])
    given = ["--model", "demo", "--train", str(samples), "--dev", str(samples)]
    given += ["--output", str(tmp_path / "run"), "--tracking-uri", ""]
    still = "--lr 0 --max-steps 1 --eval-every 1 --warmup-steps 0 --batch-size 2 --threads 2"
    window = ["--window-seconds", f"{shortest + 0.01:.2f}"]
    finetune.main([*given, *still.split(), *window, "--export-dtype", "float32"])
    said = capsys.readouterr().out
    trained = re.search(r"best: ([\d.]+)$", said, re.MULTILINE)
    assert trained is not None
    assert "1 too long" in said  # to be learnt from, but not to be scored
    evaluate.main([str(tmp_path / "run/best"), str(samples), "--json", "--tracking-uri", ""])
    scores = json.loads(capsys.readouterr().out)
    assert scores["utterances"] == 2
    assert scores["cer"] > 0  # the mark's letters
    assert float(trained[1]) == pytest.approx(scores["cer"], abs=0.006)
    written = (tmp_path / "run" / "predictions.tsv").read_text(encoding="utf-8")
    assert "<|zh|>" in written
    assert len(written.splitlines()) == 3


def test_what_is_beyond_the_window_is_said() -> None:
    assert unheard([12.0, 30.0]) == ""
    assert unheard([12.0, 31.0, 90.0]).startswith("2 of 3 recordings are longer than 30 s")


def test_a_mark_in_a_transcript_is_text_and_no_command() -> None:
    waves = [np.zeros(16_000, np.int16)] * 2
    texts = ["今天<|endoftext|>天气", "龘" * 250]  # two tokens each
    data = Dataset.from_dict({"audio": waves, "text": texts, "duration": [1.0, 1.0]})
    examples = Seq2SeqExamples(data, vocabulary.tokenizer(), WhisperMixture())
    assert max(examples.ids[0]) < examples.end
    assert examples.cut == 1
    assert sorted(examples.references) == sorted(texts)
