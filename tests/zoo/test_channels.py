"""Channels heard apart: which of them, and how their transcripts come together."""

import numpy as np
import pytest

from tests.zoo.sounds import encoded, tone
from zoo.data.audio import SAMPLE_RATE, decode_blocks, survey
from zoo.errors import BadInput
from zoo.speech.apart import MAX_CHANNELS, Split
from zoo.speech.recording import OneChannel
from zoo.speech.transcript import Segment, Speaker, SpokenTurn, Transcript, Word

RNG = np.random.default_rng(1)
NOISES = RNG.normal(0, 0.1, (12, 2 * SAMPLE_RATE))
NOTHING = np.zeros(2 * SAMPLE_RATE)


def file(*channels: np.ndarray, kind: str = "WAV") -> bytes:
    return encoded(np.stack(channels, axis=1), kind=kind)


def test_silent_and_identical_channels_are_found() -> None:
    one, two = NOISES[:2]
    assert survey(file(one, two)) == [None, None]
    assert survey(file(one, one)) == [None, "identical"]
    assert survey(file(one, 0.5 * one, kind="FLAC")) == [None, "identical"]
    assert survey(file(one, -one)) == [None, "identical"]
    assert survey(file(NOTHING, two)) == ["silent", None]
    assert survey(file(one, NOTHING, two, one, one + 0.3 * two, NOTHING)) == [
        None, "silent", None, "identical", None, "silent"]  # fmt: skip
    assert survey(file(NOTHING, NOTHING)) == [None, "silent"]
    assert survey(encoded(one)) == [None]
    # the tones of a caller and of a clerk, one after the other
    early, late = (
        np.concatenate(pair) for pair in ((tone(1), 0 * tone(1)), (0 * tone(1), tone(1)))
    )
    assert survey(file(early, late)) == [None, None]


@pytest.mark.parametrize("count", [2, 3, 6, 8])
def test_each_channel_can_be_taken(count: int) -> None:
    content = file(*NOISES[:count])
    for number in range(count):
        sound = np.concatenate(list(decode_blocks(content, channels=number)))
        assert np.allclose(sound, NOISES[number], atol=1e-3)


def test_what_cant_be_split_is_the_rows_error() -> None:
    for content in (b"", b"no sound at all", file(*NOISES[: MAX_CHANNELS + 1])):
        split = Split(content)
        assert split.sources == []
        assert isinstance(split.merged(iter([])), BadInput)
    failed = Split(file(*NOISES[:2]))
    assert [one.number for one in failed.sources if isinstance(one, OneChannel)] == [0, 1]
    error = BadInput("is damaged")
    assert failed.merged(iter([Transcript("zh", 2.0, []), error])) is error


def part(name: str, seconds: float, text: str, warnings: list[str] | None = None) -> Transcript:
    """A channel's transcript, in which one person speaks twice."""
    segments = [
        Segment(start, start + 1, text, [Word(text, start, start + 1, 1.0, name)], speaker=name)
        for start in (seconds, seconds + 4)
    ]
    return Transcript(
        "zh", 9.0, segments, warnings or [],
        speakers=[Speaker(name, 2.0)],
        turns=[SpokenTurn(one.start, one.end, name) for one in segments],
    )  # fmt: skip


def test_channels_come_together_by_time() -> None:
    split = Split(file(NOISES[0], NOTHING, NOISES[1]))
    merged = split.merged(iter([part("S1", 2.5, "好"), part("S1", 1.0, "喂")]))
    assert isinstance(merged, Transcript)
    record = merged.record()
    assert [(one["channel"], one["speaker"], one["text"]) for one in record["segments"]] == [
        (3, "S1", "喂"), (1, "S2", "好"), (3, "S1", "喂"), (1, "S2", "好")]  # fmt: skip
    assert {one["words"][0]["speaker"] for one in record["segments"]} == {"S1", "S2"}
    assert [(one["speaker"], one["channel"]) for one in record["speakers"]] == [
        ("S1", 3),
        ("S2", 1),
    ]
    assert [one["start"] for one in record["turns"]] == [1.0, 2.5, 5.0, 6.5]
    assert not any(one["overlap"] for one in record["segments"])
    assert record["warnings"] == ["channels_left_out"]
    assert record["channels"] == [
        {"channel": 1}, {"channel": 2, "left_out": "silent"}, {"channel": 3}]  # fmt: skip


def test_who_speaks_over_another_is_told() -> None:
    split = Split(file(*NOISES[:2]))
    merged = split.merged(iter([part("S1", 1.0, "好"), part("S1", 1.5, "喂")]))
    assert isinstance(merged, Transcript)
    assert all(one.overlap for one in merged.segments)


def test_a_silent_side_of_a_call_is_no_warning() -> None:
    def warnings(*codes: list[str]) -> list[str]:
        split = Split(file(*NOISES[: len(codes)]))
        merged = split.merged(iter([Transcript("zh", 2.0, [], one) for one in codes]))
        assert isinstance(merged, Transcript)
        return merged.warnings

    assert warnings(["no_speech"], []) == []
    assert warnings(["no_speech"], ["no_speech"]) == ["no_speech"]
    assert warnings([]) == ["one_channel"]
