"""`python -m test_models`, as a person runs it."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_models import calls, test_flowing
from tests.test_models.servers import Flaky, serving
from transcripts.answers import Segment, Speaker, SpokenTurn, Transcript, Word
from transcripts.formats import as_rttm, as_srt, as_text, as_vtt
from transcripts.speakers import renamed
from zoo.building.local_server import free_port
from zoo.building.packaging import ROOT

SAMPLES = ROOT / "mlflow_models" / "whisper_asr" / "samples"
DOCTOR = SAMPLES / "doctor.flac"
NA = ["<NA>", "<NA>"]
SAID = (SAMPLES / "doctor.txt").read_text(encoding="utf-8").strip()


def run(*arguments: object, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """A finished command."""
    command = [sys.executable, "-m", "test_models", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, input=given, cwd=ROOT)


def test_recordings_are_printed(whisper_url: str) -> None:
    done = run("transcribe", DOCTOR, "--url", whisper_url)
    assert (done.returncode, done.stdout) == (0, f"{SAID}\n")
    options = ("--format", "json", "--param", "word_timestamps=true")
    done = run("transcribe", DOCTOR, "--url", whisper_url, *options)
    record = json.loads(done.stdout)
    assert record["text"] == SAID
    assert record["segments"][0]["words"]
    table = run("transcribe", DOCTOR, "--url", whisper_url, "--format", "table").stdout
    assert "0.00-" in table
    assert SAID[:4] in table


def test_the_text_of_a_long_recording_comes_as_it_is_heard(tmp_path: Path) -> None:
    (file := tmp_path / "long.wav").write_bytes(test_flowing.LONG)
    stopped = threading.Event()

    def answer(_: bytes) -> Iterator[bytes]:
        yield from test_flowing.flowing(1, b"")
        stopped.wait(60)
        yield from list(test_flowing.flowing())[2:]

    with serving(Flaky(answer, [])) as url:
        command = [sys.executable, "-m", "test_models", "transcribe", str(file), "--url", url]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as running:
            assert running.stdout
            first = running.stdout.readline()
            running.send_signal(signal.SIGINT)
            rest, said = running.communicate(timeout=60)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
        ) as unread:  # as by `| head -n 1`
            assert unread.stdout
            assert unread.stderr
            unread.stdout.readline()
            unread.stdout.close()
            stopped.set()
            told = unread.stderr.read()
        whole = run("transcribe", file, "--url", url)
    assert running.returncode == 130
    assert (first, rest) == ("第0句\n", "")  # what came stays
    assert len(said.splitlines()) == len(told.splitlines()) == 1
    assert unread.returncode == 1
    assert whole.stdout.splitlines() == ["第0句", "第1句", "第2句", "第3句"]
    assert whole.stderr == ""


def test_what_is_answered_is_written_at_once(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.wav").write_bytes(test_flowing.LONG)
    stopped, asked = threading.Event(), iter((True, False))

    def answer(_: bytes) -> Iterator[bytes]:
        if not next(asked):
            stopped.wait(60)
        yield from test_flowing.flowing()

    out = tmp_path / "out"
    with serving(Flaky(answer, [])) as url:
        command = [sys.executable, "-m", "test_models", "transcribe", "--url", url, "-o", str(out)]
        command += [str(tmp_path / f"{name}.wav") for name in ("first", "second")]
        with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT) as running:
            while not [*out.glob("[!.]*")]:
                assert running.poll() is None
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=60)
        stopped.set()
    assert running.returncode == 130
    (written,) = out.iterdir()
    assert written.read_text(encoding="utf-8").startswith("第0句")


def test_recordings_are_written_and_a_bad_one_is_told(whisper_url: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.flac"
    bad.write_bytes(b"no sound")
    options = ("--url", whisper_url, "-o", tmp_path / "out", "--format", "srt")
    done = run("transcribe", DOCTOR, bad, DOCTOR, *options)
    assert done.returncode == 1
    assert f"{bad}: " in done.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "doctor-2.srt",
        "doctor.srt",
    ]
    assert SAID in (tmp_path / "out" / "doctor.srt").read_text(encoding="utf-8")


def test_a_call_has_names(whisper_url: str, tmp_path: Path) -> None:
    (file := tmp_path / "my call.flac").write_bytes(calls.call("office", "bank"))
    options = ("--url", whisper_url, "--param", "channels=separate", "--rename", "C1=Dr. Li")
    done = run("transcribe", file, *options, "--rename", "C9=Wang", "--format", "vtt")
    assert f"<v Dr. Li>{calls.said('office')}" in done.stdout
    assert f"<v C2>{calls.said('bank')}" in done.stdout
    assert done.returncode == 1  # who isn't in it is told, and the rest is there
    assert "'C9'" in done.stderr
    assert "C1, C2" in done.stderr
    done = run("transcribe", file, *options, "--format", "rttm")
    first, second = (line.split() for line in done.stdout.splitlines())
    assert [*first[:3], *first[5:]] == ["SPEAKER", "my_call", "1", *NA, "Dr._Li", *NA]
    assert [*second[:3], *second[5:]] == ["SPEAKER", "my_call", "2", *NA, "C2", *NA]
    assert float(first[3]) < float(first[4]) <= float(second[3]) + 0.5  # from, for how long


def test_lines_have_entities(zoo_url: str) -> None:
    options = ("--url", zoo_url, "--format", "json")
    done = run("entities", "-", *options, given="我爱中国\n\n原神\n")
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["input"] == "-:1"
    assert first["entities"][0]["text"] == "中国"
    assert second["input"] == "-:3"
    done = run("entities", "-", *options, given="\ufeff我爱中国")
    assert json.loads(done.stdout)["entities"][0]["start"] == 2
    masking = ("--reference-date", "2026-01-01", "--mask", "label")
    done = run("entities", "-", *options, *masking, given="张三，13800138000，去年三月五日\n")
    record = json.loads(done.stdout)
    assert not [one for one in ("张三", "13800138000") if one in done.stdout]
    (date,) = (one for one in record["entities"] if one["type"] == "DATE")
    assert (date["text"], date["normalized"]["value"]) == ("去年三月五日", "2025-03-05")
    assert record["text"][date["start"] : date["end"]] == "去年三月五日"
    assert [one["kind"] for one in record["masked"]] == ["PERSON", "PHONE"]


def test_a_photo_has_a_caption(clip_url: str) -> None:
    photo = ROOT / "mlflow_models" / "clip_caption" / "samples" / "flood.jpg"
    done = run("caption", photo, "--url", clip_url, "--param", "mode=greedy")
    assert done.returncode == 0, done.stderr
    assert "flood" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("transcribe", "missing.wav"), "'missing.wav' can't be read"),
        (("ready",), "can't be reached"),
        (("entities", "missing.txt"), "missing.txt"),
    ],
)
def test_trouble_is_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = run(*arguments, "--url", f"http://127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_long_segments_become_several_captions() -> None:
    words = [Word(text=f"词{number}", start=number, end=number + 0.9) for number in range(20)]
    text = " ".join(word.text for word in words) + "。"
    segment = Segment(start=0, end=20, text=text, words=words)
    blocks = as_srt(Transcript(text=text, segments=[segment])).split("\n\n")
    assert len(blocks) > 2
    shown = [block.splitlines()[2] for block in blocks]
    assert " ".join(shown) == text
    assert blocks[0].splitlines()[:2] == ["1", "00:00:00,000 --> 00:00:06,900"]


def test_subtitles_of_nothing_and_of_markup() -> None:
    assert as_srt(Transcript()) == ""
    assert as_vtt(Transcript()) == "WEBVTT\n"
    one = Segment(start=3725.5, end=3726.0, text="a <b> & c")
    assert "01:02:05.500 --> 01:02:06.000\na &lt;b&gt; &amp; c\n" in as_vtt(
        Transcript(segments=[one])
    )


def test_two_with_one_name_are_one_person() -> None:
    found = Transcript(
        text="How are you? Fine. Thanks. 好的",
        segments=[
            Segment(start=0, end=1, text="How are you?", speaker="S1"),
            Segment(start=1, end=2, text="Fine.", speaker="S2"),
            Segment(start=2, end=3, text="Thanks.", speaker="S3"),
            Segment(start=3, end=4, text="好的", speaker="S3"),
        ],
        speakers=[Speaker(speaker="S1", name="王"), Speaker(speaker="S2"), Speaker(speaker="S3")],
        turns=[SpokenTurn(start=0, end=1, speaker="S1"), SpokenTurn(start=1, end=4, speaker="S3")],
    )
    named = renamed(found, {"S2": "A & B", "S3": "A & B"})
    assert as_text(named) == "王: How are you?\nA & B: Fine. Thanks.好的\n"
    assert "<v A &amp; B>Fine.\n" in as_vtt(named)
    assert "\nA & B: Thanks.\n" in as_srt(named)
    assert as_rttm(named, "x").splitlines() == [
        "SPEAKER x 1 0.000 1.000 <NA> <NA> 王 <NA> <NA>",
        "SPEAKER x 1 1.000 3.000 <NA> <NA> A_&_B <NA> <NA>",
    ]


@pytest.mark.parametrize("options", [("--format", "rttm"), ("--rename", "S1=Wang")])
def test_names_need_speakers(options: tuple[str, str]) -> None:
    done = run("transcribe", DOCTOR, *options)
    assert done.returncode == 2
    assert "--speakers" in done.stderr.splitlines()[-1]
