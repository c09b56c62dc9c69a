"""prepare.py for Thai and English: layouts, rules, shuffled splits, kills, a page to listen to."""

import base64
import csv
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from datasets import Audio, Dataset, DatasetDict, load_from_disk

from tests.whisper_asr.corpora import RATE, save, tone, write_table
from wav2vec2_asr import prepare
from wav2vec2_asr.training import listen
from zoo.errors import ZooError
from zoo.packaging import ROOT
from zoo.speech import dataset, splits

FSDD = ROOT.parent / "shared" / "data" / "speech" / "fsdd" / "recordings"
TEXTS = [
    "อากาศวันนี้ดีมาก ๆ ครับ",
    "รถไฟออกเวลา 10.30 น. จาก จ.ตาก",
    "ราคา 1,250.50 บาท ลด 50%",
    "สวัสดีครับ ยินดีที่ได้รู้จัก",
]
SPOKEN = [
    "อากาศวันนี้ดีมากมาก ครับ",
    "รถไฟออกเวลา สิบนาฬิกาสามสิบนาที จาก จตาก",
    "ราคา หนึ่งพันสองร้อยห้าสิบบาทห้าสิบสตางค์ ลด ห้าสิบเปอร์เซ็นต์",
    "สวัสดีครับ ยินดีที่ได้รู้จัก",
]


def manifest(directory: Path, count: int, texts: list[str] = TEXTS) -> Path:
    rows = []
    for index in range(count):
        save(directory / f"{index:03}.wav", tone(3.0, 150 + 5 * index))
        rows.append((f"{index:03}.wav", texts[index % len(texts)], f"s{index % 5}"))
    return write_table(directory / "list.csv", ("path", "text", "speaker"), rows)


def run(corpus: Path, output: Path, *options: str) -> dict[str, Any]:
    prepare.main([str(corpus), "-o", str(output), *options])
    report: dict[str, Any] = json.loads((output / "report.json").read_text(encoding="utf-8"))
    return report


def rows(path: Path, column: str = "text") -> list[Any]:
    values: list[Any] = load_from_disk(str(path))[column][:]
    return values


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
        "unicode", "dates", "abbreviations", "symbols", "case", "spaces",
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
    assert set.union(*map(set, parts)) == {f"s{index}" for index in range(5)}
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
        "from zoo.speech import dataset\n"
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
    with pytest.raises(ZooError, match=r"Nothing can be kept: .*'other script': 5"):
        run(table, tmp_path / "english", "--language", "en", "--without", "symbols")


def sphere(path: Path, wave: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, RATE, format="NIST", subtype="PCM_16")
    return path


SENTENCES = {
    "SA1": "0 46797 She had your dark suit in greasy wash water all year.\n",
    "SI648": "0 31334 A sailboat may have a bone in her teeth one minute, and lie still.\n",
    "SX37": "0 24372 Critical equipment needs proper maintenance; don't you agree?\r\n",
}
LEARNT = [
    "she had your dark suit in greasy wash water all year",
    "a sailboat may have a bone in her teeth one minute and lie still",
    "critical equipment needs proper maintenance don't you agree",
]


def ldc(directory: Path, lower: bool = False) -> Path:
    """TIMIT as it came on a CD: NIST SPHERE files called .WAV, transcripts with sample numbers."""
    for part, speaker in (("TRAIN", "FCJF0"), ("TEST", "MDAB0")):
        home = directory / "data" / part / "DR1" / speaker
        for index, (name, text) in enumerate(SENTENCES.items()):
            if part == "TEST" and name == "SX37":
                continue
            sphere(home / f"{name}.WAV", tone(5.0, 150 + 10 * index))
            (home / f"{name}.TXT").write_bytes(text.encode())
            (home / f"{name}.PHN").write_text("0 46797 h#\n")
            (home / f"{name}.WAV.wav").write_bytes(b"what some copies have, without transcript")
    (directory / "README.DOC").write_text("TIMIT")
    if lower:
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rename(path.with_name(path.name.lower()))
    return directory


def test_timit_is_read_as_the_ldc_has_it(tmp_path: Path) -> None:
    for lower in (False, True):
        home = ldc(tmp_path / f"timit{lower}", lower)
        out = tmp_path / f"out{lower}"
        options = ["--language", "en", "--test-share", "0", "--keep", "speaker", "sentence"]
        run(home, out, *options)
        assert sorted(rows(out)) == sorted(LEARNT)
        assert {speaker.upper() for speaker in rows(out, "speaker")} == {"FCJF0"}
        (first,) = [row for row in load_from_disk(str(out)) if row["text"] == LEARNT[0]]
        samples = np.asarray(first["audio"], np.int16)
        assert np.abs(samples / 32768 - tone(5.0, 150)).max() < 1e-4
        run(home, tmp_path / f"test{lower}", *options, "--split", "test")
        assert len(rows(tmp_path / f"test{lower}")) == 2


def saved(table: Dataset, directory: Path) -> Path:
    DatasetDict({"train": table, "test": table.select([0])}).save_to_disk(directory)
    return directory


def parquet(table: Dataset, directory: Path) -> Path:
    (directory / "data").mkdir(parents=True)
    table.to_parquet(directory / "data" / "train-00000-of-00001.parquet")
    table.select([0]).to_parquet(directory / "data" / "test-00000-of-00001.parquet")
    return directory


