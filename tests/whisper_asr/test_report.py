"""What prepare.py says of a corpus: every row is counted, copies are told, a page to hear."""

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk

from tests.zoo.corpora import TEXTS, save, tone, write_manifest, write_table
from tests.zoo.odd_inputs import refusal
from whisper_asr import prepare
from zoo.training.stored import sounds


def run(corpus: Path, output: Path, *options: str) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """The report, and the rows of dropped.tsv; the counts add up."""
    prepare.main([str(corpus), "-o", str(output), *options])
    report = json.loads((output / "report.json").read_text(encoding="utf-8"))
    dropped = listed(output / "dropped.tsv")
    assert report["rows"] == report["kept"] + sum(report["dropped"].values())
    assert report["kept"] == sum(report["parts"].values())
    reasons = Counter(row["reason"].replace("no such file", "unreadable") for row in dropped)
    assert reasons == report["dropped"]
    return report, dropped


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def table(folder: Path) -> Path:
    """Four rows, of which one has a cell too many, one too few; and a recording that is missing."""
    for name in "ab":
        save(folder / f"{name}.wav", tone(1.0, 200 + ord(name)))
    rows = ["path,text", "a.wav,今天天气很好。", "a.wav,今天,天气很好。", "b.wav", "c.wav,好吗？"]
    (folder / "list.csv").write_text("\n".join([*rows, "b.wav,现在几点了？"]), encoding="utf-8")
    return folder / "list.csv"


def aishell(folder: Path) -> Path:
    for name in ("A1", "A2", "A4"):
        save(folder / "wav" / "train" / "S1" / f"{name}.wav", tone(1.0, 200 + ord(name[1])))
    text = folder / "transcript" / "aishell_transcript_v0.8.txt"
    text.parent.mkdir()
    text.write_text("A1 今天 天气 很 好\nA2 请 喝茶\n\nA3 没有 录音\n", encoding="utf-8")
    return folder


