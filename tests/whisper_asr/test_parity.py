"""The same text and times as openai-whisper's on the same weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.whisper_asr.checkpoints import write_openai
from tests.whisper_asr.reference import Reference, for_openai
from whisper_asr.building.convert import convert
from whisper_asr.engine import Engine
from whisper_asr.options import Options
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.errors import OutOfMemory
from zoo.speech.transcript import Segment, Transcript
from zoo.speech.windows import Window

FOLDER = ROOT / "mlflow_models/whisper_asr"
SAMPLES = sorted((FOLDER / "samples").glob("*.flac"))
PAUSE = np.zeros(2 * SAMPLE_RATE, np.float32)


@dataclass
class Pair:
    ours: Engine
    reference: Reference


def asked(**options: Any) -> Options:
    """The reference's own arithmetic, and nothing that is drawn by chance."""
    return Options(temperature=(0.0,), script="as_is", window="full", **options)


def pair_of(checkpoint: Path, work: Path) -> Pair:
    (work / "ours").mkdir()
    convert(checkpoint, str(checkpoint), work / "ours", "float32")
    return Pair(Engine(work / "ours"), Reference(for_openai(checkpoint, work / "openai")))


@pytest.fixture(
    scope="module", params=["random weights", pytest.param("demo", marks=pytest.mark.thorough)]
)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Both engines on one checkpoint, in single precision."""
    work = tmp_path_factory.mktemp("parity")
    checkpoint = FOLDER / "demo"
    if request.param == "random weights":  # nothing to hear: one wrong digit changes the text
        checkpoint = write_openai(work / "random.pt")
    return pair_of(checkpoint, work)


@pytest.fixture(scope="module")
def base_pair(real_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Both engines on OpenAI's base."""
    return pair_of(real_base, tmp_path_factory.mktemp("base"))


@pytest.fixture(params=["person", "zh_aishell_BAC009S0724W0121.wav", "en_jfk.mp3"])
def human(request: pytest.FixtureRequest) -> Path:
    """Recordings of people; the first is a sample."""
    if request.param == "person":
        return FOLDER / "samples" / "people" / "person.flac"
    clips: Path = request.getfixturevalue("shared") / "data" / "speech" / "clips"
    return clips / request.param


def recording(kind: str) -> np.ndarray:
    sounds = [decode(path) for path in SAMPLES]
    if kind == "one sentence":
        return sounds[0]
    joined = [part for sound in sounds for part in (sound, PAUSE)]
    return np.concatenate(joined * (1 if kind == "one window" else 3))


def texts(outcomes: list[Transcript | Exception]) -> list[str]:
    return [one.text for one in outcomes if isinstance(one, Transcript)]


@pytest.mark.parametrize(
    ("kind", "beam_size", "timestamps", "vad"),
    [
        ("one sentence", 1, True, False),
        ("one sentence", 5, False, True),
        ("one window", 1, False, False),
        ("one window", 5, True, True),
        ("long", 1, True, False),
        ("long", 1, True, True),
    ],
)
def test_the_text_is_openai_whispers(
    pair: Pair, kind: str, beam_size: int, timestamps: bool, vad: bool
) -> None:
    options = asked(beam_size=beam_size, timestamps=timestamps, vad=vad)
    (ours,), (theirs,) = (
        engine([recording(kind)], options) for engine in (pair.ours, pair.reference)
    )
    assert not isinstance(ours, Exception)
    assert not isinstance(theirs, Exception)
    assert ours.text == theirs.text
    assert len(ours.segments) == len(theirs.segments)
    for mine, its in zip(ours.segments, theirs.segments, strict=True):
        assert mine.start == pytest.approx(its.start, abs=0.011)
        assert mine.end == pytest.approx(its.end, abs=0.011)
        assert mine.scores["avg_logprob"] == pytest.approx(its.scores["avg_logprob"], abs=1e-3)


@pytest.mark.parametrize("beam_size", [1, pytest.param(5, marks=pytest.mark.thorough)])
def test_people_are_heard_as_by_openai_whisper(
    base_pair: Pair, human: Path, beam_size: int
) -> None:
    language = "en" if human.name.startswith("en_") else "zh"
    options = asked(beam_size=beam_size, vad=False, language=language)
    engines = (base_pair.ours, base_pair.reference)
    (ours, theirs) = (texts(engine([decode(human)], options)) for engine in engines)
    assert ours == theirs != [""]


@pytest.mark.parametrize(
    "said", ["CUDA failed with error out of memory", "CUBLAS_STATUS_ALLOC_FAILED"]
)
def test_a_batch_that_memory_is_too_small_for_is_halved(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    sources = [recording("one sentence"), recording("one window"), *map(decode, SAMPLES)]
    options = Options(beam_size=1, temperature=(0.0,), batch_size=8)
    expected = texts(pair.ours(sources, options))
    tried, decode_all = [], pair.ours.decode

    def decode_three(windows: list[Window], language: str, asked: Options) -> list[list[Segment]]:
        tried.append(len(windows))
        if len(windows) > 3:
            raise RuntimeError(said)
        return decode_all(windows, language, asked)

    monkeypatch.setattr(pair.ours, "decode", decode_three)
    assert texts(pair.ours(sources, options)) == expected
    assert len(expected) == len(sources)
    assert tried == [5, 2, 3]


def test_a_window_that_memory_is_too_small_for_is_refused(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA failed with error out of memory")

    monkeypatch.setattr(pair.ours, "decode", fail)
    (found,) = pair.ours([recording("one sentence")], Options())
    assert isinstance(found, OutOfMemory)


def test_words_have_openai_whispers_times(pair: Pair) -> None:
    options = asked(word_timestamps=True, vad=False, beam_size=1)
    (ours,), (theirs,) = (
        engine([recording("one sentence")], options) for engine in (pair.ours, pair.reference)
    )
    assert not isinstance(ours, Exception)
    assert not isinstance(theirs, Exception)
    mine = [word for one in ours.segments for word in one.words or []]
    its = [word for one in theirs.segments for word in one.words or []]
    assert [word.text for word in mine] == [word.text for word in its]
    assert [word.start for word in mine] == pytest.approx([word.start for word in its], abs=0.05)


def test_the_language_is_heard_alike(pair: Pair) -> None:
    for path in SAMPLES:
        sound = decode(path)
        (ours, probability), (theirs, its) = (
            engine.detect_language(sound, asked()) for engine in (pair.ours, pair.reference)
        )
        assert ours == theirs
        assert probability == pytest.approx(its, abs=0.01)
