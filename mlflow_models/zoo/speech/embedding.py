"""Embeds voices: windows of speech in, vectors of unit length out, near each other for one voice.

The networks run on ONNX Runtime; their features are computed here. Each network was trained on its
own kind of spectrogram, and hears a voice only in that.
"""

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.serving.onnx import open_session

ABOUT, GRAPH = "engine.json", "model.onnx"
MAX_BATCH = 64  # windows in one run of the network
FRAME_SAMPLES, HOP_SAMPLES = SAMPLE_RATE // 40, SAMPLE_RATE // 100  # 25 ms every 10 ms
LEVEL = 10 ** (-30 / 20)  # -30 dBFS, to which Resemblyzer raises fainter sound
FULL_SCALE = 32768.0  # Kaldi's features are of 16-bit samples
EMPHASIS = 0.97
MIN_HZ = 20.0  # of Kaldi's lowest filter
FLOOR, RANGE_DB = 1e-10, 80.0  # of SpeechBrain's decibels
SMALLEST = 1e-9  # length of a vector that is divided by it
Features = Callable[[np.ndarray], np.ndarray]


class SpeakerNetwork:
    """A network that embeds voices; one object serves any number of threads.

    Args:
        directory: What `zoo.building.speakers.convert` wrote.
        threads: Inside one run of the network.

    Attributes:
        about: What the builder wrote about the checkpoint.
        identity: Tells networks apart: the SHA-256 of the checkpoint's weights, shortened.
        window: Samples of a window, as the network was trained.
        width: Of an embedding.
        accepts: How similar a voice must be to an enrolled one to have its name, as a cosine.
        apart: The cosine distance from which on it hears two people; None where that isn't known.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self.about: dict[str, Any] = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        self.identity, self.width = str(self.about["identity"]), int(self.about["width"])
        self.window = round(float(self.about["window_seconds"]) * SAMPLE_RATE)
        self.accepts = float(self.about["accepts"])
        self.apart: float | None = self.about["apart"]
        self._features = FEATURES[self.about["features"]]
        self._session = open_session(directory / GRAPH, threads, gpu=False)

    def __call__(self, windows: Sequence[np.ndarray]) -> np.ndarray:
        """Embed windows.

        Args:
            windows: Each float32 (samples,) at 16 kHz, of one frame (25 ms) or more; windows of one
                length are computed together.

        Returns:
            float32 (windows, width), each of unit length.
        """
        found = np.zeros((len(windows), self.width), np.float32)
        places: dict[int, list[int]] = defaultdict(list)
        for place, window in enumerate(windows):
            places[len(window)].append(place)
        for alike in places.values():
            for start in range(0, len(alike), MAX_BATCH):
                batch = alike[start : start + MAX_BATCH]
                features = self._features(np.stack([windows[place] for place in batch]))
                (found[batch],) = self._session.run(["embeddings"], {"features": features})
        return found


def plain_mel(waves: np.ndarray) -> np.ndarray:
    """Compute Resemblyzer's features: power in 40 bands of mel, without a logarithm.

    Args:
        waves: float32 (windows, samples) at 16 kHz.

    Returns:
        float32 (windows, frames, 40), a frame every 10 ms.
    """
    power = np.square(waves).mean(axis=1, keepdims=True)
    waves = waves * np.maximum(1, LEVEL / np.sqrt(np.maximum(power, FLOOR)))
    around = FRAME_SAMPLES // 2
    waves = np.pad(waves, ((0, 0), (around, around)))
    count = waves.shape[1] // HOP_SAMPLES - FRAME_SAMPLES // HOP_SAMPLES
    frames = _frames(waves)[:, :count] * _hann()
    return _power(frames, FRAME_SAMPLES) @ _slaney_filters()


def kaldi_fbank(waves: np.ndarray) -> np.ndarray:
    """Compute Kaldi's filter bank of 80 bands, less its mean over time, as WeSpeaker does.

    Args:
        waves: float32 (windows, samples) at 16 kHz.

    Returns:
        float32 (windows, frames, 80), a frame every 10 ms.
    """
    frames = _frames(waves * np.float32(FULL_SCALE)).copy()
    frames -= frames.mean(axis=2, keepdims=True)
    before = np.concatenate([frames[..., :1], frames[..., :-1]], axis=2)
    frames = (frames - np.float32(EMPHASIS) * before) * _hamming(FRAME_SAMPLES - 1)
    size = 1 << (FRAME_SAMPLES - 1).bit_length()
    bands = np.log(np.maximum(_power(frames, size) @ _kaldi_filters(size), np.finfo("f4").eps))
    return _centred(bands)


def decibel_fbank(waves: np.ndarray) -> np.ndarray:
    """Compute SpeechBrain's filter bank of 80 bands in decibels, less its mean over time.

    Args:
        waves: float32 (windows, samples) at 16 kHz.

    Returns:
        float32 (windows, frames, 80), a frame every 10 ms.
    """
    around = FRAME_SAMPLES // 2
    frames = _frames(np.pad(waves, ((0, 0), (around, around)))) * _hamming(FRAME_SAMPLES)
    bands = _power(frames, FRAME_SAMPLES) @ _decibel_filters()
    decibels = 10 * np.log10(np.maximum(bands, np.float32(FLOOR)))
    loudest = decibels.max(axis=(1, 2), keepdims=True)
    return _centred(np.maximum(decibels, loudest - np.float32(RANGE_DB)))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors to unit length, (..., width); one of zeros stays as it is."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    found: np.ndarray = vectors / np.maximum(lengths, SMALLEST)
    return found


FEATURES: dict[str, Features] = {
    "plain_mel": plain_mel,
    "kaldi_fbank": kaldi_fbank,
    "decibel_fbank": decibel_fbank,
}


def _frames(waves: np.ndarray) -> np.ndarray:
    """Cut (windows, samples) into frames: (windows, frames, samples), a view."""
    views = np.lib.stride_tricks.sliding_window_view(waves, FRAME_SAMPLES, axis=1)
    return views[:, ::HOP_SAMPLES]


def _power(frames: np.ndarray, size: int) -> np.ndarray:
    """Compute the power of each frequency: float32 (windows, frames, 1 + size / 2)."""
    from scipy.fft import rfft  # NumPy's turns float32 into float64

    spectrum = rfft(frames.astype(np.float32, copy=False), size, axis=2)
    power: np.ndarray = np.square(spectrum.real) + np.square(spectrum.imag)
    return power


def _centred(bands: np.ndarray) -> np.ndarray:
    """Take the mean over time away: float32 (windows, frames, bands)."""
    found: np.ndarray = (bands - bands.mean(axis=1, keepdims=True)).astype(np.float32)
    return found


@functools.cache
def _hann() -> np.ndarray:
    places = np.arange(FRAME_SAMPLES)
    return (0.5 - 0.5 * np.cos(2 * np.pi * places / FRAME_SAMPLES)).astype(np.float32)


@functools.cache
def _hamming(period: int) -> np.ndarray:
    places = np.arange(FRAME_SAMPLES)
    return (0.54 - 0.46 * np.cos(2 * np.pi * places / period)).astype(np.float32)


@functools.cache
def _slaney_filters() -> np.ndarray:
    """Make librosa's filters, float32 (frequencies, 40): linear below 1 kHz, each of unit area."""
    linear, octave = 200 / 3, np.log(6.4) / 27  # Hz, and a step in natural logarithms

    def to_mel(hertz: float) -> float:
        if hertz < 1000:
            return hertz / linear
        return float(1000 / linear + np.log(hertz / 1000) / octave)

    mels = np.linspace(0, to_mel(SAMPLE_RATE / 2), 40 + 2)
    edge = 1000 / linear
    hertz = np.where(
        mels < edge, mels * linear, 1000 * np.exp(octave * (np.maximum(mels, edge) - edge))
    )
    area = 2 / (hertz[2:] - hertz[:-2])
    return (_triangles(_frequencies(FRAME_SAMPLES), hertz) * area).astype(np.float32)


