"""Makes a recording sound as if another person had said it on another line.

Every language must be heard under the same conditions, or a model learns the line in the place of
the language. Waves are float32 (samples,) at 16 kHz; no function changes its input.
"""

import numpy as np

from zoo.training import augment

RATE = augment.SAMPLE_RATE
TELEPHONE = (300.0, 3400.0)  # Hz
LOW_PASS = (2500.0, 7000.0)  # Hz, between which a cut-off is drawn
KNOTS = np.array([0, 150, 300, 600, 1200, 2000, 3000, 4500, 6000, 8000.0])  # Hz
SLOPE = 1.15  # a band ends within 15 % of its edge
MU = 255.0


def filtered(wave: np.ndarray, low: float, high: float, decibels: np.ndarray) -> np.ndarray:
    """Pass a wave through a band and an equalizer.

    Args:
        wave: (samples,).
        low: The band's lower edge in Hz; 0: none.
        high: Its upper edge in Hz; 8000: none.
        decibels: The equalizer's gains at `KNOTS`, (10,).
    """
    size = 1 << (len(wave) - 1).bit_length()  # other lengths can be ten times slower
    frequency = np.fft.rfftfreq(size, 1 / RATE)
    gain = 10 ** (np.interp(frequency, KNOTS, decibels) / 20)
    if high < RATE / 2:
        gain *= np.interp(frequency, [high, high * SLOPE], [1.0, 0.001])
    if low > 0:
        gain *= np.interp(frequency, [low / SLOPE, low], [0.01, 1.0])
    made = np.fft.irfft(np.fft.rfft(wave, size) * gain, size)
    return made[: len(wave)].astype(np.float32)


def mu_law(wave: np.ndarray) -> np.ndarray:
    """Round a wave to the 256 steps of G.711's mu-law; its largest sample is full scale."""
    peak = np.float32(np.abs(wave).max() + 1e-9)
    small = wave / peak
    squeezed = np.sign(small) * np.log1p(MU * np.abs(small)) / np.log1p(MU)
    steps = np.round(squeezed * 127) / 127
    opened = np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(MU)) / MU
    return (opened * peak).astype(np.float32)


def telephone(wave: np.ndarray) -> np.ndarray:
    """Make the copy of a wave that a telephone line gives: 300 to 3400 Hz, 8 kHz, mu-law."""
    import soxr

    narrow = soxr.resample(filtered(wave, *TELEPHONE, np.zeros(len(KNOTS))), RATE, RATE // 2)
    wide = soxr.resample(mu_law(narrow), RATE // 2, RATE)[: len(wave)]
    return np.pad(wide, (0, len(wave) - len(wide))).astype(np.float32)


def vary(wave: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    """Draw another speaker size, room, line and noise for a wave.

    Args:
        wave: (samples,).
        strength: 0 leaves it as it is; 1 is the full range: speeds of 0.82 to 1.22, gains of
            12 dB, and noise down to 3 dB.
        rng: Where chance comes from.
    """
    if strength <= 0 or not wave.any():
        return wave
    if rng.random() < 0.8:
        wave = augment.change_speed(wave, float(np.exp(rng.uniform(-0.2, 0.2) * strength)))
    if rng.random() < 0.3 * strength:
        wave = augment.reverberate(wave, float(rng.uniform(0.1, 0.6)), rng)
    noisy = rng.random() < 0.6 * strength
    if noisy and rng.random() < 0.5:  # before the line, as in a street
        wave = _noisy(wave, strength, rng)
        noisy = False
    low, high = 0.0, RATE / 2
    line = rng.random()
    if line < 0.3 * strength:
        low, high = TELEPHONE
    elif line < 0.6 * strength:
        high = float(rng.uniform(*LOW_PASS))
    gains = rng.uniform(-12, 12, len(KNOTS)) * strength * rng.random()
    wave = filtered(wave, low, high, gains)
    if rng.random() < 0.2 * strength:
        wave = mu_law(wave)
    return _noisy(wave, strength, rng) if noisy else wave


def _noisy(wave: np.ndarray, strength: float, rng: np.random.Generator) -> np.ndarray:
    added = augment.noise(str(rng.choice(augment.NOISES)), len(wave), rng)
    return augment.add_noise(wave, added, float(rng.uniform(33 - 30 * strength, 35)))
