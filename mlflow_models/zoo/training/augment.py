"""Makes clean recordings harder: noise at a stated ratio, another speed.

Waves are float32 (samples,) at 16 kHz, and every function leaves its input as it is.
"""

import numpy as np

SAMPLE_RATE = 16_000  # Hz
NOISES = ("white", "pink", "brown", "hum")


def noise(kind: str, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Makes noise of unit power, float32 (samples,).

    White, pink and brown noise have a power that falls with 0, 3 and 6 dB an octave; hum is the
    mains' and its harmonics.

    Args:
        kind: one of `NOISES`.
        samples: how many, 16,000 a second.
        rng: where chance comes from.
    """
    if kind == "hum":
        time = np.arange(samples, dtype=np.float32) / SAMPLE_RATE
        base = rng.choice([50.0, 60.0])
        made = sum(
            rng.uniform(0.2, 1) / k * np.sin(2 * np.pi * (base * k * time + rng.random()))
            for k in range(1, 8)
        )
    else:
        exponent = {"white": 0.0, "pink": 0.5, "brown": 1.0}[kind]
        size = 1 << (samples - 1).bit_length()  # other lengths can be ten times slower
        spectrum = np.fft.rfft(rng.standard_normal(size, dtype=np.float32))
        frequency = np.maximum(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), 20.0)
        made = np.fft.irfft(spectrum * frequency**-exponent, size)[:samples]
    return (made / (np.sqrt(np.mean(np.square(made))) + 1e-9)).astype(np.float32)


def add_noise(wave: np.ndarray, added: np.ndarray, snr: float) -> np.ndarray:
    """Adds noise of unit power at a signal-to-noise ratio.

    Args:
        wave: float32 (samples,), 1 is full scale; its power is measured over all of it.
        added: float32 (samples,), as `noise` makes it.
        snr: in dB.
    """
    power = float(np.mean(np.square(wave))) + 1e-9
    return wave + added * np.float32(np.sqrt(power / 10 ** (snr / 10)))


def change_speed(wave: np.ndarray, factor: float) -> np.ndarray:
    """Plays a wave faster (factor over 1) or slower, and so higher or lower.

    Ko et al. 2015, "Audio Augmentation for Speech Recognition"; samples between two of the wave's
    are on the line through them.

    Args:
        wave: float32 (samples,).
        factor: the speed; the result, float32, has round(samples / factor) samples.
    """
    samples = max(1, round(len(wave) / factor))
    times = np.arange(samples, dtype=np.float64) * factor
    return np.interp(times, np.arange(len(wave)), wave).astype(np.float32)


def reverberate(wave: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Add the echo of a room: decaying noise as impulse response, at half of the direct sound.

    Args:
        wave: float32 (samples,) at 16 kHz.
        seconds: Until the echo has fallen by 60 dB.
        rng: Where chance comes from.

    Returns:
        float32 (samples,).
    """
    length = int(seconds * SAMPLE_RATE)
    tail = rng.standard_normal(length, dtype=np.float32)
    tail *= 10 ** (-3 * np.arange(length, dtype=np.float32) / length)
    tail *= 0.5 / np.sqrt(np.sum(np.square(tail)))
    size = 1 << (len(wave) + length).bit_length()
    echo = np.fft.irfft(np.fft.rfft(wave, size) * np.fft.rfft(tail, size), size)
    return (wave + echo[: len(wave)]).astype(np.float32)
