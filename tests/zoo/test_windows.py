"""Finding speech and packing it: real sentences between silence and noise."""

import numpy as np
import pytest

from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.speech.transcript import Segment, Word
from zoo.speech.vad import find_speech, quietest_place
from zoo.speech.windows import Window, packed_windows, without_text

SAMPLES = sorted((ROOT / "mlflow_models/whisper_asr/samples").glob("*.flac"))
LONGEST = 30 * SAMPLE_RATE
SENTENCES = [decode(path) for path in SAMPLES]


def pause(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE), np.float32)


def noise(seconds: float, level: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (level * rng.standard_normal(round(seconds * SAMPLE_RATE))).astype(np.float32)


def test_nothing_is_found_where_nobody_speaks() -> None:
    for sound in (pause(40), noise(20, 0.01), noise(20, 0.3)):
        assert list(packed_windows([sound], LONGEST)) == []
    hum = (0.3 * np.sin(2 * np.pi * 50 * np.arange(20 * SAMPLE_RATE) / SAMPLE_RATE)).astype("f4")
    assert list(packed_windows([hum], LONGEST)) == []


def test_pauses_are_cut_out_and_times_come_back() -> None:
    sound = np.concatenate([pause(20), SENTENCES[0], pause(30), SENTENCES[1], pause(5)])
    (window,) = packed_windows([sound], LONGEST)
    assert (
        len(window.sound) / SAMPLE_RATE < (len(SENTENCES[0]) + len(SENTENCES[1])) / SAMPLE_RATE + 2
    )
    (first, second) = window.spans[0], window.spans[-1]
    assert abs(first[0] / SAMPLE_RATE - 20) < 1
    assert abs(second[0] / SAMPLE_RATE - 50 - len(SENTENCES[0]) / SAMPLE_RATE) < 1
    place = 0
    for start, end in window.spans:
        assert np.array_equal(sound[start:end], window.sound[place : place + end - start])
        place += end - start
    assert window.start_of(0.0) == first[0] / SAMPLE_RATE
    assert window.end_of(len(window.sound) / SAMPLE_RATE) == second[1] / SAMPLE_RATE
    assert window.end_of(99.0) == second[1] / SAMPLE_RATE


@pytest.mark.parametrize("off", [-0.3, -0.1, 0.0, 0.1, 0.3])
def test_times_that_miss_a_cut_by_a_little_stay_on_their_side_of_it(off: float) -> None:
    """As Whisper's do; what is cut out between two spans may be hours."""
    window = Window(np.zeros(5 * SAMPLE_RATE, np.float32), [span(10, 12), span(300, 303)])
    before = window.place(Segment(0.2, 2.0 + off, "前"))
    after = window.place(Segment(2.0 + off, 4.6, "后"))
    assert (before.start, before.end) == (10.2, pytest.approx(12, abs=0.31))
    assert (after.start, after.end) == (pytest.approx(300, abs=0.31), 302.6)
    words = [Word("前", 1.2, 1.8, 1.0), Word("后", 2.1 + off, 2.6 + off, 1.0)]
    both = window.place(Segment(1.2, 2.6, "前后", words))
    assert [(word.start, word.end) for word in both.words or []] == [
        (11.2, 11.8),
        (pytest.approx(300.1 + off, abs=0.31), pytest.approx(300.6 + off)),
    ]
    assert (both.start, both.end) == (11.2, pytest.approx(300.6 + off))


def span(start: int, end: int) -> tuple[int, int]:
    return start * SAMPLE_RATE, end * SAMPLE_RATE


@pytest.mark.parametrize("block", [7.0, 60.0])
def test_blocks_find_the_speech_that_the_whole_has(block: float) -> None:
    gaps = [1.0, 3.0, 0.5, 6.0, 2.0, 0.3] * 4
    sound = np.concatenate(
        [part for place, gap in enumerate(gaps) for part in (SENTENCES[place % 3], pause(gap))]
    )
    size = round(block * SAMPLE_RATE)
    blocks = [sound[start : start + size] for start in range(0, len(sound), size)]
    spoken = np.zeros(len(sound), bool)
    last = 0
    for window in packed_windows(blocks, LONGEST):
        assert len(window.sound) <= LONGEST
        assert len(window.sound) == sum(end - start for start, end in window.spans)
        for start, end in window.spans:
            assert last <= start < end <= len(sound)
            spoken[start:end], last = True, end
    whole = np.zeros(len(sound), bool)
    for start, end in find_speech(sound):
        whole[start:end] = True
    assert (spoken != whole).mean() < 0.05
    loud = np.abs(sound) > 0.1
    assert spoken[loud].mean() > 0.99


def test_speech_without_a_pause_is_still_cut_to_windows() -> None:
    sound = np.concatenate(SENTENCES * 12)  # about a minute and a half
    windows = list(packed_windows([sound], LONGEST))
    assert len(windows) >= 3
    assert all(len(window.sound) <= LONGEST for window in windows)
    assert sum(len(window.sound) for window in windows) > 0.9 * len(sound)


def test_speech_is_cut_where_it_is_quietest() -> None:
    sound = np.concatenate([*SENTENCES * 3, pause(0.2), *SENTENCES * 3])
    soft = sound + noise(len(sound) / SAMPLE_RATE, 0.01)
    middle = len(sound) // 2
    for longest in (middle + 3 * SAMPLE_RATE, middle + SAMPLE_RATE):
        assert abs(quietest_place(soft[:longest]) - middle) < 0.1 * SAMPLE_RATE
        (first, *_) = find_speech(np.tile(soft, 2), longest)
        assert first[1] <= longest


def test_a_window_with_enough_speech_ends_at_the_next_pause() -> None:
    parts = [part for place in range(12) for part in (SENTENCES[place % 3], pause(1.5))]
    sound = np.concatenate(parts)
    enough = 5 * SAMPLE_RATE
    windows = list(packed_windows([sound], LONGEST, enough))
    assert len(windows) > len(list(packed_windows([sound], LONGEST, LONGEST)))
    for window in windows:
        (_, before), (after, _) = window.spans[-2:] if len(window.spans) > 1 else [(0, 0)] * 2
        assert after >= before
        assert sum(end - start for start, end in window.spans[:-1]) < enough
    assert [span for window in windows for span in window.spans] == find_speech(sound)


@pytest.mark.parametrize("off", [-1.0, -0.7, 0.7, 1.0])
def test_times_that_miss_a_cut_by_a_second_do_not_stretch_over_it(off: float) -> None:
    window = Window(np.zeros(10 * SAMPLE_RATE, np.float32), [span(10, 15), span(300, 305)])
    before = window.place(Segment(1.0, 5.0 + off, "前"))
    after = window.place(Segment(5.0 + off, 9.0, "后"))
    assert before.start == 11
    assert 13.9 < before.end <= 15
    assert 300 <= after.start < 301.1
    assert after.end == 304


def test_speech_without_text_is_found() -> None:
    spans = [span(0, 10), span(10, 20), span(50, 55), span(70, 71)]
    said = [Segment(0.3, 4.0, "一"), Segment(9.0, 19.7, "二")]
    assert without_text(spans, said) == [
        (pytest.approx(4.1 * SAMPLE_RATE), pytest.approx(8.9 * SAMPLE_RATE)),
        span(50, 55),
        span(70, 71),
    ]
    assert without_text(spans[:2], [Segment(0.0, 20.0, "一")]) == []


def test_a_short_word_at_the_edge_is_not_overlooked() -> None:
    word, sentence = (0, 12_000), (80_000, 160_000)
    assert without_text([word, sentence], [Segment(5.4, 9.6, "话")]) == [word]
