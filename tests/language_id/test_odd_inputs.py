"""Wrong and odd manifests, and what finetune.py and evaluate.py say of them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from language_id import evaluate, finetune
from language_id.training.manifest import leaks_of, read_manifest
from tests.zoo.corpora import save, tone
from tests.zoo.odd_inputs import refusal

HEADER = "path,language,speaker,split"
GOOD = [f"{name}.wav,{language},s{n},{split}" for n, (name, language, split) in enumerate(
    [("a", "th", "train"), ("b", "zh", "train"), ("c", "th", "dev"), ("d", "zh", "dev"),
     ("e", "th", "test")])]  # fmt: skip


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    for number, name in enumerate("abcde"):
        save(folder / f"{name}.wav", tone(0.6 + 0.1 * number, 200 + 50 * number))
    shutil.copy(folder / "a.wav", folder / "copy.wav")
    (folder / "noise.wav").write_bytes(b"RIFF and nothing more")
    return folder


def write(folder: Path, name: str, *lines: str, header: str = HEADER) -> Path:
    path = folder / name
    path.write_text("\n".join([header, *lines]), encoding="utf-8")
    return path


# what it is, the manifest's rows beside the good ones, further arguments, what the sentence has
TRAIN: list[tuple[str, list[str], list[str], list[str]]] = [
    ("a broken row", ["f.wav,th"], [], ["odd.csv", "line 7", "2 cells, not 4"]),
    ("an open quote", ['"f.wav,th,s,train', "g.wav,th,s,train"], [], ["odd.csv", "line 7"]),
    ("no language", ["a.wav,,s,train"], [], ["odd.csv", "line 7"]),
    ("one language in two cases", ["a.wav,TH,s,train"], [], ["'TH'", "'th'", "line 7"]),
    ("an unknown split", ["a.wav,th,s,all"], [], ["odd.csv", "line 7", "train, dev or test"]),
    ("a file that is missing", ["f.wav,th,s,train", "g.wav,zh,s,dev"], [],
     ["odd.csv', line 7", "f.wav' not found", "2 of 6"]),
    ("a language of dev alone", ["a.wav,en,s,dev"], [], ["'en' not found", "available: th, zh"]),
    ("no recording", ["noise.wav,th,s,train"], ["--examples", "0"], ["--examples"]),
    ("a share above 1", [], ["--dev-share", "3"], ["--dev-share"]),
    ("seconds of none", [], ["--max-seconds", "0"], ["--max-seconds"]),
]  # fmt: skip


@pytest.mark.parametrize("case", TRAIN, ids=[case[0] for case in TRAIN])
def test_what_cannot_be_trained_is_refused(
    case: tuple[str, list[str], list[str], list[str]],
    sounds: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, rows, options, said = case
    table = write(sounds, "odd.csv", *GOOD, *rows)
    given = ["network", "--manifest", table, "--from-scratch", "--output", tmp_path / "run"]
    found = refusal(finetune.main, [*given, "--tracking-uri", "", *options], capsys)
    assert all(words in found for words in said), found


EVALUATE: list[tuple[str, Callable[[Path], list[Any]], list[str]]] = [
    ("no such split", lambda f: [write(f, "n.csv", *GOOD[:4])], ["n.csv", "--split test"]),
    ("no such source", lambda f: [write(f, "n.csv", *GOOD), "--sources", "tv"], ["n.csv"]),
    ("a file that is missing", lambda f: [write(f, "n.csv", "f.wav,th,s,test")],
     ["n.csv', line 2", "not found"]),
    ("no recording", lambda f: [write(f, "n.csv", "noise.wav,th,s,test")], ["noise.wav'"]),
    ("no column", lambda f: [write(f, "n.csv", "a.wav", header="path")], ["'language' not found"]),
    ("no such device", lambda f: [write(f, "n.csv", *GOOD), "--device", "cuda:99"], ["cuda:99"]),
    ("a language that nobody knows", lambda f: [write(f, "n.csv", "a.wav,fr,s,test")],
     ["'fr' not found", "available: en, th, zh"]),
]  # fmt: skip


@pytest.mark.parametrize("case", EVALUATE, ids=[case[0] for case in EVALUATE])
def test_what_cannot_be_evaluated_is_refused(
    case: tuple[str, Callable[[Path], list[Any]], list[str]], sounds: Path
) -> None:
    _, given, said = case
    found = refusal(evaluate.main, ["demo", *given(sounds)])
    assert all(words in found for words in said), found


def test_what_two_splits_share_is_told(sounds: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = ["copy.wav,th,s9,test", "d.wav,zh,s1,test", "b.wav,zh,s1,test"]
    table = write(sounds, "leaks.csv", *GOOD, *rows)
    found = leaks_of(read_manifest(table))
    assert {(leak.kind, Path(leak.first).name, Path(leak.second).name) for leak in found} == {
        ("same speaker", "b.wav", "d.wav"),
        ("same sound", "a.wav", "copy.wav"),
        ("same sound", "b.wav", "b.wav"),
        ("same sound", "d.wav", "d.wav"),
    }
    evaluate.main(["demo", str(table), "--json"])
    scores = json.loads(capsys.readouterr().out)
    assert scores["recordings"] == 4
    assert len(scores["leaks"]) == 4
    evaluate.main(["demo", str(table)])
    assert "Look first: 3 recordings are in two splits" in capsys.readouterr().out


def test_a_manifest_without_splits_is_scored_whole(
    sounds: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write(sounds, "plain.csv", "a.wav,th", " b.wav , zh ", header="path,language")
    evaluate.main(["demo", str(table), "--json"])
    scores = json.loads(capsys.readouterr().out)
    assert (scores["recordings"], scores["leaks"]) == (2, [])