@functools.cache
def _kaldi_filters(size: int) -> np.ndarray:
    """Make Kaldi's filters, float32 (frequencies, 80): triangles on the scale of mel."""

    def to_mel(hertz: Any) -> Any:
        return 1127 * np.log(1 + hertz / 700)

    edges = np.linspace(to_mel(MIN_HZ), to_mel(SAMPLE_RATE / 2), 80 + 2)
    filters = _triangles(to_mel(_frequencies(size)), edges)
    filters[-1] = 0  # Kaldi leaves out the highest frequency
    return filters.astype(np.float32)


@functools.cache
def _decibel_filters() -> np.ndarray:
    """Make SpeechBrain's filters, float32 (frequencies, 80).

    Their triangles are symmetric: both sides have the slope of the lower one.
    """
    mels = np.linspace(0, 2595 * np.log10(1 + SAMPLE_RATE / 2 / 700), 80 + 2)
    hertz = 700 * (10 ** (mels / 2595) - 1)
    distance = np.abs(_frequencies(FRAME_SAMPLES)[:, None] - hertz[1:-1])
    return np.maximum(0, 1 - distance / np.diff(hertz)[:-1]).astype(np.float32)


def _frequencies(size: int) -> np.ndarray:
    return np.linspace(0, SAMPLE_RATE / 2, size // 2 + 1)


def _triangles(places: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Make triangles from each edge over the next to the one after it: (places, triangles)."""
    steps = np.diff(edges)
    rising = (places[:, None] - edges[:-2]) / steps[:-1]
    falling = (edges[2:] - places[:, None]) / steps[1:]
    found: np.ndarray = np.maximum(0, np.minimum(rising, falling))
    return found
