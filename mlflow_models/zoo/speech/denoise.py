"""Removes steady noise from a noisy recording.

Spectral gating takes parts of the speech away together with the noise, so clean speech is left as
it is: only a recording whose signal-to-noise ratio, estimated from its pauses, is low is cleaned.
"""

import numpy as np

from zoo.speech.snr import estimate_snr

SAMPLE_RATE = 16_000  # Hz
MIN_SAMPLES = 1024  # one window of the noise reduction
# Clean speech that is cut tightly has no pauses, so its estimate is too low: below 10 dB for a
# third of the one-word recordings of FSDD.
GATE_DB = 5.0


def denoised(sound: np.ndarray, gate: float | None = GATE_DB) -> np.ndarray:
    """Remove a recording's steady noise, by noisereduce (Sainburg et al. 2020).

    Args:
        sound: float32 (samples,) at 16 kHz.
        gate: Signal-to-noise ratio in dB. A recording whose estimate is higher comes back as it is.
            None: every recording is cleaned.

    Returns:
        float32 (samples,) at 16 kHz.
    """
    if len(sound) < MIN_SAMPLES or (gate is not None and estimate_snr(sound) > gate):
        return sound
    from noisereduce import reduce_noise

    cleaned = reduce_noise(y=sound, sr=SAMPLE_RATE, stationary=True)
    return np.nan_to_num(cleaned).astype(np.float32)
