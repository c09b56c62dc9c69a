"""Real Whisper base on recordings of people: nothing that is said goes missing without a word."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from whisper_asr.building.convert import convert
from whisper_asr.engine import Engine
from whisper_asr.options import Options
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.speech.transcript import Segment, Transcript

FAINT = 0.0008  # the amplitude of a quiet room
CLIPS = {
    "first": "zh_aishell_BAC009S0764W0121.wav",
    "second": "zh_aishell_BAC009S0724W0121.wav",
    "meeting": "zh_wenetspeech_meeting.wav",
}
HOTWORDS = "广州市房地产中介协会"


@pytest.fixture(scope="module")
def engine(real_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    directory = tmp_path_factory.mktemp("base")
    convert(real_base, "base", directory, "auto")
    return Engine(directory)


@pytest.fixture(scope="module")
def speech(shared: Path) -> Path:
    return shared / "data" / "speech"


@pytest.fixture(scope="module")
def clips(speech: Path) -> dict[str, np.ndarray]:
    return {name: decode(speech / "clips" / file) for name, file in CLIPS.items()}


def faint(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (FAINT * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def hear(engine: Engine, sound: np.ndarray, **options: Any) -> Transcript:
    (found,) = engine([sound], Options(beam_size=1, **options))
    assert isinstance(found, Transcript)
    return found


def seconds(sound: np.ndarray) -> float:
    return len(sound) / SAMPLE_RATE


def within(segments: list[Segment], start: float, end: float) -> str:
    """The text of the segments that lie in a clip."""
    return "".join(one.text for one in segments if start <= (one.start + one.end) / 2 <= end)


@pytest.mark.parametrize("pause", [0.6, pytest.param(10.0, marks=pytest.mark.thorough)])
def test_every_clip_of_a_joined_recording_has_its_text(
    engine: Engine, clips: dict[str, np.ndarray], pause: float
) -> None:
    for order in list(itertools.permutations(clips))[::2]:
        parts, places, place = [], [], 0.0
        for name in order:
            parts += [clips[name], faint(pause)]
            places.append((place, place + seconds(clips[name])))
            place += seconds(clips[name]) + pause
        found = hear(engine, np.concatenate(parts))
        assert found.unrecognized == []
        for start, end in places:
            assert len(within(found.segments, start, end)) >= 8
        if pause > 1:  # and no segment lasts over a pause
            for one in found.segments:
                assert any(start - 1 < one.start and one.end < end + 1 for start, end in places)


def test_speech_without_text_is_listed(engine: Engine, clips: dict[str, np.ndarray]) -> None:
    sound = np.concatenate([clips["first"], faint(5), clips["second"]])
    found = hear(engine, sound)
    decoded = engine.decode
    try:  # as if the model heard nothing in the second
        engine.decode = lambda windows, *rest: [  # type: ignore[method-assign]
            [one for one in segments if one.start < 5] for segments in decoded(windows, *rest)
        ]
        ((start, end),) = hear(engine, sound).unrecognized
    finally:
        engine.decode = decoded  # type: ignore[method-assign]
    assert found.unrecognized == []
    assert start == pytest.approx(seconds(clips["first"]) + 5, abs=1)
    assert end == pytest.approx(seconds(sound), abs=1)


@pytest.mark.parametrize("vad", [True, pytest.param(False, marks=pytest.mark.thorough)])
def test_the_language_is_that_of_the_speech(
    engine: Engine, clips: dict[str, np.ndarray], vad: bool
) -> None:
    found = hear(engine, np.concatenate([faint(40), clips["first"]]), language="auto", vad=vad)
    assert found.language == "zh"
    assert (found.record()["language_probability"] or 0) > 0.9
    assert found.text


def test_each_stretch_has_its_language(engine: Engine, speech: Path) -> None:
    sound = decode(speech / "calls" / "en-us_zh-cn.flac")
    found = hear(engine, sound, language="auto", multilingual=True)
    assert [one.language for one in found.segments] == ["en", "zh"] * 3
    assert "library" in found.segments[4].text
    assert "图书馆" in found.segments[5].text


@pytest.mark.thorough
def test_an_answer_in_parts_is_the_plain_one(
    engine: Engine, clips: dict[str, np.ndarray], speech: Path
) -> None:
    call = decode(speech / "calls" / "en-us_zh-cn.flac")
    sound = np.concatenate([clips["first"], faint(20), call, faint(2), clips["meeting"]])
    for way in (
        {},
        {"language": "auto", "multilingual": True, "word_timestamps": True},
        {"vad": False},
    ):
        options = Options(beam_size=1, temperature=(0.0,), **way)
        (plain,) = engine([sound], options)
        assert isinstance(plain, Transcript)
        *events, done = engine.stream(sound, options)
        assert done == ("done", plain.record())
        assert [one for name, one in events if name == "segment"] == done[1]["segments"]


def test_what_a_person_says_stays_whatever_it_is(engine: Engine, speech: Path) -> None:
    found = hear(engine, decode(speech / "calls" / "whatstheweatherlike-mulaw.wav"), language="en")
    assert "weather" in found.text


@pytest.mark.parametrize(
    ("prompt", "vad"),
    [
        ({}, True),
        ({"initial_prompt": "以下是普通话的句子。"}, True),
        ({"hotwords": HOTWORDS, "temperature": [0.0]}, False),
    ],
)
def test_a_hum_says_nothing(engine: Engine, prompt: dict[str, Any], vad: bool) -> None:
    time = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    hum = (0.1 * np.sin(240 * np.pi * time) * (1 + 0.3 * np.sin(6 * np.pi * time))).astype("f4")
    assert hear(engine, hum, vad=vad, **prompt).text == ""


def test_words_of_a_second_are_not_repeated(engine: Engine, speech: Path) -> None:
    for number in range(0, 400, 20):
        word = decode(speech / "words" / f"w{number:03}.mp3")
        found = hear(engine, word, initial_prompt="以下是普通话的句子。")
        assert len(found.text) <= 10


def test_a_short_window_costs_less_and_says_the_same(
    engine: Engine, clips: dict[str, np.ndarray]
) -> None:
    short, full = (
        hear(engine, clips["first"], window=window).text[:6] for window in ("auto", "full")
    )
    assert short == full == "甚至出现交易"
