"""Sound as the streaming client has it: 16-bit samples, and WAV files of them."""

import io
import wave

import numpy as np

SAMPLE_RATE = 16_000  # Hz


def wav(sound: np.ndarray) -> bytes:
    """A WAV file of int16 (samples,), 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(sound.astype("<i2").tobytes())
    return file.getvalue()


def as_int16(samples: np.ndarray) -> np.ndarray:
    """Samples as 16-bit integers; a copy, since recorders reuse their buffers.

    Raises:
        ValueError: they aren't (samples,) of int16, or of floats.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError(f"The samples have {samples.ndim} dimensions; mono sound has one.")
    if np.issubdtype(samples.dtype, np.floating):
        scaled = np.nan_to_num(samples.astype(np.float32)) * 32768
        return np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)
    if samples.dtype != np.int16:
        raise ValueError(f"The samples are {samples.dtype}; int16 or floats in [-1, 1] are taken.")
    return samples.copy()
