"""Live text: nothing is lost, doubled or taken back once it is stable; items end in pauses."""

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.test_models.speller import LATIN, THAI, WIDE, spell, spoken
from wav2vec2_asr.building.checkpoint import DEMO
from wav2vec2_asr.building.convert import convert
from wav2vec2_asr.engine import Engine
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.speech.live import LiveEvent, LiveSession

PORTION = SAMPLE_RATE // 10
SAMPLES = sorted((ROOT / "mlflow_models" / "wav2vec2_asr" / "samples").rglob("*.flac"))


class Speller:
    """An engine whose right answer is known; see `speller`."""

    def __init__(self) -> None:
        self.heard: list[float] = []  # seconds of each piece

    def hear(self, sound: np.ndarray, *_: Any) -> Any:
        """Spell float32 (samples,)."""
        self.heard.append(len(sound) / SAMPLE_RATE)
        record = spell(np.rint(sound * 32768).astype(np.int16))
        return SimpleNamespace(record=lambda: record)


@pytest.fixture(scope="module")
def thai(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The Thai demo."""
    directory = tmp_path_factory.mktemp("engine")
    convert(DEMO, directory)
    return Engine(directory, 1)


def events(session: LiveSession, sound: np.ndarray) -> Iterator[LiveEvent]:
    """Feed a sound portion by portion, and take each step that is due."""
    for place in range(0, len(sound), PORTION):
        session.feed(sound[place : place + PORTION])
        while session.due:
            yield from session.step()
    session.close()
    while not session.complete:
        yield from session.step()


def checked(told: Sequence[LiveEvent]) -> list[str]:
    """Check that each item's stable text is its final text; return these texts."""
    texts: dict[int, str] = {}
    done: list[str] = []
    for one in told:
        texts[one.item] = texts.get(one.item, "") + one.stable
        if one.kind == "text":
            assert one.stable_end <= one.tail_end + 1e-6
        if one.kind == "completed":
            assert one.item == len(done)
            done.append(one.text)
            assert texts[one.item] == one.text
    assert len(done) == len(texts)
    return done


@pytest.mark.parametrize("letters", [THAI, WIDE, LATIN], ids=["thai", "chinese", "english"])
def test_every_letter_comes_once(letters: str) -> None:
    sound = spoken(
        [letters[place : place + 4] for place in range(0, 24, 4)] * 4, [0.0] * 23 + [1.0]
    )
    engine = Speller()
    (text,) = checked(list(events(LiveSession(engine, None, detects=False), sound)))
    assert text == spell(sound)["text"]
    assert max(engine.heard) <= 30


def test_each_commit_is_an_item() -> None:
    session, told = LiveSession(Speller(), None, detects=False), []
    for word in ("abc", "defg"):
        session.feed(spoken([word], [1.0]))
        session.commit()
        while session.due:
            told += session.step()
    session.commit()  # of nothing
    session.feed(spoken(["xyz"], [1.0]))
    session.clear()
    session.close()
    assert checked(told) == ["abc", "defg"]
    assert session.complete


def test_the_cost_and_the_memory_dont_grow_with_the_stream() -> None:
    """An hour of words."""
    engine = Speller()
    session = LiveSession(engine, None, detects=False)
    sound = spoken(["abcd", "efgh", "ijkl"] * 10, [0.0] * 29 + [1.0])
    kept = 0.0
    for _ in range(3600 * SAMPLE_RATE // len(sound)):
        session.feed(sound)
        kept = max(kept, session.waiting_seconds)
        while session.due:
            session.step()
    assert kept <= 30 + len(sound) / SAMPLE_RATE
    assert max(engine.heard) <= 30


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_people_are_heard_utterance_by_utterance(thai: Engine, path: Path) -> None:
    one = np.rint(decode(path) * 32767).astype(np.int16)
    quiet = np.zeros(2 * SAMPLE_RATE, np.int16)
    session = LiveSession(thai, thai.options(word_timestamps=True))
    told = list(events(session, np.concatenate([quiet, one, quiet, one, quiet])))
    texts = checked(told)
    places = [
        (one.item, one.kind, one.seconds) for one in told if one.kind in ("started", "stopped")
    ]
    assert [kind for _, kind, _ in places] == ["started", "stopped"] * (len(places) // 2)
    times = [seconds for *_, seconds in places]
    assert times == sorted(times)
    assert times[0] >= 1.5
    middle = 4 + len(one) / SAMPLE_RATE
    first = [
        texts[item] for item, kind, seconds in places if kind == "started" and seconds < middle
    ]
    assert len(first) * 2 == len(texts)
    assert all(texts)


def test_silence_isnt_transcribed() -> None:
    engine = Speller()
    assert list(events(LiveSession(engine, None), np.zeros(60 * SAMPLE_RATE, np.int16))) == []
    assert engine.heard == []


def test_a_day_of_speech_takes_no_more_memory_than_an_hour() -> None:
    """Nothing that a session keeps grows with its stream."""

    class Short:
        """An engine that says one word of whatever it hears."""

        def hear(self, sound: np.ndarray, *_: Any) -> Any:
            """Give a word from the sound's middle, float32 (samples,)."""
            middle = len(sound) / SAMPLE_RATE / 2
            word = {"text": "好", "start": middle, "end": middle + 0.1}
            record = {"text": "好", "language": "zh", "segments": [{**word, "words": [word]}]}
            return SimpleNamespace(record=lambda: record)

    session = LiveSession(Short(), None, detects=False)
    sound = np.zeros(8 * SAMPLE_RATE, np.int16)
    sizes = []
    for hour in range(24):
        for _ in range(450):
            session.feed(sound)
            session.commit()
            while session.due:
                session.step()
        if hour in (0, 23):
            sizes.append(
                len(
                    pickle.dumps(
                        {
                            **vars(session),
                            "_lock": None,
                            "_listener": None,
                            "_engine": None,
                            "_numbers": None,
                        }
                    )
                )
            )
    assert sizes[1] <= sizes[0] + 1000