@pytest.mark.parametrize("copy", [saved, parquet])
def test_timit_is_read_as_the_hub_has_it(
    copy: Callable[[Dataset, Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    home = ldc(tmp_path / "timit") / "data" / "TRAIN" / "DR1" / "FCJF0"
    paths = [home / f"{name}.WAV" for name in SENTENCES]
    texts = [text.split(maxsplit=2)[2].strip() for text in SENTENCES.values()]
    sounds = [{"bytes": path.read_bytes(), "path": path.name} for path in paths]
    table = Dataset.from_dict(
        {"file": [str(path) for path in paths], "audio": sounds, "text": texts}
        | {"speaker_id": ["CJF0"] * 3}
    ).cast_column("audio", Audio(decode=False))
    corpus = copy(table, tmp_path / "timit_asr")
    options = ["--language", "en", "--test-share", "0", "--keep", "speaker_id"]
    run(corpus, tmp_path / "out", *options)
    assert sorted(rows(tmp_path / "out")) == sorted(LEARNT)
    assert rows(tmp_path / "out", "speaker_id") == ["CJF0"] * 3
    run(corpus, tmp_path / "test", *options, "--split", "test")
    assert rows(tmp_path / "test") == LEARNT[:1]
    with pytest.raises(ZooError, match=r"can't be loaded: .*check the name, the split"):
        run(corpus, tmp_path / "none", "--split", "validation")


@pytest.mark.skipif(not FSDD.is_dir(), reason="no FSDD here")
def test_human_speech_is_prepared(tmp_path: Path) -> None:
    words = "zero one two three four".split()
    listed = [(str(FSDD / f"{n}_george_{take}.wav"), words[n]) for n in range(5) for take in (5, 6)]
    table = write_table(tmp_path / "fsdd.tsv", ("path", "text"), listed)
    options = ["--language", "en", "--shortest", "0.2", "--test-share", "0"]
    report = run(table, tmp_path / "out", *options)
    assert report["kept"] == 10
    assert sorted(set(rows(tmp_path / "out"))) == sorted(words)


def test_what_is_wrong_is_said_in_a_sentence(corpus: Path, tmp_path: Path) -> None:
    windows = tmp_path / "windows.csv"
    windows.write_bytes("path,text\na.wav,สวัสดี\n".encode("cp874"))
    nothing = write_table(tmp_path / "nothing.csv", ("path", "text"), [])
    empty = tmp_path / "empty.csv"
    empty.touch()
    speech = str(corpus)
    for arguments, said in (
        ([str(windows)], "windows.csv' has text that isn't UTF-8; .*cp874"),
        ([str(nothing)], "Nothing can be kept: the corpus is empty"),
        ([str(empty)], "empty.csv' has no column 'path'"),
        ([speech, "--decisions", str(tmp_path / "none.tsv")], "none.tsv' can't be read"),
        ([speech, "--decisions", speech], "has no columns 'abbreviation' and 'spoken'"),
        ([speech, "--group", "client_id"], "has no column 'client_id'"),
        ([speech, "--test-share", "1"], "must leave a share for training"),
        ([str(ldc(tmp_path / "timit")), "--keep", "age"], "TIMIT .* has no column 'age'"),
    ):
        with pytest.raises(ZooError, match=said):
            prepare.main([*arguments, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


class Page(HTMLParser):
    """What is on a page: transcripts, sources of sound and pictures."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.sources: dict[str, list[str]] = {"audio": [], "img": []}
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        if tag in self.sources:
            self.sources[tag].append(dict(attrs)["src"] or "")

    def handle_data(self, data: str) -> None:
        if self._within == "p" and data.strip():
            self.texts.append(data)


def test_a_page_lets_a_person_listen(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(corpus, tmp_path / "data")
    page, train = tmp_path / "page.html", tmp_path / "data" / "train"
    listen.main([str(train), "-o", str(page), "--number", "5"])
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=\"(?!data:)|https?://", text)  # nothing from elsewhere
    shown = Page(text)
    data = {sample["name"]: sample for sample in load_from_disk(str(train))}
    names = re.findall(r"<small>(\d+\.wav) ", text)
    assert len(set(names)) == len(shown.texts) == 5
    for name, words, sound, picture in zip(
        names, shown.texts, shown.sources["audio"], shown.sources["img"], strict=True
    ):
        assert words == data[name]["text"]
        wave, rate = soundfile.read(
            io.BytesIO(base64.b64decode(sound.removeprefix("data:audio/flac;base64,"))),
            dtype="int16",
        )
        assert rate == RATE
        assert wave.tolist() == data[name]["audio"]
        assert base64.b64decode(picture.split(",")[1]).startswith(b"\x89PNG")
    listen.main([str(train), "-o", str(page), "--number", "5", "--seed", "2"])
    assert re.findall(r"<small>(\d+\.wav) ", page.read_text(encoding="utf-8")) != names
    assert "page.html: 5 samples" in capsys.readouterr().out
    with pytest.raises(ZooError, match="is no data set"):
        listen.main([str(tmp_path), "-o", str(page)])


def test_transcripts_cannot_break_the_page(tmp_path: Path) -> None:
    text = '<script>alert(1)</script> & "ก" {x}'
    table = manifest(tmp_path / "corpus", 1, [text])
    run(table, tmp_path / "data", "--test-share", "0", "--without", "symbols", "numbers")
    listen.main([str(tmp_path / "data"), "-o", str(tmp_path / "page.html")])
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "".join(Page(page).texts) == text


def test_the_spectrogram_shows_the_pitch() -> None:
    wave = (tone(1.0, 1_000.0) * 32767).astype(np.int16)
    decibel = listen.spectrogram(wave)
    assert decibel.shape[0] == 257
    assert decibel.max() == pytest.approx(0, abs=0.1)
    assert decibel.min() >= -80
    loudest = decibel.mean(axis=1).argmax() * RATE / 512
    assert loudest == pytest.approx(1_000, abs=RATE / 512)
    for length in (0, 1, 100):  # shorter than a frame
        assert np.isfinite(listen.spectrogram(np.zeros(length, np.int16))).all()
