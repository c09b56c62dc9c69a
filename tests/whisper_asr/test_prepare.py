"""prepare.py: every layout is read, what can't be learnt from is left out, a kill loses little."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, load_from_disk

from tests.zoo.corpora import RATE, save, tone, write_manifest, write_table
from whisper_asr import prepare
from zoo.errors import ZooError
from zoo.training import dataset


def manifest(directory: Path) -> Path:
    save(directory / "a.flac", tone(1.0, rate=48_000), 48_000)
    save(directory / "sub" / "b.wav", np.stack([tone(1.0)] * 2, axis=1))
    rows = [("a.flac", "今天 天气 很好 。"), ("sub/b.wav", "我們去公園吧,好嗎?")]
    return write_table(directory / "list.csv", ("path", "text"), rows)


def tabbed(directory: Path) -> Path:
    path = manifest(directory)
    table = path.read_text(encoding="utf-8").replace('"', "").replace(",好", "，好")
    path.with_suffix(".tsv").write_text(table.replace(",", "\t"), encoding="utf-8")
    return path.with_suffix(".tsv")


def common_voice(directory: Path) -> Path:
    save(directory / "clips" / "a.mp3", tone(1.0, rate=32_000), 32_000)
    save(directory / "clips" / "b.mp3", tone(1.0, rate=32_000), 32_000)
    rows = [("x", "a.mp3", "今天天气很好。"), ("y", "b.mp3", "我們去公園吧，好嗎？")]
    write_table(directory / "train.tsv", ("client_id", "path", "sentence"), rows)
    return directory


def aishell(directory: Path) -> Path:
    save(directory / "wav" / "train" / "S1" / "A1.wav", tone(1.0))
    save(directory / "wav" / "dev" / "S2" / "A2.wav", tone(1.0))
    table = directory / "transcript" / "aishell_transcript_v0.8.txt"
    table.parent.mkdir()
    lines = ["A1 今天 天气 很 好。", "A2 我們去公園吧， 好嗎？", "A3 没有录音"]
    table.write_text("\n".join(lines), encoding="utf-8")
    return directory


def folder(directory: Path) -> Path:
    for name, text in (("a", "今天天气很好。"), ("b/c", "我們去公園吧，好嗎？")):
        path = save(directory / f"{name}.wav", tone(1.0))
        path.with_suffix(".txt").write_text(text + "\n", encoding="utf-8")
    save(directory / "without_text.wav", tone(1.0))
    return directory


def folder_with_metadata(directory: Path) -> Path:
    path = manifest(directory)
    table = path.read_text(encoding="utf-8").replace("path,", "file_name,")
    (directory / "metadata.csv").write_text(table, encoding="utf-8")
    return directory


@pytest.mark.parametrize(
    "layout", [manifest, tabbed, common_voice, aishell, folder, folder_with_metadata]
)
def test_every_layout_gives_the_same(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    output = tmp_path / "out"
    prepare.main([str(layout(tmp_path / "corpus")), "-o", str(output)])
    data = load_from_disk(str(output))
    assert data["text"][:] == ["今天天气很好。", "我们去公园吧，好吗？"]
    assert data.features["audio"].feature.dtype == "int16"
    for row in data.with_format("numpy", columns=["audio", "duration"]):
        assert row["duration"] == pytest.approx(len(row["audio"]) / RATE)
        assert row["duration"] == pytest.approx(1.0, abs=0.08)  # MP3 pads
        assert np.abs(row["audio"]).max() == pytest.approx(0.3 * 32768, rel=0.1)
    assert not output.with_name("out.part").exists()


def test_what_cannot_be_learnt_from_is_left_out_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal(31 * RATE)
    waves = {
        "good.wav": tone(2.0),
        "long.wav": noise,
        "short.wav": tone(0.1),
        "silent.wav": np.zeros(RATE),
        "quiet.wav": tone(1.0) / 1000,
        "offset.wav": np.full(RATE, -0.5),
        "textless.wav": tone(1.0),
        "punctuation.wav": tone(1.0),
        "babble.wav": tone(1.0),
        "endless.wav": noise[: 29 * RATE],
    }
    for name, wave in waves.items():
        save(tmp_path / name, wave)
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "corrupt.wav").write_bytes(b"RIFF no audio at all")
    texts = dict.fromkeys([*waves, "empty.wav", "corrupt.wav", "missing.wav"], "你好。")
    texts |= {"textless.wav": "  ", "punctuation.wav": "……！"}
    texts |= {"babble.wav": "好" * 100, "endless.wav": "龘" * 290}  # three tokens each
    table = write_table(tmp_path / "list.csv", ("path", "text"), list(texts.items()))
    prepare.main([str(table), "-o", str(tmp_path / "out")])

    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["dropped"] == {
        "too long": 1,
        "too short": 1,
        "silent": 3,
        "no text": 2,
        "too fast": 1,
        "too many tokens": 1,
        "unreadable": 3,
    }
    assert report["kept"] == 1
    assert report["hours"] == pytest.approx(2 / 3600)
    assert report["names"]["unreadable"] == ["empty.wav", "corrupt.wav", "missing.wav"]
    assert (tmp_path / "out" / "durations.png").read_bytes().startswith(b"\x89PNG")
    assert load_from_disk(str(tmp_path / "out"))["name"][:] == ["good.wav"]
    assert "left out, silent: 3 (silent.wav, quiet.wav, offset.wav...)" in capsys.readouterr().out


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "SHARD", 16)


@pytest.mark.usefixtures("small_shards")
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    table = write_manifest(tmp_path / "corpus", 40, seconds=0.4)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    prepare.main([str(table), "-o", str(whole)])

    # the process kills itself, as rudely as can be, in the middle of the second shard
    dying = (
        "import os, signal; from whisper_asr import prepare; from zoo.training import dataset;"
        "dataset.SHARD, clean, count = 16, dataset.clean, iter(range(99));"
        "dataset.clean = lambda *a: (next(count) < 20 or "
        "os.kill(os.getpid(), signal.SIGKILL)) and clean(*a); prepare.main()"
    )
    done = subprocess.run([sys.executable, "-c", dying, str(table), "-o", str(killed)])
    assert done.returncode == -signal.SIGKILL
    assert not killed.exists()
    (tmp_path / "corpus" / "000.wav").unlink()  # the first shard needs it no more
    prepare.main([str(table), "-o", str(killed)])
    assert same(load_from_disk(str(killed)), load_from_disk(str(whole)))


def same(one: Dataset, other: Dataset) -> bool:
    return one.features == other.features and one.to_list() == other.to_list()


@pytest.mark.usefixtures("small_shards")
def test_several_processes_give_the_same(tmp_path: Path) -> None:
    table = write_manifest(tmp_path / "corpus", 40, seconds=0.4)
    for name in ("1", "2"):
        options = ["--jobs", name, "--keep", "speaker"]
        prepare.main([str(table), "-o", str(tmp_path / name), *options])
    assert same(load_from_disk(str(tmp_path / "1")), load_from_disk(str(tmp_path / "2")))


def test_splits_keep_a_speaker_together_and_depend_on_the_seed(tmp_path: Path) -> None:
    table = write_manifest(tmp_path / "corpus", 40)
    shares = ["--dev-share", "0.3", "--test-share", "0.3"]

    def speakers(name: str, *options: str) -> dict[str, list[str]]:
        prepare.main([str(table), "-o", str(tmp_path / name), *shares, *options])
        parts = {path.parent.name: path.parent for path in (tmp_path / name).glob("*/state.json")}
        return {part: load_from_disk(str(path))["speaker"][:] for part, path in parts.items()}

    found = speakers("grouped", "--group", "speaker")
    assert set(found) == {"train", "dev", "test"}
    assert sum(map(len, found.values())) == 40
    sets = [set(names) for names in found.values()]
    assert sum(map(len, sets)) == len(set.union(*sets))
    assert speakers("again", "--group", "speaker") == found
    alone = speakers("alone", "--keep", "speaker")
    assert alone != speakers("other", "--keep", "speaker", "--seed", "2")


def test_text_is_normalised_as_asked(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", tone(2.0))
    text = "这 是 ＡＢＣ 和 2,000 块,对吗? Hello,  World!"
    table = write_table(tmp_path / "list.csv", ("path", "text"), [("a.wav", text)])
    prepare.main([str(table), "-o", str(tmp_path / "out"), "--script", "traditional"])
    (spelt,) = load_from_disk(str(tmp_path / "out"))["text"]
    assert spelt == "這是ABC和2,000塊，對嗎？Hello, World!"
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["changed"] == [[text, spelt]]


MARKED = "<|zh|><|NEUTRAL|>\ufeff今天\u200b天气&nbsp;很好[笑声]<br>，真的(laughter)"


def test_marks_that_nobody_says_are_removed_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in (("a", MARKED), ("b", "第二句（引号里的话）[3]。")):
        save(tmp_path / "in" / f"{name}.wav", tone(2.0))
        mark = "\ufeff" if name == "b" else ""
        (tmp_path / "in" / f"{name}.txt").write_text(mark + text, encoding="utf-8")
    prepare.main([str(tmp_path / "in"), "-o", str(tmp_path / "out")])
    texts = load_from_disk(str(tmp_path / "out"))["text"][:]
    assert texts == ["今天天气很好，真的", "第二句(引号里的话)。"]
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["rules"] == {"tags": 1, "events": 2, "invisible": 1}
    assert "events changed 2" in capsys.readouterr().out
    without = ["--without", "tags", "events", "invisible", "--fastest", "50"]
    prepare.main([str(tmp_path / "in"), "-o", str(tmp_path / "all"), *without])
    assert "<|zh|>" in load_from_disk(str(tmp_path / "all"))["text"][0]


def test_what_is_wrong_with_a_corpus_is_said(tmp_path: Path) -> None:
    table = write_manifest(tmp_path / "corpus", 2)
    (tmp_path / "clips" / "clips").mkdir(parents=True)
    (tmp_path / "nothing").mkdir()
    output = ["-o", str(tmp_path / "out")]
    for arguments, said in (
        ([str(table), "--text-column", "words"], "Column 'words' not found"),
        ([str(tmp_path / "clips")], "has no 'train.tsv'; choose the split"),
        ([str(tmp_path / "nothing")], "no audio file with a transcript"),
        (["./nowhere"], "neither a file, a directory nor a hub's data set"),
        (["someone/some-corpus"], "can't be loaded from the hub: .*check the name"),
        ([str(table), "--longest", "0.1", "--shortest", "0"], "Nothing can be kept: .*too long"),
    ):
        with pytest.raises(ZooError, match=said):
            prepare.main([*arguments, *output])
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(ZooError, match="exists; choose another output"):
        prepare.main([str(table), *output])
