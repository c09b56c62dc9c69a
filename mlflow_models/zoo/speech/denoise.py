"""Removes steady noise from a recording, where there is enough of it to be worth the harm.

Spectral gating takes parts of the speech away together with the noise: clean speech is better left
alone. So it is done below a signal-to-noise ratio only, which is estimated from the pauses.
"""

import numpy as np

from zoo.speech.snr import estimate_snr

SAMPLE_RATE = 16_000  # Hz
MIN_SAMPLES = 1024  # one window of the noise reduction
# Clean speech that is cut tightly has no pauses, so its estimate is too low: below 10 dB for a
# third of the one-word recordings of FSDD.
GATE_DB = 5.0


def denoised(sound: np.ndarray, gate: float | None = GATE_DB) -> np.ndarray:
    """A recording without its steady noise, by noisereduce (Sainburg et al. 2020).

    Args:
        sound: (samples,) float32 at 16 kHz.
        gate: dB; a recording whose estimated signal-to-noise ratio is higher comes back as it is.
            None: every recording is cleaned.

    Returns:
        (samples,) float32.
    """
    if len(sound) < MIN_SAMPLES or (gate is not None and estimate_snr(sound) > gate):
        return sound
    from noisereduce import reduce_noise

    cleaned = reduce_noise(y=sound, sr=SAMPLE_RATE, stationary=True)
    return np.nan_to_num(cleaned).astype(np.float32)
