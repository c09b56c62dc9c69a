"""Silero's voice activity detector, version 6, on ONNX Runtime: how probable speech is, and where.

The weights (MIT) come from the package faster-whisper. A build packs them beside this module, so a
saved model doesn't need that package. Source: https://github.com/snakers4/silero-vad.
"""

import functools
import importlib.util
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.serving.onnx import open_session

WEIGHTS = "silero_vad_v6.onnx"
FRAME_SAMPLES = 512  # 32 ms
CONTEXT_SAMPLES = 64  # of the frame before, that the network hears again
STATE = (1, 1, 128)  # of its LSTM
BATCH_FRAMES = 1_024  # 33 s: more at once isn't faster, and takes more memory
BELOW = 0.15  # speech ends where its probability is so much under the threshold
LEAST_BELOW = 0.01
PAUSE_SAMPLES = round(0.16 * SAMPLE_RATE)  # a shorter silence doesn't end speech
SYLLABLE_SAMPLES = round(0.1 * SAMPLE_RATE)  # no speech is shorter, but many a crackle


def weights() -> Path:
    """Find the network's file: beside this module, or in the package faster-whisper."""
    packed = Path(__file__).with_name(WEIGHTS)
    if packed.is_file():
        return packed
    package = importlib.util.find_spec("faster_whisper")
    if package is None:
        raise ModuleNotFoundError(f"'{WEIGHTS}' comes with faster-whisper, which isn't installed.")
    return Path(str(package.origin)).parent / "assets" / WEIGHTS


@functools.cache  # one object serves any number of threads
def _session() -> Any:
    return open_session(weights(), 1, gpu=False)  # its steps are small, and follow each other


def probabilities(sound: np.ndarray) -> np.ndarray:
    """Compute how probable speech is in each frame.

    Args:
        sound: float32 (samples,) at 16 kHz.

    Returns:
        float32 (frames,), a frame every 32 ms; the last frame is filled up with silence.
    """
    # Always filled up, as the reference does: a sound of whole frames gets one more.
    padded = np.pad(sound, (0, FRAME_SAMPLES - len(sound) % FRAME_SAMPLES))
    return Listener()(padded)


class Listener:
    """Hears a sound that grows; it remembers what the network needs of what came before."""

    def __init__(self) -> None:
        self._before = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._h, self._c = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)

    def __call__(self, sound: np.ndarray) -> np.ndarray:
        """Compute how probable speech is in each frame of what follows.

        Args:
            sound: Whole frames, float32 (n * `FRAME_SAMPLES`,) at 16 kHz.

        Returns:
            float32 (n,), a frame every 32 ms.
        """
        frames = sound.astype(np.float32, copy=False).reshape(-1, FRAME_SAMPLES)
        found = [np.empty(0, np.float32)]
        for start in range(0, len(frames), BATCH_FRAMES):
            part = frames[start : start + BATCH_FRAMES]
            before = np.concatenate([self._before[None], part[:-1, -CONTEXT_SAMPLES:]])
            heard = np.concatenate([before, part], axis=1)  # (frames, 576)
            batch = {"input": heard, "h": self._h, "c": self._c}
            output, self._h, self._c = _session().run(None, batch)
            found.append(output.reshape(-1))
            self._before = part[-1, -CONTEXT_SAMPLES:].copy()
        return np.concatenate(found)


def spans(sure: np.ndarray, samples: int, threshold: float) -> list[tuple[int, int]]:
    """Find where speech is, without the silence around it.

    Speech begins at the threshold, and ends where it stays below a lower one for a pause.

    Args:
        sure: The frames' probabilities, (frames,).
        samples: How many samples the sound has.
        threshold: Of the probability, 0 to 1.

    Returns:
        From and to, samples of the sound.
    """
    low = max(threshold - BELOW, LEAST_BELOW)
    found: list[tuple[int, int]] = []
    start = end = -1  # of the speech that goes on; of its last sound, if a silence has begun
    for number, one in enumerate(sure.tolist()):
        place = number * FRAME_SAMPLES
        if one >= threshold:
            start, end = (place if start < 0 else start), -1
        elif one < low and start >= 0:
            end = place if end < 0 else end
            if place - end >= PAUSE_SAMPLES:
                found.append((start, end))
                start = end = -1
    if start >= 0:
        found.append((start, samples))
    return [(first, last) for first, last in found if last - first > SYLLABLE_SAMPLES]
