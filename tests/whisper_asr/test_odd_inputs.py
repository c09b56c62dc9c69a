"""Wrong and odd inputs of prepare.py, finetune.py and evaluate.py: a right value, or a sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset, load_from_disk

from tests.zoo.corpora import save, tone
from tests.zoo.odd_inputs import refusal
from whisper_asr import evaluate, finetune, prepare
from zoo.training.dataset import features

ROWS = [("a.wav", "今天天气很好，我们去公园。"), ("sub/b.wav", "请给我一杯茶，谢谢你们。")]
LEARNT = ["今天天气很好，我们去公园。", "请给我一杯茶，谢谢你们。"]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings, for tables beside them."""
    folder = tmp_path_factory.mktemp("odd")
    save(folder / "a.wav", tone(1.5, 200))
    save(folder / "sub" / "b.wav", tone(1.5, 300))
    (folder / "list.csv").write_text(table(","), encoding="utf-8")
    return folder


def table(delimiter: str, header: str = "path,text") -> str:
    rows = [header.split(","), *ROWS]
    return "".join(delimiter.join(row) + "\r\n" for row in rows)


def records() -> str:
    """A manifest as NeMo has it."""
    lines = [{"audio_filepath": path, "duration": 1.5, "text": text} for path, text in ROWS]
    return "\n".join(json.dumps(line) for line in lines)


READ = {  # name: what is in the file
    "semicolons.csv": table(";").encode("utf-8-sig"),
    "utf16.tsv": table("\t").encode("utf-16"),
    "gb18030.csv": (table(",") + "c.wav,现在几点了？\r\n" * 20).encode("gb18030"),
    "nemo.jsonl": records().encode(),
    "windows.csv": table(",").replace("sub/b", "sub\\b").encode(),
    "usual.csv": table(",", "file_name,sentence").encode(),
    "blank.csv": table(",").replace("\r\n", "\r\n\r\n").encode(),
    "spaces.csv": table(",").replace("a.wav", " a.wav ").encode(),
}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_people_have_it(name: str, sounds: Path, tmp_path: Path) -> None:
    (sounds / name).write_bytes(READ[name])
    prepare.main([str(sounds / name), "-o", str(tmp_path / "out")])
    assert load_from_disk(str(tmp_path / "out"))["text"][:] == LEARNT


def test_parquet_is_read_as_people_have_it(sounds: Path, tmp_path: Path) -> None:
    """A table of paths; and a copy of a data set, of which some cells are null."""
    Dataset.from_dict({"path": [row[0] for row in ROWS], "text": LEARNT}).to_parquet(
        sounds / "list.parquet"
    )
    prepare.main([str(sounds / "list.parquet"), "-o", str(tmp_path / "one")])
    assert load_from_disk(str(tmp_path / "one"))["text"][:] == LEARNT
    inside = [{"bytes": (sounds / "a.wav").read_bytes(), "path": None}] * 2
    rows = {"audio": [*inside, None], "text": [LEARNT[0], None, "好"], "speaker": [None, "s", "s"]}
    Dataset.from_dict(rows).to_parquet(tmp_path / "hub" / "train.parquet")
    prepare.main([str(tmp_path / "hub"), "-o", str(tmp_path / "two"), "--keep", "speaker"])
    assert load_from_disk(str(tmp_path / "two"))["speaker"][:] == [""]
    report = json.loads((tmp_path / "two" / "report.json").read_text(encoding="utf-8"))
    assert report["dropped"] == {"no text": 1, "unreadable": 1}


# what it is, what is in the file, further arguments, what the sentence has
PREPARE: list[tuple[str, bytes, list[str], list[str]]] = [
    ("an open quote", 'path,text\na.wav,"今天\nsub/b.wav,好\nc.wav,好\n'.encode(), [],
     ["odd.csv", "line 2"]),
    ("nothing", b"", [], ["'path'", "available: none"]),
    ("a header alone", b"path,text\n", [], ["empty"]),
    ("no such column", table(",").encode(), ["--text-column", "words"],
     ["'words'", "available: path, text", "--text-column"]),
    ("two columns of one name", b"path,text,text\na.wav,x,y\n", [], ["more than one", "'text'"]),
    ("no file is there", table(",").replace("wav", "mp3").encode(), [],
     ["None of the 2", "'a.mp3'"]),
    ("rows broken alone", b"path,text\na.wav\nb.wav,x,y\n", [], ["broken line: 2", "line 2"]),
    ("a column of our own", table(",").encode(), ["--keep", "text"], ["--keep text"]),
    ("a group without column", table(",").encode(), ["--group", "speaker"],
     ["'speaker'", "available: path, text"]),
    ("shares of all", table(",").encode(), ["--dev-share", "0.5", "--test-share", "0.5"],
     ["--dev-share"]),
    ("a share below 0", table(",").encode(), ["--dev-share", "-0.5"], ["--dev-share"]),
    ("a share that is no number", table(",").encode(), ["--dev-share", "nan"], ["--dev-share"]),
    ("no process", table(",").encode(), ["--jobs", "0"], ["--jobs", "less than 1"]),
]  # fmt: skip


