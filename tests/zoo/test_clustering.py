"""The grouping of voices, on embeddings that are drawn: voices in random directions, and noise."""

import numpy as np
import pytest

from zoo.speech.clustering import MAX_COMPARED, cluster

WIDTH, WINDOW_SECONDS, HOP_SECONDS, TURN_WINDOWS = 256, 1.2, 0.6, 8
NOISE = 0.5  # as long as this beside a voice: two windows of one voice have a cosine of 0.8


def drawn(order: list[int], windows: int = TURN_WINDOWS) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and times of turns, in this order of voices. Neighbours share half of
    the noise, as windows share half of their sound."""
    generator = np.random.default_rng(0)
    voices = _unit(generator.standard_normal((max(order) + 1, WIDTH)))
    embeddings, times = [], []
    for place, voice in enumerate(order):
        noise = generator.standard_normal((windows + 1, WIDTH)) / np.sqrt(WIDTH)
        embeddings.append(voices[voice] + NOISE * (noise[:-1] + noise[1:]) / np.sqrt(2))
        starts = 20.0 * place + HOP_SECONDS * np.arange(windows)
        times.append(np.stack([starts, starts + WINDOW_SECONDS], axis=1))
    return _unit(np.concatenate(embeddings)).astype("f4"), np.concatenate(times).astype("f4")


def _unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return found


def expected(order: list[int], windows: int = TURN_WINDOWS) -> list[int]:
    """Each window's speaker, numbered in order of appearance."""
    first = list(dict.fromkeys(order))
    return [first.index(voice) for voice in order for _ in range(windows)]


@pytest.mark.parametrize("number", [1, 2, 5, 40])
@pytest.mark.parametrize("known", [False, True])
def test_finds_the_speakers_and_how_many(number: int, known: bool) -> None:
    """With and without their number; they are numbered as they begin to speak."""
    order = [*reversed(range(number)), *range(number)]
    labels = cluster(*drawn(order), number if known else None, 1, 60)
    assert labels.tolist() == expected(order)


@pytest.mark.parametrize("number", [1, 2, 5, 40])
def test_finds_them_by_the_recording_alone(number: int) -> None:
    """A network whose distances aren't known is judged by what it makes of this recording."""
    order = [*range(number), *range(number)]
    assert cluster(*drawn(order), None, 1, 60, None).tolist() == expected(order)


def test_keeps_to_the_bounds() -> None:
    """Of three people, at most two are asked for; or at least four."""
    embeddings, times = drawn([0, 1, 2, 0, 1, 2])
    assert len(set(cluster(embeddings, times, None, 1, 2))) == 2
    assert len(set(cluster(embeddings, times, None, 4, 9))) == 4


def test_groups_few_windows() -> None:
    """No window, one, and two; more people than windows."""
    embeddings, times = drawn([0, 1], windows=1)
    assert cluster(embeddings[:0], times[:0], None, 1, 9).tolist() == []
    assert cluster(embeddings[:1], times[:1], 3, 1, 9).tolist() == [0]
    assert cluster(embeddings, times, 2, 1, 9).tolist() == [0, 1]
    assert cluster(embeddings, times, 40, 1, 60).tolist() == [0, 1]
    assert cluster(embeddings, times, None, 1, 9).max() <= 1


def test_takes_no_noise_for_a_speaker() -> None:
    """A cough is like nobody's voice; a short word shows a voice badly."""
    order = [0, 1, 0, 1]
    embeddings, times = drawn(order)
    generator = np.random.default_rng(1)
    cough = _unit(generator.standard_normal((2, WIDTH))).astype("f4")
    embeddings = np.concatenate([embeddings, cough])
    times = np.concatenate([times, [[90, 91.2], [95, 95.2]]]).astype("f4")
    for known in (None, 2):
        labels = cluster(embeddings, times, known, 1, 9)
        assert labels[:-2].tolist() == expected(order)
        assert set(labels[-2:]) <= {0, 1}


def test_groups_a_long_recording() -> None:
    """Three hours: more windows than are compared with each other."""
    order = [place % 3 for place in range(120)]
    windows = 150
    embeddings, times = drawn(order, windows)
    assert len(embeddings) > 5 * MAX_COMPARED
    assert cluster(embeddings, times, None, 1, 20).tolist() == expected(order, windows)


def test_a_short_window_is_heard_with_the_one_next_to_it() -> None:
    """A tenth of a second before B's words sounds a little more like A; far from them it is A's."""
    embeddings, times = drawn([0, 1, 0, 1])
    a, b = (embeddings[place : place + TURN_WINDOWS].mean(axis=0) for place in (0, TURN_WINDOWS))
    begins = times[TURN_WINDOWS, 0]
    for before, speaker in ((0.3, 1), (3.0, 0)):
        word = [[begins - before - 0.1, begins - before]]
        labels = cluster(
            np.insert(embeddings, TURN_WINDOWS, 0.55 * a + 0.5 * b, axis=0),
            np.insert(times, TURN_WINDOWS, word, axis=0).astype("f4"),
            None, 1, 9,
        )  # fmt: skip
        assert labels[TURN_WINDOWS] == speaker