def timit(folder: Path) -> Path:
    home = folder / "TRAIN" / "DR1" / "FCJF0"
    for name in ("SA1", "SA2", "SX1"):
        save(home / f"{name}.wav", tone(1.0, 200 + 10 * ord(name[2])))
    for name, text in (("SA1", "0 9 Yes please."), ("SA2", "0 9 No."), ("SX7", "0 9 Lost.")):
        (home / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def folder_of_texts(folder: Path) -> Path:
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        save(folder / name, tone(1.0, 200 + 5 * len(name)))
    save(folder / "d.flac", tone(1.0, 300)).rename(folder / "d.snd")  # a suffix that nobody knows
    (folder / "e.amr").write_bytes(b"#!AMR and nothing more")
    for name in ("a", "sub/c", "d", "e", "f"):
        (folder / f"{name}.txt").write_text("今天天气很好。", encoding="utf-8")
    (folder / ".DS_Store").write_bytes(b"a folder's window")
    return folder


def folder_of_a_table(folder: Path) -> Path:
    for name in ("a.wav", "b.wav"):
        save(folder / name, tone(1.0, 200 + ord(name[0])))
    write_table(folder / "metadata.csv", ("file_name", "text"), [("a.wav", "今天天气很好。")])
    return folder


@pytest.mark.parametrize(
    ("layout", "kept", "left_out"),
    [
        (table, 2, {"line 3": "broken line", "line 4": "broken line", "c.wav": "no such file"}),
        (aishell, 2, {"A3": "no recording", "wav/train/S1/A4.wav": "no transcript"}),
        (timit, 2, {"TRAIN/DR1/FCJF0/SX1.wav": "no transcript",
                    "TRAIN/DR1/FCJF0/SX7.txt": "no recording"}),
        (folder_of_texts, 3, {"b.wav": "no transcript", "e.amr": "unreadable",
                              "f.txt": "no recording"}),
        (folder_of_a_table, 1, {"b.wav": "no transcript"}),
    ],
)  # fmt: skip
def test_rows_in_are_rows_kept_and_left_out(
    layout: Callable[[Path], Path], kept: int, left_out: dict[str, str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    report, dropped = run(layout(tmp_path / "corpus"), tmp_path / "out")
    assert report["kept"] == kept
    assert {row["name"]: row["reason"] for row in dropped} == left_out
    said = capsys.readouterr().out
    assert f"{kept + len(left_out)} rows in, {kept} kept, {len(left_out)} left out" in said
    assert "Look first: " in said.splitlines()[-1]


def test_common_voice_counts_the_clips_that_are_missing(tmp_path: Path) -> None:
    save(tmp_path / "cv" / "clips" / "a.mp3", tone(1.0, rate=32_000), 32_000)
    rows = [("x", "a.mp3", "今天天气很好。"), ("y", "b.mp3", "好吗？"), ("z", "a.mp3", "")]
    write_table(tmp_path / "cv" / "train.tsv", ("client_id", "path", "sentence"), rows)
    report, dropped = run(tmp_path / "cv", tmp_path / "out", "--group", "client_id")
    assert (report["rows"], report["kept"], report["missing"]) == (3, 1, 1)
    assert {(row["name"], row["reason"]) for row in dropped} == {
        ("b.mp3", "no such file"),
        ("a.mp3", "no text"),
    }


@pytest.mark.parametrize("options", [(), ("--group", "speaker"), ("--group", "text")])
def test_copies_of_a_sound_are_in_one_part(options: tuple[str, ...], tmp_path: Path) -> None:
    """A table three times over, the second time in another format, the third under other texts."""
    first = write_manifest(tmp_path / "in", 12, [f"第{chr(0x4E00 + n)}句" for n in range(12)])
    rows = [line.split(",") for line in first.read_text(encoding="utf-8").split()[1:]]
    for name, _, _ in rows:
        wave = load(tmp_path / "in" / name)
        save(tmp_path / "in" / "again" / f"{name}.flac", wave)
    again = [(f"again/{name}.flac", text, "") for name, text, _ in rows]
    others = [(name, text + "吗", "other") for name, text, _ in rows[:3]]
    path = write_table(
        tmp_path / "in" / "thrice.csv", ("path", "text", "speaker"), [*rows, *again, *others]
    )
    shares = ["--dev-share", "0.3", "--test-share", "0.3", *options]
    report, _ = run(path, tmp_path / "out", *shares)
    assert report["kept"] == 27
    assert report["copies"] == 15
    assert report["retold"] == [name for name, _, _ in rows[:3]]
    written = [part for part, number in report["parts"].items() if number]
    assert len(written) > 1
    parts = {part: load_from_disk(str(tmp_path / "out" / part)) for part in written}
    heard = [set(sounds(data)) for data in parts.values()]
    assert sum(map(len, heard)) == len(set.union(*heard)) == 12
    copies = listed(tmp_path / "out" / "copies.tsv")
    assert [row["kind"] for row in copies].count("same sound") == 15
    assert ("000.wav", "again/000.wav.flac") in {(row["first"], row["second"]) for row in copies}
    assert {row["part of the first"] for row in copies if row["kind"] == "same sound"} <= set(parts)
    if options == ("--group", "speaker"):
        assert report["ungrouped"] == {"speaker": 12}
        named = [set(filter(None, data["speaker"])) for data in parts.values()]
        assert sum(map(len, named)) == len(set.union(*named))


def load(path: Path) -> Any:
    import soundfile

    return soundfile.read(path, dtype="float32")[0]


def test_equal_texts_of_two_parts_are_told_with_the_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = write_manifest(tmp_path / "in", 40, [*TEXTS, "今天天气很好！"])
    shares = ["--dev-share", "0.3"]
    report, _ = run(corpus, tmp_path / "out", *shares)
    assert report["known"] == {"dev": report["parts"]["dev"]}
    assert report["leaks"]["same text"] > 0
    assert "--group text" in capsys.readouterr().out.splitlines()[-1]
    report, _ = run(corpus, tmp_path / "grouped", *shares, "--group", "text", "--seed", "3")
    assert report["known"] == {"dev": 0}
    assert report["leaks"] == {}
    assert report["groups"] == {"text": 4}  # a mark more or less makes no other text


def test_the_page_has_sounds_to_hear_and_plots(tmp_path: Path) -> None:
    texts = [f"<b>第{chr(0x4E00 + n)}句</b>" for n in range(20)]
    corpus = write_manifest(tmp_path / "in", 20, texts, seconds=9.0)
    shutil.copy(tmp_path / "in" / "000.wav", tmp_path / "in" / "copy.wav")
    with corpus.open("a", encoding="utf-8") as file:
        file.write("copy.wav,第一句,\nbroken\n")
    report, _ = run(corpus, tmp_path / "out", "--without", "tags")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert report["verdict"] in page.replace("&#39;", "'")
    found = re.findall(r'src="data:audio/wav;base64,([^"]+)"', page)
    assert len(found) == 10
    assert all(len(sound) < 400_000 for sound in found)  # eight seconds each
    assert page.count("data:image/") == 2
    assert "&lt;b&gt;" in page  # what people wrote is shown, not run
    assert "<b>" not in page
    assert "http" not in re.sub(r'src="[^"]+"', "", page)
    assert "line 22" not in page or "broken line" in page


@pytest.mark.parametrize(
    ("layout", "column", "value"),
    [(aishell, "speaker", "S1"), (timit, "speaker", "FCJF0"), (folder_of_texts, "folder", ".")],
)
def test_a_layout_without_a_table_has_columns_to_group_by(
    layout: Callable[[Path], Path], column: str, value: str, tmp_path: Path
) -> None:
    options = ["--group", column, "--dev-share", "0.5"]
    report, _ = run(layout(tmp_path / "corpus"), tmp_path / "out", *options)
    parts = [load_from_disk(str(tmp_path / "out" / name))
             for name, number in report["parts"].items() if number]  # fmt: skip
    assert value in {found for part in parts for found in part[column]}
    said = refusal(prepare.main, [tmp_path / "corpus", "-o", tmp_path / "no", "--keep", "age"])
    assert "'age' not found" in said
    assert f"available: {column}" in said
