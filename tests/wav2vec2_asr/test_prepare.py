"""prepare.py for Thai and English: rules, decisions, shuffled splits, kills, bad corpora."""

import csv
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest
from datasets import Dataset, load_from_disk

from tests.wav2vec2_asr.corpora import TEXTS, manifest, rows, run
from tests.zoo.corpora import write_table
from wav2vec2_asr import prepare
from zoo.errors import ZooError
from zoo.training import dataset, splits

SPOKEN = [
    "อากาศวันนี้ดีมากมาก ครับ",
    "รถไฟออกเวลา สิบนาฬิกาสามสิบนาที จาก จตาก",
    "ราคา หนึ่งพันสองร้อยห้าสิบบาทห้าสิบสตางค์ ลด ห้าสิบเปอร์เซ็นต์",
    "สวัสดีครับ ยินดีที่ได้รู้จัก",
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return manifest(tmp_path_factory.mktemp("corpus"), 40)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "SHARD", 8)


def test_rules_are_applied_counted_and_shown(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run(corpus, tmp_path / "out")
    assert set(rows(tmp_path / "out" / "train")) == set(SPOKEN)
    assert report["kept"] == 40
    assert report["hours"] == pytest.approx(40 * 3 / 3600)
    assert report["rules"] == {
        "tags": 0,
        "events": 0,
        "unicode": 0,
        "times": 10,
        "dates": 0,
        "abbreviations": 0,
        "money": 10,
        "numbers": 10,
        "repetition": 10,
        "symbols": 10,
        "spaces": 0,
    }
    assert report["examples"]["repetition"][0] == [TEXTS[0], SPOKEN[0]]
    assert report["examples"]["times"][0][1] == "รถไฟออกเวลา สิบนาฬิกาสามสิบนาที จาก จ.ตาก"
    assert [TEXTS[2], SPOKEN[2]] in report["changed"]
    assert report["characters"]["ม"] == sum(text.count("ม") for text in SPOKEN) * 10
    assert (tmp_path / "out" / "durations.png").read_bytes().startswith(b"\x89PNG")
    drawn = (tmp_path / "out" / "characters.svg").read_text(encoding="utf-8")
    assert ">ม</text>" in drawn
    assert ">\u25cc้</text>" in drawn  # a tone mark stands on a dotted circle
    said = capsys.readouterr().out
    assert f"repetition changed 10: {TEXTS[0]} -> {SPOKEN[0]}" in said
    assert "1 abbreviations are undecided" in said


def test_decisions_of_a_person_are_applied_in_the_next_run(corpus: Path, tmp_path: Path) -> None:
    report = run(corpus, tmp_path / "first")
    assert report["found"] == {"จ.": 10}
    table = (tmp_path / "first" / "abbreviations.tsv").read_text(encoding="utf-8-sig")
    assert table.splitlines()[1] == f"จ.\t10\t\t{TEXTS[1]}"
    decided = tmp_path / "decided.tsv"
    decided.write_text(table.replace("จ.\t10\t\t", "จ.\t10\tจังหวัด\t"), encoding="utf-8")

    report = run(corpus, tmp_path / "second", "--decisions", str(decided), "--undecided", "drop")
    assert report["rules"]["abbreviations"] == 10
    assert "รถไฟออกเวลา สิบนาฬิกาสามสิบนาที จาก จังหวัดตาก" in rows(tmp_path / "second" / "train")
    report = run(corpus, tmp_path / "third", "--undecided", "drop")
    assert report["dropped"] == {"undecided abbreviation": 10}


def test_rules_are_left_out_as_asked(corpus: Path, tmp_path: Path) -> None:
    rules = ["times", "money", "numbers", "repetition"]
    report = run(corpus, tmp_path / "out", "--without", *rules, "--case", "lower")
    assert list(report["rules"]) == [
        "tags", "events", "unicode", "dates", "abbreviations", "symbols", "case", "spaces",
    ]  # fmt: skip
    assert set(rows(tmp_path / "out" / "train")) == {
        "อากาศวันนี้ดีมาก ๆ ครับ",
        "รถไฟออกเวลา 10.30 น จาก จตาก",
        "ราคา 1,250.50 บาท ลด 50",
        SPOKEN[3],
    }


def test_splits_are_shuffled_and_exact(corpus: Path, tmp_path: Path) -> None:
    run(corpus, tmp_path / "a", "--group", "speaker", "--test-share", "0.2", "--dev-share", "0.2")
    parts = [rows(tmp_path / "a" / part, "speaker") for part in ("train", "dev", "test")]
    assert [len(set(part)) for part in parts] == [3, 1, 1]
    assert set.union(*map(set, parts)) == {f"speaker{index}" for index in range(5)}
    run(corpus, tmp_path / "b", "--seed", "2")
    train, test = (rows(tmp_path / "b" / part, "name") for part in ("train", "test"))
    assert (len(train), len(test)) == (36, 4)
    assert sorted(train + test) == [f"{index:03}.wav" for index in range(40)]
    assert train != sorted(train)


def test_splits_are_drawn_by_the_seed() -> None:
    texts = [f"text {index % 70}" for index in range(1_000)]
    data = Dataset.from_dict({"name": list(map(str, range(1_000))), "text": texts})

    def drawn(seed: int, group: str | None = None) -> dict[str, list[str]]:
        parts = splits.shuffled(data, {"dev": 0.05, "test": 0.1}, group, seed)
        return {name: part[group or "name"][:] for name, part in parts.items()}

    first = drawn(1)
    assert {name: len(part) for name, part in first.items()} == {
        "dev": 50,
        "test": 100,
        "train": 850,
    }
    assert sorted(chain(*first.values()), key=int) == data["name"][:]
    assert first == drawn(1) != drawn(2)
    grouped = drawn(1, "text")
    assert sum(len(set(part)) for part in grouped.values()) == 70
    assert 85 <= len(grouped["test"]) <= 115


@pytest.mark.usefixtures("small_shards")
def test_a_run_of_several_processes_survives_a_kill(tmp_path: Path) -> None:
    corpus = manifest(tmp_path / "corpus", 24)
    run(corpus, tmp_path / "whole")
    # The main process kills itself, as rudely as can be, with the second shard in its hands.
    script = tmp_path / "dying.py"
    script.write_text(
        "import os, signal\n"
        "from wav2vec2_asr import prepare\n"
        "from zoo.training import dataset\n"
        "def dying(*args):\n"
        "    for number, shard in enumerate(run(*args)):\n"
        "        if number == 1:\n"
        "            os.kill(os.getpid(), signal.SIGKILL)\n"
        "        yield shard\n"
        "run, dataset._run, dataset.SHARD = dataset._run, dying, 8\n"
        "if __name__ == '__main__':\n"
        "    prepare.main()\n"
    )
    # Its workers have these pipes, too: that they are closed means that the workers have ended.
    done = subprocess.run(
        [sys.executable, str(script), str(corpus), "-o", str(tmp_path / "out"), "--jobs", "2"],
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    (tmp_path / "corpus" / "000.wav").unlink()  # the first shard needs it no more
    prepare.main([str(corpus), "-o", str(tmp_path / "out"), "--jobs", "2"])
    for part in ("train", "test"):
        one, other = (load_from_disk(str(tmp_path / name / part)) for name in ("out", "whole"))
        assert one.to_list() == other.to_list()
    reports = [(tmp_path / name / "report.json").read_text() for name in ("out", "whole")]
    assert reports[0] == reports[1]


def test_missing_files_are_listed_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = manifest(tmp_path / "corpus", 20)
    for index in range(3, 20):
        (tmp_path / "corpus" / f"{index:03}.wav").unlink()
    (tmp_path / "corpus" / "002.wav").write_bytes(b"RIFF and nothing more")
    report = run(table, tmp_path / "out")
    assert (report["kept"], report["missing"], report["dropped"]) == (2, 17, {"unreadable": 18})
    with (tmp_path / "out" / "dropped.tsv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.reader(file, csv.excel_tab))
    assert listed[0] == ["name", "reason"]
    assert listed[1] == ["002.wav", "unreadable"]
    assert listed[2:] == [[f"{index:03}.wav", "no such file"] for index in range(3, 20)]
    assert "17 of them have no file" in capsys.readouterr().out
    for index in range(3):
        (tmp_path / "corpus" / f"{index:03}.wav").unlink()
    with pytest.raises(ZooError, match=r"None of the 20 recordings has a file: '000.wav'"):
        run(table, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_transcripts_in_other_scripts_are_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ["ภาษา 中文 ยาก", "Привет", "ผมใช้ iPhone ครับ", "!!!", "ສະບາຍດີ", "สวัสดี"]
    table = manifest(tmp_path / "corpus", 6, texts)
    report = run(table, tmp_path / "out", "--test-share", "0")
    assert report["dropped"] == {"other script": 3, "no text": 1}
    assert report["foreign"]["中"] == report["foreign"]["р"] == 1
    assert sorted(rows(tmp_path / "out")) == ["ผมใช้ iPhone ครับ", "สวัสดี"]
    assert "of other scripts: " in capsys.readouterr().out
    report = run(table, tmp_path / "all", "--test-share", "0", "--other-scripts", "keep")
    assert "ภาษา 中文 ยาก" in rows(tmp_path / "all")
    with pytest.raises(ZooError, match=r"Nothing can be kept: .*other script: 5"):
        run(table, tmp_path / "english", "--language", "en", "--without", "symbols")


def test_human_speech_is_prepared(shared: Path, tmp_path: Path) -> None:
    spoken = shared / "data/speech/fsdd/recordings"
    words = "zero one two three four".split()
    listed = [
        (str(spoken / f"{n}_george_{take}.wav"), words[n]) for n in range(5) for take in (5, 6)
    ]
    table = write_table(tmp_path / "fsdd.tsv", ("path", "text"), listed)
    options = ["--language", "en", "--shortest", "0.2", "--test-share", "0"]
    report = run(table, tmp_path / "out", *options)
    assert report["kept"] == 10
    assert sorted(set(rows(tmp_path / "out"))) == sorted(words)


def test_what_is_wrong_is_said_in_a_sentence(corpus: Path, tmp_path: Path) -> None:
    windows = tmp_path / "windows.csv"
    windows.write_bytes("path,text\na.wav,สวัสดี\nb.wav,".encode() + b"\xe0\xb8\n")
    nothing = write_table(tmp_path / "nothing.csv", ("path", "text"), [])
    empty = tmp_path / "empty.csv"
    empty.touch()
    speech = str(corpus)
    for arguments, said in (
        ([str(windows)], r"windows.csv' is not UTF-8 \(line 3\)"),
        ([str(nothing)], "Nothing can be kept: the source is empty"),
        ([str(empty)], "Column 'path' or .* not found in '.*empty.csv'; available: none"),
        ([speech, "--decisions", str(tmp_path / "none.tsv")], "none.tsv' not found"),
        ([speech, "--decisions", speech], "Column 'abbreviation' not found"),
        ([speech, "--group", "client_id"], "Column 'client_id' not found"),
        ([speech, "--test-share", "1"], "must leave a share for training"),
    ):
        with pytest.raises(ZooError, match=said):
            prepare.main([*arguments, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
