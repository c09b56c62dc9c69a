"""Estimates how noisy a recording is."""

import numpy as np

FRAME_SAMPLES = 320  # 20 ms at 16 kHz


def estimate_snr(wave: np.ndarray) -> float:
    """Estimate the signal-to-noise ratio from the recording's own pauses.

    The quietest tenth of the frames counts as noise. Where nobody pauses, that is too much. So the
    result is a rough figure to group recordings by, not a measurement.

    Args:
        wave: float32 (samples,) at 16 kHz.

    Returns:
        dB, from 0 to 60; 0 for a recording that is shorter than a frame.
    """
    frames = (
        wave[: len(wave) // FRAME_SAMPLES * FRAME_SAMPLES]
        .reshape(-1, FRAME_SAMPLES)
        .astype(np.float64)
    )
    if len(frames) == 0:
        return 0.0
    power = np.square(frames).mean(axis=1)
    noise = float(np.percentile(power, 10)) + 1e-12
    signal = max(float(power.mean()) - noise, 1e-12)
    return float(np.clip(10 * np.log10(signal / noise), 0, 60))
