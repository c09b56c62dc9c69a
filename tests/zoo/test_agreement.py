"""The text of a growing recording: nothing lost, nothing doubled, nothing taken back."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.test_models.speller import LATIN, THAI, WIDE, spell, spoken
from transcripts.words import Word, aligned
from zoo.data.audio import SAMPLE_RATE
from zoo.speech.agreement import Agreement, Timing

Recognizer = Callable[[np.ndarray], dict[str, Any]]
STEP = SAMPLE_RATE // 2
SCRIPTS = {
    "thai": THAI,
    "chinese": WIDE,
    "english": LATIN,
    "thai and english": THAI + LATIN,
    "chinese and english": WIDE + LATIN,
}


def speech(letters: str, seconds: float, seed: int, pause: float) -> np.ndarray:
    """Words at random; after every tenth, more or less, a pause."""
    chance, words, pauses = random.Random(seed), [], []
    length = 0.0
    while length < seconds:
        words.append("".join(chance.choices(letters, k=chance.randint(1, 6))))
        pauses.append(pause * chance.uniform(0.5, 2) if chance.random() < 0.1 else 0.0)
        length += 0.09 * len(words[-1]) + 0.04 + pauses[-1]
    return spoken(words, [*pauses[:-1], 1.0])


def transcribed(
    portions: Iterator[np.ndarray], recognizer: Recognizer, timing: Timing | None = None
) -> tuple[str, list[float]]:
    """Feeds portion after portion; the text at the end, and how many seconds each piece had."""
    agreement, pieces, shown = Agreement(timing), [], ""
    for portion in (*portions, None):
        if portion is None:
            agreement.close()
        else:
            agreement.feed(portion)
        while agreement.due:
            piece = agreement.piece()
            assert piece.end > agreement.partial.heard  # or it would never end
            pieces.append(len(piece.sound) / SAMPLE_RATE)
            agreement.answer(piece, recognizer(piece.sound))
            partial = agreement.partial
            assert partial.stable.startswith(shown)
            assert partial.start <= partial.end <= partial.heard + 0.01
            shown = partial.stable
    assert agreement.complete
    assert agreement.partial.tail == ""
    return agreement.partial.stable, pieces


def portions(sound: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (sound[place : place + size] for place in range(0, len(sound), size))


@pytest.mark.parametrize("pause", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("letters", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("step", [0.5, 3.0, 1000.0], ids=["fast", "slow", "at_once"])
def test_every_letter_comes_once(letters: str, pause: float, step: float) -> None:
    sound = speech(letters, 50, 3, pause)
    size = round(step * SAMPLE_RATE)
    text, pieces = transcribed(portions(sound, size), spell)
    assert text.replace(" ", "") == spell(sound)["text"].replace(" ", "")
    if letters in (THAI, WIDE, LATIN):
        assert text == spell(sound)["text"]
    assert max(pieces) <= 30


@pytest.mark.parametrize("pause", [0.0, 1.5])
def test_the_cost_doesnt_grow_with_the_stream(pause: float) -> None:
    sound = speech(THAI, 120, 1, pause)
    _, pieces = transcribed(portions(sound, STEP), spell)
    assert max(pieces) <= 15.5  # cut once they have 15
    assert len(pieces) <= 2 * len(sound) / SAMPLE_RATE + 2


def test_silence_costs_little_and_says_nothing() -> None:
    text, pieces = transcribed(iter([np.zeros(STEP, np.int16)] * 500), spell)
    assert text == ""
    assert max(pieces) <= 1.5


@pytest.mark.parametrize("samples", [0, 1, 100, STEP - 1])
def test_the_shortest_streams(samples: int) -> None:
    text, pieces = transcribed(iter([np.zeros(samples, np.int16)]), spell)
    assert text == ""
    assert len(pieces) == (samples > 0)


def test_a_long_pause_is_cut_before_it_is_over() -> None:
    sound = spoken(["สวัสด", "สบาย"], [60.0, 1.0])
    text, pieces = transcribed(portions(sound, STEP), spell)
    assert text == "สวัสด สบาย"
    assert max(pieces) < 4


@pytest.mark.parametrize(
    ("first", "then", "expected"),
    [
        ("银行", "银航", "银行四点关门请早来"),
        ("银行", "银", "银行四点关门请早来"),
        ("银行", "银银行", "银行四点关门请早来"),
        ("银行。", "银行", "银行。四点关门请早来"),
        ("银行", "", "银行四点关门请早来"),
    ],
)
def test_what_was_stable_stays_when_the_recognizer_changes_its_mind(
    first: str, then: str, expected: str
) -> None:
    calls = 0

    def fickle(piece: np.ndarray) -> dict[str, Any]:
        nonlocal calls
        calls += 1
        record = spell(piece)
        for segment in record["segments"]:
            for word in segment["words"]:
                if word["text"] == "银行":
                    word["text"] = first if calls <= 8 else then
            segment["text"] = "".join(word["text"] for word in segment["words"])
        record["text"] = "".join(segment["text"] for segment in record["segments"])
        return record

    sound = spoken(["银行", "四点", "关门", "请早来"], [0.3, 0.3, 0.3, 1.0])
    text, _ = transcribed(portions(sound, STEP // 2), fickle, Timing(step=0.25))
    assert calls > 10
    assert text == expected


def test_a_guess_at_a_word_that_is_cut_off_isnt_taken_for_it() -> None:
    """A recognizer that knows a language completes a word, and the same way each time."""
    sound = spoken(["saturday", "evening", "tomorrow"], [0.1, 0.1, 1.0])

    def completing(piece: np.ndarray) -> dict[str, Any]:
        record = spell(piece)
        if piece[-1]:
            word = record["segments"][-1]["words"][-1]
            word["text"] = "sunday"
            words = [one["text"] for one in record["segments"][-1]["words"]]
            record["text"] = record["segments"][-1]["text"] = " ".join(words)
        return record

    text, _ = transcribed(portions(sound, STEP // 4), completing, Timing(step=0.125))
    assert text == "saturday evening tomorrow"


def test_a_word_that_turns_out_longer_isnt_cut() -> None:
    sound = spoken(["abcdefghijklmnopqrstuvwxyz"], [1.0])

    def hesitant(piece: np.ndarray) -> dict[str, Any]:
        record = spell(piece)
        for segment in record["segments"]:
            for word in segment["words"]:
                word["text"] = "long"
                if len(piece) < 1.6 * SAMPLE_RATE:
                    word["end"] = min(word["end"], word["start"] + 0.5)
            segment["text"] = " ".join(word["text"] for word in segment["words"])
        record["text"] = " ".join(segment["text"] for segment in record["segments"])
        return record

    text, _ = transcribed(portions(sound, STEP // 2), hesitant, Timing(step=0.25))
    assert text == "long"


@pytest.mark.parametrize(
    ("known", "heard", "rest"),
    [
        ("四点", "四点关门", "关门"),
        ("四点。", "四点关门", "关门"),  # a stop that was none
        ("四店", "四点关门", "关门"),  # another character at the same time
        ("四", "四点关门", "点关门"),
        ("十四点", "四点关门", "关门"),  # the first one is cut off
        ("四点关门", "四点", ""),
        ("四点", "", ""),
    ],
)
def test_where_an_answer_goes_on_after_what_is_known(known: str, heard: str, rest: str) -> None:
    words = [Word(one, place * 0.2, place * 0.2 + 0.2) for place, one in enumerate(heard)]
    end = 0.2 * len(known.strip("。十"))
    assert heard[aligned(known, words, end) :] == rest


def test_a_recognizer_without_times_of_words_will_do() -> None:
    def without(piece: np.ndarray) -> dict[str, Any]:
        record = spell(piece)
        for segment in record["segments"]:
            del segment["words"]
        return record

    sound = speech(LATIN, 20, 4, 1.5)
    text, _ = transcribed(portions(sound, STEP), without)
    assert text == spell(sound)["text"]


def test_a_recognizer_that_never_agrees_with_itself_is_cut_nevertheless() -> None:
    chance = random.Random(1)

    def raving(piece: np.ndarray) -> dict[str, Any]:
        words = [
            {"text": chance.choice(WIDE), "start": place / 2, "end": place / 2 + 0.4}
            for place in range(len(piece) // (SAMPLE_RATE // 2))
        ]
        text = "".join(str(word["text"]) for word in words)
        segments = [{"start": 0.0, "end": len(piece) / SAMPLE_RATE, "text": text, "words": words}]
        return {"text": text, "segments": segments if words else []}

    text, pieces = transcribed(iter([np.ones(STEP, np.int16)] * 400), raving)
    assert max(pieces) <= 30
    assert len(pieces) == 400
    assert 350 <= len(text) <= 600  # it says 400; each answer's first words are other ones


def test_one_endless_word_is_cut_nevertheless() -> None:
    def drone(piece: np.ndarray) -> dict[str, Any]:
        one = {"start": 0.0, "end": len(piece) / SAMPLE_RATE, "text": "อ" * (len(piece) // STEP)}
        return {"text": one["text"], "segments": [one] if one["text"] else []}

    _, pieces = transcribed(iter([np.ones(STEP, np.int16)] * 400), drone)
    assert max(pieces) <= 30


@pytest.mark.parametrize("times", [{"step": 0.0}, {"pause": -1.0}, {"max_seconds": 5.0}])
def test_times_that_cant_work_are_refused(times: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="max_seconds"):
        Timing(**times)
