"""What the demo's corpus is made of: codecs, exchanged vocal cords, three languages in a voice."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from demos.language_id import channels, people, spoken
from demos.language_id.texts import Texts
from tests.zoo.corpora import save, tone

RATE = 16_000


def peaks(wave: np.ndarray) -> float:
    """The frequency with the most power, Hz."""
    return float(np.abs(np.fft.rfft(wave)).argmax() * RATE / len(wave))


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
@pytest.mark.parametrize("codec", channels.CODECS)
def test_a_codec_keeps_length_and_pitch(codec: str) -> None:
    wave = tone(1.0, 500)
    made = channels.encode(wave, codec)
    assert len(made) == len(wave)
    assert peaks(made) == pytest.approx(500, abs=10)


def test_words_of_one_are_said_with_the_cords_of_another() -> None:
    """A vowel of formants at 700 and 1,200 Hz keeps them; the pulses are of the other recording."""
    from scipy.signal import lfilter

    pulses = np.zeros(RATE, np.float32)
    pulses[::160] = 1.0  # 100 Hz
    poles = [0.97 * np.exp(2j * np.pi * f / RATE) for f in (700, 1200)]
    vowel = lfilter([1.0], np.real(np.poly([*poles, *np.conj(poles)])), pulses).astype(np.float32)
    others = np.zeros(RATE, np.float32)
    others[::80] = 1.0  # 200 Hz
    made = channels.exchange_source(vowel, others)
    assert made.shape == vowel.shape
    assert np.isfinite(made).all()
    spectrum = np.abs(np.fft.rfft(made[2000:14_000]))
    frequency = np.fft.rfftfreq(12_000, 1 / RATE)
    strongest = frequency[spectrum.argmax()]
    assert 550 < strongest < 1350
    at = {pitch: spectrum[np.abs(frequency - pitch).argmin()] for pitch in (700, 600)}
    assert at[600] > 3 * at[700]  # harmonics of 200 Hz, not of 100 Hz


def test_silence_stays_silence() -> None:
    made = channels.exchange_source(np.zeros(RATE, np.float32), tone(0.5))
    assert not made.any()


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
@pytest.mark.parametrize("language", spoken.LANGUAGES)
def test_every_language_is_spoken_in_the_voices_of_the_split(language: str, tmp_path: Path) -> None:
    (tmp_path / "thai.tsv").write_text("sentence\nสวัสดีครับ\nไปไหนมา\n", encoding="utf-8")
    texts, rng = Texts(tmp_path / "thai.tsv"), random.Random(1)
    for split, voices in spoken.VOICES.items():
        wave, voice = spoken.recording(language, split, texts, rng)
        assert voice in voices
        assert 0.2 * RATE < len(wave) <= spoken.LONGEST * RATE
    assert not set(spoken.VOICES["train"]) & {*spoken.VOICES["dev"], *spoken.VOICES["test"]}


def test_rows_of_words_use_each_word_once(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{n}.wav", tone(0.3)) for n in range(10)]
    rows = list(people.rows(files, random.Random(1), 4))
    total = sum(map(len, rows)) / RATE
    assert 10 * 0.2 < total < 10 * 0.3 + 0.4 * (10 - len(rows))


def test_windows_leave_out_a_short_end() -> None:
    found = list(people.windows(np.zeros(round(9.5 * RATE), np.float32), 4.0))
    assert [start for start, _ in found] == [0.0, 4.0]
