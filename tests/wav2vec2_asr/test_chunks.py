"""Seams: no frame, no character of a long recording is lost or doubled, wherever it is cut."""

import itertools
import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest

from tests.wav2vec2_asr.checkpoints import write_checkpoint
from wav2vec2_asr import ctc
from wav2vec2_asr.building.convert import convert
from wav2vec2_asr.chunks import MAX_SEGMENT_FRAMES, PAUSE_FRAMES, frames_of, pieces
from wav2vec2_asr.engine import Engine
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.options import Options
from zoo.data.audio import SAMPLE_RATE

HOP, REACH = 320, 400
LABELS = Labels(("[PAD]", "|", "a", "e", "i", "o", "u", "k", "m", "n"), 0, 1, frozenset({0}))
TONES = np.array([0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800])  # Hz, whole per 80 samples
SILENT = frozenset({0, 1})


def in_blocks(sound: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (sound[start : start + size] for start in range(0, len(sound), size))


def frame_count(samples: int) -> int:
    return max(0, (samples - REACH) // HOP + 1)


def see(sound: np.ndarray) -> np.ndarray:
    """A network that says of each frame which of the recording it is (its samples are their
    places), and how many frames it has before and after it."""
    count = frame_count(len(sound))
    here = np.arange(count)
    return np.stack([sound[here * HOP] / HOP, here, here[::-1]], axis=1)


CHUNK = 2.0  # seconds: 100 frames
STRIDES = [0.0, 0.02, 0.3, 0.5, 0.97]


@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("block", [1, 7, 10])  # tenths of a chunk: some don't divide it
def test_each_frame_is_taken_once_with_its_surroundings(stride: float, block: int) -> None:
    edge = round(stride * SAMPLE_RATE / HOP)
    step = (100 - 2 * edge) * HOP
    places = {0, REACH, HOP + REACH}
    for chunks in (0, 1, 2, 3):
        begin = chunks * step
        for frames in (0, 1, edge, 2 * edge, 99, 100, 100 + edge, 101 + edge):
            places |= {begin + frames * HOP, begin + frames * HOP + REACH}
    lengths = {place + off for place in places for off in (-1, 0, 1, HOP - 1)}
    for length in sorted(length for length in lengths if length >= 0):
        sound = np.arange(length, dtype=np.float64)
        blocks = in_blocks(sound, round(block * CHUNK * SAMPLE_RATE / 10))
        taken = list(frames_of(blocks, see, HOP, REACH, CHUNK, stride))
        frame, before, after = np.concatenate(taken).T
        count = frame_count(length)
        assert np.array_equal(frame, np.arange(count)), length
        assert (before >= np.minimum(edge, frame)).all(), length
        assert (after >= np.minimum(edge, count - 1 - frame)).all(), length


@pytest.mark.parametrize("stride", [0.985, 0.99, 0.995, 0.999])
def test_strides_that_leave_next_to_nothing_of_a_chunk_still_go_on(stride: float) -> None:
    """Half a chunk each, in whole frames; a request may ask for it."""
    sound = np.arange(5 * SAMPLE_RATE, dtype=np.float64)
    runs = 0

    def run(part: np.ndarray) -> np.ndarray:
        nonlocal runs
        runs += 1
        assert runs < 1000
        return see(part)

    frames = np.concatenate(list(frames_of([sound], run, HOP, REACH, CHUNK, stride)))
    assert np.array_equal(frames[:, 0], np.arange(frame_count(len(sound))))


def test_the_network_never_hears_more_than_a_chunk_and_a_stride() -> None:
    heard = []

    def run(part: np.ndarray) -> np.ndarray:
        heard.append(len(part))
        return see(part)

    sound = np.arange(60 * SAMPLE_RATE, dtype=np.float64)
    list(frames_of([sound], run, HOP, REACH, CHUNK, 0.5))
    assert max(heard) <= (CHUNK + 0.5) * SAMPLE_RATE + REACH


def spoken(path: np.ndarray) -> np.ndarray:
    """A recording in which each frame's label is a tone."""
    time = np.arange(len(path) * HOP + REACH - HOP) / SAMPLE_RATE
    pitch = np.repeat(TONES[path], HOP)
    pitch = np.pad(pitch, (0, len(time) - len(pitch)), mode="edge")
    return np.sin(2 * np.pi * pitch * time).astype(np.float32)


def hear(sound: np.ndarray) -> np.ndarray:
    """A network that hears nothing but the frame itself: how much there is of each tone."""
    count = frame_count(len(sound))
    if not count:
        return np.zeros((0, len(LABELS)), np.float32)
    stretches = np.lib.stride_tricks.sliding_window_view(sound[: count * HOP], HOP)[::HOP]
    waves = np.exp(-2j * np.pi * TONES[:, None] * np.arange(HOP) / SAMPLE_RATE)
    power = np.abs(stretches @ waves.T) / HOP
    power[:, 0] = 0.1  # where there is no tone, the blank
    return ctc.log_softmax((20 * power).astype(np.float32))


def text_of(log_probs: np.ndarray) -> str:
    return ctc.text_of(ctc.characters(ctc.greedy(log_probs), log_probs, LABELS))


def speech(frames: int, seed: int, slow: bool, pauses: float) -> np.ndarray:
    """A path: characters with a blank between two that are the same, some of them long."""
    rng = np.random.default_rng(seed)
    path: list[int] = []
    while len(path) < frames:
        label = int(rng.integers(1, len(LABELS)))
        if path and path[-1] == label:
            path.append(0)
        path += [label] * int(rng.integers(1, 120 if slow else 8))
        if rng.random() < pauses:
            path += [0] * int(rng.integers(1, 80))
    return np.array(path[:frames])


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("pauses", [0.0, 0.3])
@pytest.mark.parametrize("stride", STRIDES)
def test_the_text_by_chunks_is_that_of_the_whole(slow: bool, pauses: float, stride: float) -> None:
    for seed in range(3 if stride < 0.9 else 1):  # of long strides there are many chunks
        path = speech(2000 + 333 * seed, seed, slow, pauses)
        sound = spoken(path)
        whole = hear(sound)
        assert np.array_equal(ctc.greedy(whole), path)  # it does hear what is said
        for block in (0.7, 2.0, 60.0):
            blocks = in_blocks(sound, round(block * SAMPLE_RATE))
            rows = list(frames_of(blocks, hear, HOP, REACH, CHUNK, stride))
            assert text_of(np.concatenate(rows)) == text_of(whole)
            parts = [part for _, part in pieces(rows, SILENT)]
            joined = "".join(text_of(part) for part in parts)
            assert joined.replace(" ", "") == text_of(whole).replace(" ", "")


@pytest.mark.parametrize("stride", STRIDES)
def test_long_vowels_across_every_seam_are_heard_once(stride: float) -> None:
    edge = round(stride * SAMPLE_RATE / HOP)
    step = 100 - 2 * edge
    path = np.zeros(5 * 100, np.int64)
    seams = range(100 - edge, len(path), step)
    for number, seam in enumerate(seams):
        around = max(1, min(40, step // 2 - 1))
        path[max(0, seam - around) : seam + around] = 2 + number % 2
    sound = spoken(path)
    rows = frames_of([sound], hear, HOP, REACH, CHUNK, stride)
    assert text_of(np.concatenate(list(rows))) == text_of(hear(sound))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A real network that has no attention: a frame hears 16 others around it and no more."""
    folder = tmp_path_factory.mktemp("local")
    checkpoint = write_checkpoint(folder / "checkpoint", num_hidden_layers=0)
    about = (checkpoint / "preprocessor_config.json").read_text()
    about = about.replace('"do_normalize": true', '"do_normalize": false')
    (checkpoint / "preprocessor_config.json").write_text(about)
    (folder / "engine").mkdir()
    convert(checkpoint, folder / "engine")
    return Engine(folder / "engine", threads=1)


def sound_like_speech(seconds: float, seed: int = 1) -> np.ndarray:
    """Harmonics whose pitch and loudness wander; a network of random weights says much to it."""
    rng = np.random.default_rng(seed)
    count = round(seconds * SAMPLE_RATE)
    turns = rng.uniform(80, 300, round(seconds * 8) + 2)
    pitch = np.interp(np.arange(count) / SAMPLE_RATE * 8, np.arange(len(turns)), turns)
    loud = np.interp(
        np.arange(count) / SAMPLE_RATE * 5, np.arange(len(turns)), rng.random(len(turns))
    )
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    return (0.2 * loud * sum(np.sin(k * phase) / k for k in (1, 2, 3, 5))).astype(np.float32)


def heard(engine: Engine, sound: np.ndarray, chunk: float, stride: float) -> list[tuple]:
    options = Options(vad=False, word_timestamps=True, chunk_length_s=chunk, stride_length_s=stride)
    (found,) = engine([sound], options)
    assert not isinstance(found, Exception)
    words = [word for one in found.segments for word in one.words or []]
    return [(found.text, "", 0.0, 0.0), *((found.text, w.text, w.start, w.end) for w in words)]


def test_a_served_network_says_the_same_by_chunks(local: Engine) -> None:
    sound = sound_like_speech(31.3)
    expected = heard(local, sound, 60.0, 0.0)
    assert len(expected[0][0]) > 200
    for chunk, stride in ((2.0, 0.2), (2.0, 0.9), (7.3, 1.0), (20.0, 3.0), (20.0, 0.16)):
        assert heard(local, sound, chunk, stride) == expected, (chunk, stride)


def test_what_is_said_without_a_pause_gets_no_space_where_it_is_cut(local: Engine) -> None:
    sound = sound_like_speech(100.0, seed=2)
    (found,) = local([sound], Options(vad=False, chunk_length_s=60.0, stride_length_s=3.0))
    assert not isinstance(found, Exception)
    assert len(found.segments) > 2
    (logits,) = local.acoustic([sound])
    log_probs = ctc.log_softmax(logits)
    whole = ctc.characters(ctc.greedy(log_probs), log_probs, local.acoustic.labels)
    spaces = found.text.count(" ")
    pauses = sum(later.start - one.end >= PAUSE_FRAMES for one, later in itertools.pairwise(whole))
    assert found.text.replace(" ", "") == ctc.text_of(whole).replace(" ", "")
    assert spaces <= ctc.text_of(whole).count(" ") + pauses


def cut(path: np.ndarray, size: int = 97) -> list[tuple[int, np.ndarray]]:
    """The pieces of a path, whose rows come as chunks give them."""
    rows = np.eye(len(LABELS), dtype=np.float32)[path]
    return [(first, part.argmax(axis=1)) for first, part in pieces(in_blocks(rows, size), SILENT)]


@pytest.mark.parametrize("pauses", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("size", [1, 97, 3000])
def test_pieces_are_the_row_and_part_no_character(pauses: float, slow: bool, size: int) -> None:
    path = speech(9000, 3, slow, pauses)
    found = cut(path, size)
    place = 0
    for first, part in found:
        assert first == place
        assert 0 < len(part) <= MAX_SEGMENT_FRAMES
        place += len(part)
    assert np.array_equal(np.concatenate([part for _, part in found]), path)
    for first, _ in found[1:]:
        before, after = path[first - 1], path[first]
        assert before != after or {before, after} <= SILENT, first


def test_a_piece_ends_at_the_first_pause_and_else_at_the_longest_silence() -> None:
    path = np.full(2000, 2)
    path[::2] = 3
    path[400:404] = path[600:606] = path[800:802] = 0
    (first, second) = cut(path)
    assert 600 < second[0] < 606
    path[300 : 300 + PAUSE_FRAMES] = 0
    assert cut(path)[1][0] == 300 + PAUSE_FRAMES // 2
    path[300] = 2  # one frame short of a pause
    assert 300 < cut(path)[1][0] < 300 + PAUSE_FRAMES  # but still the longest silence
    assert len(first[1]) == second[0]


def test_silence_of_hours_and_noise_of_hours_take_little_memory() -> None:
    """Frames of four hours, of each kind that gives no place to cut."""
    frames = 4 * 3600 * 50
    rng = np.random.default_rng(1)
    for kind in ("blank", "one vowel", "no blank"):

        def rows(kind: str = kind) -> Iterator[np.ndarray]:
            for _ in range(frames // 1000):
                if kind == "no blank":
                    path = rng.integers(2, len(LABELS), 1000)
                else:
                    path = np.full(1000, 0 if kind == "blank" else 2)
                yield np.eye(len(LABELS), dtype=np.float32)[path]

        tracemalloc.start()
        total = sum(len(part) for _, part in pieces(rows(), SILENT))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert total == frames
        assert peak < 2e6, kind  # bytes; all frames are 29 MB


def test_a_recording_of_hours_is_never_in_memory_whole() -> None:
    """Four hours of sound are 900 MB; a block of a minute is 4."""

    def run(part: np.ndarray) -> np.ndarray:
        return np.zeros((frame_count(len(part)), len(LABELS)), np.float32)

    blocks = (np.zeros(60 * SAMPLE_RATE, np.float32) for _ in range(240))
    tracemalloc.start()
    found = sum(len(row) for row in frames_of(blocks, run, HOP, REACH, 20.0, 3.0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == frame_count(240 * 60 * SAMPLE_RATE)
    assert peak < 25e6  # bytes
