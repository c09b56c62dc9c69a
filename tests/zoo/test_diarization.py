"""The scores of who says what, on recordings of a few seconds whose errors can be counted."""

from pathlib import Path

import pytest

from zoo.errors import ZooError
from zoo.training.diarization import (
    DiarizationCounts,
    SpeakerTurn,
    diarization_errors,
    heard,
    read_references,
    rttm,
    speaker_errors,
)

REFERENCE = [SpeakerTurn(0, 4, "a"), SpeakerTurn(4, 8, "b"), SpeakerTurn(7, 10, "a")]


def test_counts_what_is_missed_confused_and_made_up() -> None:
    """Where two speak, both count; a speaker's name doesn't; nothing is forgiven at the edges."""
    found = [SpeakerTurn(1, 4, "S1"), SpeakerTurn(4, 6, "S2"), SpeakerTurn(6, 11, "S1")]
    errors = diarization_errors(REFERENCE, found, 12)
    assert errors == DiarizationCounts(seconds=11, missed=2, false_alarm=1, confusion=1)
    assert errors.rate == pytest.approx(100 * 4 / 11)


def test_counts_nothing_twice() -> None:
    """Turns of one speaker may overlap; a recording ends where it ends."""
    twice = [*REFERENCE, SpeakerTurn(1, 3, "a"), SpeakerTurn(2, 4, "a")]
    assert diarization_errors(twice, REFERENCE, 12).rate == 0
    assert diarization_errors(REFERENCE, [*REFERENCE, SpeakerTurn(12, 99, "c")], 12).rate == 0


def test_scores_silence() -> None:
    """Nobody to hear, and nobody heard; or somebody."""
    assert diarization_errors([], [], 5).rate == 0
    assert diarization_errors([], [SpeakerTurn(1, 2, "S1")], 5).rate == 100
    assert diarization_errors(REFERENCE, [], 12).rates["missed"] == 100
    assert diarization_errors([], [], 5) + DiarizationCounts(2, 1) == DiarizationCounts(2, 1)


def test_counts_characters_of_the_wrong_speaker() -> None:
    """Speakers are paired as fits best; one too many, and one too few, is wrong throughout."""
    said = [SpeakerTurn(0, 1, "a", "abcd"), SpeakerTurn(1, 2, "b", "xyz"),
            SpeakerTurn(2, 3, "a", "ef")]  # fmt: skip
    same = [SpeakerTurn(2, 3, "S2", "e f"), SpeakerTurn(0, 1, "S2", "abcd"),
            SpeakerTurn(1, 2, "S1", "XYZ")]  # fmt: skip

    def spell(text: str) -> str:
        return text.replace(" ", "").lower()

    errors = speaker_errors(said, same, spell)
    assert (errors.mistakes, errors.length) == (0, 9)
    one = [SpeakerTurn(0, 3, "S1", "abcdxyzef")]
    assert speaker_errors(said, one, spell).mistakes == 3 + 3  # too much of one, nothing of another
    assert speaker_errors([], one, spell).mistakes == 9
    assert speaker_errors(said, [], spell).mistakes == 9
    assert speaker_errors([], [], spell).length == 0


def test_reads_what_it_writes(tmp_path: Path) -> None:
    """An RTTM with lines of other kinds; an STM with labels; a directory of both."""
    (tmp_path / "one.rttm").write_text(
        ";; a comment\nSPKR-INFO call 1 <NA> <NA> <NA> unknown a <NA> <NA>\n\n"
        + rttm("call", REFERENCE)
    )
    (tmp_path / "two.stm").write_text(
        "talk 1 inter_segment_gap 0 1 <o> \ntalk 1 mei 1.5 2.5 <o,f0> 你好 吗\ntalk 1 lin 3 4 好\n"
    )
    (tmp_path / "notes.txt").write_text("nothing of this")
    found = read_references(tmp_path)
    assert found["call"] == REFERENCE
    assert found["talk"] == [
        SpeakerTurn(1.5, 2.5, "mei", "你好 吗"),
        SpeakerTurn(3, 4, "lin", "好"),
    ]
    assert list(read_references(tmp_path / "two.stm")) == ["talk"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.rttm", "SPEAKER call 1 0.5 x <NA> <NA> a <NA> <NA>\n", "line 1"),
        ("a.rttm", ";; only\nSPEAKER call 1 0.5\n", "line 2"),
        ("a.stm", "call 1 mei\n", "line 1"),
        ("a.rttm", ";; empty\n", "a.rttm"),
    ],
)
def test_says_which_line_it_cannot_read(tmp_path: Path, name: str, text: str, said: str) -> None:
    """The file and the line are named."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ZooError, match=said):
        read_references(tmp_path / name)


def test_a_directory_without_references_is_refused(tmp_path: Path) -> None:
    """So is one that isn't there."""
    with pytest.raises(ZooError, match=tmp_path.name):
        read_references(tmp_path)
    with pytest.raises(ZooError, match="nowhere"):
        read_references(tmp_path / "nowhere.rttm")


def test_takes_a_record_apart() -> None:
    """Speakers of two channels are different people, though both are called S1."""
    record = {
        "turns": [
            {"start": 0.0, "end": 1.0, "speaker": "S1", "channel": 1},
            {"start": 1.0, "end": 2.0, "speaker": "S1", "channel": 2},
        ],
        "segments": [{"start": 0.0, "end": 1.0, "text": "hi", "speaker": "S1"}],
    }
    turns, segments = heard(record)
    assert len({turn.speaker for turn in turns}) == 2
    assert segments[0].text == "hi"
    assert heard({"error": "refused"}) == ([], [])
