"""What `evaluate.py --rttm` says of a model's answers, and of what it can't score."""

import argparse
from pathlib import Path

import pytest

from zoo.data.tables import open_table
from zoo.errors import ZooError
from zoo.training import speaker_evaluation as evaluation
from zoo.training.diarization import SpeakerTurn, read_references

REFERENCE = [SpeakerTurn(0, 4, "mei", "你好"), SpeakerTurn(4, 8, "lin", "再见")]
RIGHT = {
    "duration": 9.0,
    "turns": [
        {"start": 0.0, "end": 4.0, "speaker": "S1"},
        {"start": 4.0, "end": 7.0, "speaker": "S2"},
    ],
    "segments": [
        {"start": 0.0, "end": 4.0, "text": "你好", "speaker": "S1"},
        {"start": 4.0, "end": 7.0, "text": "再", "speaker": "S2"},
    ],
}


def test_an_answer_is_scored() -> None:
    """A second of eight is missed, and a character of four."""
    one = evaluation.scored("call", REFERENCE, RIGHT, str)
    assert (one.speakers, one.found) == (2, 2)
    assert one.errors.rate == pytest.approx(100 / 8)
    assert one.characters is not None
    assert one.characters.rate == 25


def test_a_refused_recording_is_missed() -> None:
    """Without a record there is no duration, and nobody is found."""
    one = evaluation.scored("call", REFERENCE, {"error": "is empty"}, str)
    assert (one.found, one.errors.missed, one.errors.seconds) == (0, 8, 8)
    assert one.characters is not None
    assert one.characters.rate == 100


def test_scores_are_kept_with_the_turns(tmp_path: Path) -> None:
    """The table has each recording, and the RTTM what the model heard; cpCER needs the words."""
    silent = [SpeakerTurn(one.start, one.end, one.speaker) for one in REFERENCE]
    ones = [evaluation.scored("call", silent, RIGHT, str)]
    results = {"given": ones, "found": ones}
    text = evaluation.describe(results, 10)
    assert "cpCER" not in text
    evaluation.record(results, tmp_path, text)
    rows = [row for _, row in open_table(tmp_path / "speakers.csv").strict_rows()]
    assert [row["number"] for row in rows] == ["given", "found"]
    assert {(row["speakers"], row["found"], row["der"]) for row in rows} == {("2", "2", "12.50")}
    again = read_references(tmp_path / "number_found.rttm")["call"]
    assert again == [SpeakerTurn(0, 4, "S1"), SpeakerTurn(4, 7, "S2")]


def test_a_recording_is_found_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has no reference is counted; what is missing is named."""
    for name in ("call.wav", "other.flac", "call.txt"):
        (tmp_path / name).write_bytes(b"")
    found = evaluation.recordings(tmp_path, {"call": REFERENCE})
    assert found == {"call": tmp_path / "call.wav"}
    assert "1 of 2" in capsys.readouterr().err
    with pytest.raises(ZooError, match="talk"):
        evaluation.recordings(tmp_path, {"call": REFERENCE, "talk": REFERENCE})
    with pytest.raises(ZooError, match="nowhere"):
        evaluation.recordings(tmp_path / "nowhere", {"call": REFERENCE})


def test_a_checkpoint_is_refused(tmp_path: Path) -> None:
    """Only a saved model has a network for speakers."""
    args = argparse.Namespace(model="demo", data=tmp_path, rttm=tmp_path / "a.rttm")
    with pytest.raises(ZooError, match=r"build\.py --speakers"):
        evaluation.evaluate(args, {}, str)
