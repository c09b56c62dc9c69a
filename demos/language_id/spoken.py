"""Speech of espeak-ng in three languages, in the same voices, tempos, pitches and sizes."""

import random
from collections.abc import Callable

import numpy as np

from demos.language_id.texts import Texts
from demos.speech import TEST_VOICES, TRAIN_VOICES, speak
from zoo.errors import ZooError
from zoo.training.augment import SAMPLE_RATE

LANGUAGES = {
    "zh": ["cmn-latn-pinyin"],  # `cmn` of espeak-ng 1.51 reads its own pinyin as English
    "th": ["th"],
    "en": ["en-us", "en-gb-x-rp"],  # `en-gb` has no variants
}
DEV_VOICES = ["m5", "f3", "paul"]
VOICES = {
    "train": [*(v for v in TRAIN_VOICES if v not in DEV_VOICES), "klatt2", "klatt4", "steph"],
    "dev": DEV_VOICES,
    "test": TEST_VOICES,
}
LONGEST = 8.0  # seconds of a recording


def recording(
    language: str, split: str, texts: Texts, rng: random.Random
) -> tuple[np.ndarray, str]:
    """Speak a sentence, or a row of short words, in a voice of a split.

    Args:
        language: One of `LANGUAGES`.
        split: train, dev or test; it decides on voices and texts.
        texts: What to say.
        rng: Where chance comes from.

    Returns:
        float32 (samples,) at 16 kHz, and the voice's name.
    """
    variant, kept = rng.choice(VOICES[split]), split != "train"
    voice = f"{rng.choice(LANGUAGES[language])}+{variant}"
    manner = rng.randint(120, 220), rng.randint(10, 90), rng.uniform(0.85, 1.15)
    if rng.random() < 0.7:
        wave = _speak(lambda: texts.sentences[language](rng, kept), voice, manner)
    else:
        words = [
            _speak(lambda: texts.words[language](rng, kept), voice, manner)
            for _ in range(rng.randint(2, 5))
        ]
        wave = join(words, rng)
    return wave[: round(LONGEST * SAMPLE_RATE)], variant


def _speak(text: Callable[[], str], voice: str, manner: tuple[int, int, float]) -> np.ndarray:
    """The wave of a text; another text where the voice has no sound for one."""
    for _ in range(10):
        try:
            return speak(text(), voice, *manner)
        except (IndexError, ValueError):
            continue
    raise ZooError(f"espeak-ng's voice '{voice}' says nothing.")


def join(words: list[np.ndarray], rng: random.Random) -> np.ndarray:
    """Join words to one recording, with pauses of 0.05 to 0.4 seconds.

    Args:
        words: Waves (samples,) at 16 kHz.
        rng: Where chance comes from.
    """
    pieces: list[np.ndarray] = []
    for word in words:
        pause = round(rng.uniform(0.05, 0.4) * SAMPLE_RATE)
        pieces += [word, np.zeros(pause, np.float32)]
    return np.concatenate(pieces[:-1])
