"""Sounds without a word: ten kinds of noise, and the babble of many voices."""

from collections.abc import Sequence

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.training.augment import noise

SECONDS = 12.0
AMPLITUDE = 0.05  # of a noise, RMS; 1 is full scale
VOICES = 6  # of babble
CHORDS_HZ = ((220, 262, 330), (175, 220, 262), (196, 247, 294), (165, 196, 247))
VOWEL_HZ = (300, 800)  # the resonances of a closed mouth


def babble(voices: Sequence[np.ndarray], samples: int, rng: np.random.Generator) -> np.ndarray:
    """What several voices say at once, of unit power, float32 (samples,)."""
    mixed = np.zeros(samples, np.float32)
    for number in rng.choice(len(voices), VOICES, replace=False):
        voice = voices[number] / (np.std(voices[number]) + 1e-9)
        mixed += np.roll(np.resize(voice, samples), int(rng.integers(samples)))
    made: np.ndarray = mixed / np.std(mixed)
    return made


def wordless() -> dict[str, np.ndarray]:
    """The ten noises by name, each float32 (samples,) of 12 s at 16 kHz."""
    samples = round(SECONDS * SAMPLE_RATE)
    time = np.arange(samples) / SAMPLE_RATE
    rng = np.random.default_rng(5)
    made = {
        "silence": np.zeros(samples),
        "white": noise("white", samples, rng),
        "pink": noise("pink", samples, rng),
        "brown": noise("brown", samples, rng),
        "tones": np.sin(2 * np.pi * np.repeat(rng.uniform(200, 2000, 24), samples // 24) * time),
        # Bell's ringing tone: 440 and 480 Hz, two seconds of six.
        "ringing": sum(np.sin(2 * np.pi * pitch * time) for pitch in (440, 480)) * (time % 6 < 2),
        "music": _music(time),
        "hum": _hum(time, rng),
        "clicks": _clicks(samples, rng),
        "breath": noise("pink", samples, rng) * np.maximum(np.sin(2 * np.pi * time / 4), 0) ** 2,
    }
    levels = {name: float(np.sqrt(np.mean(np.square(wave)))) or 1.0 for name, wave in made.items()}
    return {
        name: (AMPLITUDE / levels[name] * wave).astype(np.float32) for name, wave in made.items()
    }


def _music(time: np.ndarray) -> np.ndarray:
    """Chords that are struck every second and fade: of each note four harmonics."""
    made = np.zeros_like(time)
    for number, chord in enumerate(CHORDS_HZ):
        struck = (time.astype(int) % len(CHORDS_HZ)) == number
        for pitch in chord:
            for harmonic in range(1, 5):
                made += struck * np.sin(2 * np.pi * harmonic * pitch * time) / harmonic**2
    return made * np.exp(-2 * (time % 1))


def _hum(time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A voice that hums a tune with its mouth closed."""
    notes = np.repeat(rng.uniform(110, 220, 12), len(time) // 12)
    glide = np.convolve(notes, np.hanning(4001) / np.hanning(4001).sum(), "same")
    phase = 2 * np.pi * np.cumsum(glide + 3 * np.sin(2 * np.pi * 5 * time)) / SAMPLE_RATE
    made = np.zeros_like(time)
    for harmonic in range(1, 25):
        pitch = harmonic * glide
        strength = sum(1 / (1 + ((pitch - peak) / 80) ** 2) for peak in VOWEL_HZ)
        made += strength * np.sin(harmonic * phase)
    return made


def _clicks(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Three clicks a second, of 5 ms."""
    made = np.zeros(samples)
    length = SAMPLE_RATE // 200
    for start in rng.integers(0, samples - length, round(3 * SECONDS)):
        made[start : start + length] += rng.standard_normal(length) * np.linspace(1, 0, length)
    return made