@pytest.mark.parametrize("case", PREPARE, ids=[case[0] for case in PREPARE])
def test_what_cannot_be_prepared_is_refused(
    case: tuple[str, bytes, list[str], list[str]],
    sounds: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, content, options, said = case
    (sounds / "odd.csv").write_bytes(content)
    found = refusal(prepare.main, [sounds / "odd.csv", "-o", tmp_path / "out", *options], capsys)
    assert all(words in found for words in said), found
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Data sets: a good one, one without a column, an empty one, and one with a wrong ratio."""
    folder = tmp_path_factory.mktemp("stored")
    good = {"audio": [[0] * 16_000] * 2, "text": ["好", "茶"], "duration": [1.0, 1.0]}
    named: dict[str, Any] = {**good, "name": ["a.wav", "b.wav"]}
    made = {
        "good": Dataset.from_dict(named, features=features(())),
        "textless": Dataset.from_dict({"audio": [[0]], "duration": [1.0]}),
        "loud": Dataset.from_dict({**named, "snr": ["10", "loud"]}),
    }
    for name, data in made.items():
        data.save_to_disk(folder / name)
    (folder / "nothing").mkdir()
    return {name: folder / name for name in (*made, "nothing", "missing")}


TRAIN: list[tuple[str, str, str, list[str]]] = [  # data, dev, options, what the sentence has
    ("good", "missing", "", ["missing", "is not a data set"]),
    ("nothing", "good", "", ["nothing", "is not a data set"]),
    ("textless", "good", "", ["'text' not found", "available: audio, duration"]),
    ("good", "good", "--window-seconds 0.5", ["longer than --window-seconds"]),
    ("missing", "missing", "--noise 2", ["--noise", "between 0 and 1"]),
    ("missing", "missing", "--batch-size 0", ["--batch-size", "less than 1"]),
    ("missing", "missing", "--eval-every 0", ["--eval-every", "less than 1"]),
    ("missing", "missing", "--workers -1", ["--workers", "less than 0"]),
    ("missing", "missing", "--epochs nan", ["--epochs", "above 0"]),
]


@pytest.mark.parametrize("case", TRAIN, ids=[f"{c[0]}-{c[1]}-{c[2]}" for c in TRAIN])
def test_what_cannot_be_trained_is_refused(
    case: tuple[str, str, str, list[str]],
    stored: dict[str, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train, dev, options, said = case
    given = ["--from-scratch", "--train", stored[train], "--dev", stored[dev]]
    given += ["--output", tmp_path / "run", "--tracking-uri", "", *options.split()]
    found = refusal(finetune.main, given, capsys)
    assert all(words in found for words in said), found


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has these")
def test_what_only_a_gpu_has_is_refused_before_data_are_read(tmp_path: Path) -> None:
    given = ["--from-scratch", "--train", tmp_path / "none", "--dev", tmp_path / "none"]
    said = refusal(finetune.main, [*given, "--output", tmp_path / "run", "--precision", "fp16"])
    assert "fp16" in said
    assert "GPU" in said
    assert not (tmp_path / "run").exists()
    said = refusal(evaluate.main, ["demo", tmp_path / "none", "--device", "cuda"])
    assert "cuda" in said
    assert "available: cpu" in said


EVALUATE: list[tuple[str, Callable[[dict[str, Path]], list[Any]], list[str]]] = [
    ("no such device", lambda d: ["demo", d["good"], "--device", "tpu9"], ["tpu9", "cpu"]),
    ("no data", lambda d: ["demo", d["missing"]], ["missing", "is not a data set"]),
    ("no checkpoint", lambda d: ["someone/some-whisper", d["good"]], ["'someone/some-whisper'"]),
    ("a ratio that is none", lambda d: ["demo", d["loud"]], ["'b.wav'", "not a number of dB"]),
    ("a beam of none", lambda d: ["demo", d["good"], "--beam-size", "0"], ["--beam-size"]),
]


@pytest.mark.parametrize("case", EVALUATE, ids=[case[0] for case in EVALUATE])
def test_what_cannot_be_evaluated_is_refused(
    case: tuple[str, Callable[[dict[str, Path]], list[Any]], list[str]],
    stored: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, given, said = case
    found = refusal(evaluate.main, [*given(stored), "--tracking-uri", ""], capsys)
    assert all(words in found for words in said), found
