"""Real base with Resemblyzer's network: a call of two people, on one channel and on two."""

from pathlib import Path

import pytest

from whisper_asr.building.convert import convert
from whisper_asr.engine import Engine
from zoo.building import speakers
from zoo.building.speaker_packing import Packed
from zoo.errors import CheckpointError
from zoo.speech.transcript import Transcript


@pytest.fixture(scope="module")
def engine(real_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    work = tmp_path_factory.mktemp("base")
    convert(real_base, "base", work, "auto")
    try:
        Packed(speakers.find("resemblyzer"), None).write(work)
    except CheckpointError as error:
        pytest.skip(f"The package index doesn't have Resemblyzer: {error}")
    return Engine(work)


def heard(engine: Engine, file: Path, **params: object) -> Transcript:
    (found,) = engine([file], engine.options(language="en", **params))
    assert isinstance(found, Transcript)
    return found


@pytest.mark.parametrize("words", [False, True])
def test_a_call_of_two_people(engine: Engine, shared: Path, words: bool) -> None:
    file = shared / "data/speech/calls/commercial_mono.wav"
    found = heard(engine, file, speakers="auto", word_timestamps=words, beam_size=1)
    assert [one.speaker for one in found.speakers or []] == ["S1", "S2"]
    said = {one.text.strip().lower(): one.speaker for one in found.segments}
    by = {
        name: " ".join(text for text, speaker in said.items() if speaker == name)
        for name in ("S1", "S2")
    }
    assert "which color would you like" in by["S1"]
    assert "buy a chrome" in by["S2"]
    assert "the black one" in by["S2"]
    assert by["S2"].endswith("thank you.")
    for one in found.segments:
        assert (one.words is not None) == words
        assert all(word.speaker == one.speaker for word in one.words or [])


def test_a_channel_for_each_side(engine: Engine, shared: Path) -> None:
    file = shared / "data/speech/calls/two_channel_16k.wav"
    found = heard(engine, file, channels="separate", speakers="1")
    assert {(one.channel, one.speaker) for one in found.segments} == {(1, "S2"), (2, "S1")}
    assert all(one.overlap for one in found.segments)
    texts = {one.channel: one.text for one in found.segments}
    assert "checking account" in texts[1]
    assert "card number" in texts[2]
