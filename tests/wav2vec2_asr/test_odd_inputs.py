"""Wrong and odd inputs of prepare.py, finetune.py and evaluate.py: a right value, or a sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.wav2vec2_asr.corpora import manifest, rows, run
from tests.wav2vec2_asr.training import stored
from tests.zoo.odd_inputs import refusal
from wav2vec2_asr import evaluate, finetune, ngram, prepare

THAI = "สวัสดีครับ ยินดีที่ได้รู้จัก วันนี้อากาศดีมาก เราไปเดินเล่นกันเถอะ"
EVERYTHING = ["--test-share", "0"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of three recordings, and files for what is beside it."""
    return manifest(tmp_path_factory.mktemp("odd"), 3, [THAI])


READ = {  # name: what is in the file, in which each row is the same
    "cp874.csv": ("path,text\r\n" + f"000.wav,{THAI}\r\n" * 3).encode("cp874"),
    "utf16.csv": ("path\ttext\r\n" + f"000.wav\t{THAI}\r\n" * 3).encode("utf-16"),
    "nulls.jsonl": f'{{"path": "000.wav", "text": "{THAI}", "speaker": null}}\n'.encode() * 3,
}


@pytest.mark.parametrize("name", READ)
def test_a_table_is_read_as_people_have_it(name: str, corpus: Path, tmp_path: Path) -> None:
    corpus.with_name(name).write_bytes(READ[name])
    report = run(corpus.with_name(name), tmp_path / "out", *EVERYTHING)
    assert set(rows(tmp_path / "out")) == {THAI}
    assert (report["rows"], report["kept"], report["copies"]) == (3, 3, 2)


def test_a_group_without_values_is_told(corpus: Path, tmp_path: Path) -> None:
    table = corpus.with_name("speakers.csv")
    lines = ["path,text,speaker", f"000.wav,{THAI},", f"001.wav,{THAI},", f"002.wav,{THAI},s"]
    table.write_text("\n".join(lines), encoding="utf-8")
    report = run(table, tmp_path / "out", "--group", "speaker", "--test-share", "0.34")
    assert report["ungrouped"] == {"speaker": 2}
    assert report["parts"] == {"test": 1, "train": 2}
    assert "2 recordings have no 'speaker'" in report["verdict"]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def decisions(folder: Path, *lines: str) -> list[Any]:
    return ["--decisions", write(folder / "decided.tsv", *lines)]


def predictions(folder: Path, *lines: str) -> list[Any]:
    return ["--predictions", write(folder / "said.csv", *lines), "--words", "spaces"]


def trained(folder: Path, *options: str) -> list[Any]:
    data = stored(folder / "thai", ["ดีมาก", "นอน"])
    given = ["--train", data, "--dev", data, "--output", folder / "run", "--tracking-uri", ""]
    return [*given, *options]


Case = tuple[str, Any, Callable[[Path, Path], list[Any]], list[str]]
# what it is, the command, its arguments by corpus and folder, what the sentence has
CASES: list[Case] = [
    ("a decision cut off", prepare.main,
     lambda c, f: [c, "-o", f / "out", *decisions(f, "abbreviation\tspoken", "จ.")],
     ["decided.tsv", "line 2", "1 cells, not 2"]),
    ("no decisions", prepare.main, lambda c, f: [c, "-o", f / "out", "--decisions", f / "none.tsv"],
     ["none.tsv' not found"]),
    ("shares of all", prepare.main, lambda c, f: [c, "-o", f / "out", "--test-share", "1"],
     ["--test-share"]),
    ("output of another", prepare.main, lambda c, _: [c, "-o", c.parent], ["exists"]),
    ("neither file nor folder", prepare.main, lambda _, f: ["./nowhere", "-o", f / "out"],
     ["./nowhere"]),
    ("a folder without text", prepare.main, lambda c, f: [c.parent, "-o", f / "out"],
     ["no audio file with a transcript"]),
    ("thai as english", prepare.main, lambda c, f: [c, "-o", f / "out", "--language", "en"],
     ["Nothing can be kept", "other script: 3"]),
    ("too short, all", prepare.main, lambda c, f: [c, "-o", f / "out", "--shortest", "9"],
     ["Nothing can be kept", "too short: 3"]),
    ("no checkpoint", finetune.main, lambda _, f: trained(f, "--model", "a/b"), ["'a/b'"]),
    ("no letter to learn", finetune.main,
     lambda _, f: [*trained(f, "--from-scratch"), "--train", stored(f / "mute", ["", " "])],
     ["no character to learn"]),
    ("a share above 1", finetune.main, lambda _, f: trained(f, "--model", "demo", "--join", "1.5"),
     ["--join", "between 0 and 1"]),
    ("a share of unknowns", finetune.main,
     lambda _, f: trained(f, "--model", "demo", "--max-unknown", "10"), ["--max-unknown"]),
    ("speed of nothing", finetune.main,
     lambda _, f: trained(f, "--from-scratch", "--speed", "1"), ["--speed"]),
    ("all too long", finetune.main,
     lambda _, f: trained(f, "--model", "demo", "--max-seconds", "0.1"), ["--max-seconds"]),
    ("neither model nor table", evaluate.main, lambda *_: ["demo"], ["MODEL and DATA"]),
    ("an open quote", evaluate.main,
     lambda _, f: predictions(f, "reference,prediction", 'a b,"a', "b c,b", "d e,d"),
     ["said.csv", "line 2"]),
    ("a cell too many", evaluate.main,
     lambda _, f: predictions(f, "reference,prediction", "a b,a", "b c,b,c"),
     ["said.csv", "line 3", "3 cells, not 2"]),
    ("a duration that is none", evaluate.main,
     lambda _, f: predictions(f, "reference,prediction,duration", "a b,a,long"),
     ["said.csv", "line 2", "duration"]),
    ("no prediction", evaluate.main, lambda _, f: predictions(f, "reference,prediction"),
     ["said.csv", "no predictions"]),
    ("no such column", evaluate.main, lambda _, f: predictions(f, "a,b", "a b,a"),
     ["'reference' not found", "available: a, b"]),
    ("no such device", evaluate.main,
     lambda _, f: ["demo", stored(f / "d", ["ดี"]), "--device", "cuda:99"], ["cuda:99", "cpu"]),
    ("no data", evaluate.main, lambda _, f: ["demo", f / "none"], ["none", "is not a data set"]),
    ("a text cut off", ngram.main,
     lambda _, f: ["build", write(f / "t.csv", "text,n", "ดี,1", "ดี"), "--column", "text",
                   "-o", f / "lm.arpa"],
     ["t.csv", "line 3", "1 cells, not 2"]),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_what_is_wrong_is_said_in_a_sentence(
    case: Case, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, command, given, said = case
    found = refusal(command, given(corpus, tmp_path), capsys)
    assert all(words in found for words in said), found
    assert not (tmp_path / "out").exists()
