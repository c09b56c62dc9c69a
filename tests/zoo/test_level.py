"""Speech is found however it was recorded: faint, offset, on the telephone, in opposite phase."""

import random
from pathlib import Path

import numpy as np
import pytest

from demos.language_id.people import rows
from language_id.training.conditions import telephone
from tests.zoo.sounds import encoded
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode, decode_blocks
from zoo.data.channels import OPPOSITE_PHASE
from zoo.speech.level import audible, raised
from zoo.speech.vad import find_speech
from zoo.training import augment

SAMPLE = ROOT / "mlflow_models/whisper_asr/samples/doctor.flac"
NEAR = 0.1 * SAMPLE_RATE


def assert_found(recorded: np.ndarray, sound: np.ndarray) -> None:
    """That the same speech is found in what was recorded and in the clean sound."""
    found, clean = find_speech(decode(encoded(recorded))), find_speech(sound)
    assert np.shape(found) == np.shape(clean)
    assert np.abs(np.subtract(found, clean)).max() <= NEAR


def padded(path: Path) -> np.ndarray:
    """A recording between a second of silence and a second of silence."""
    return np.pad(decode(path), SAMPLE_RATE)


def made_worse(sound: np.ndarray) -> dict[str, np.ndarray]:
    """What the same speech is like in bad recordings: (samples,) or (samples, channels)."""
    return {
        "offset": 0.5 + 0.5 * sound,
        "-50 dB": 0.003 * sound,
        "opposite phase": np.stack([sound, -sound], axis=1),
        "opposite phase, softer, with offsets": np.stack([0.1 - sound, 0.3 * sound - 0.1], axis=1),
        "opposite offsets": np.stack([0.5 * sound + 0.3, 0.5 * sound - 0.3], axis=1),
        "the third of three channels": np.stack([0 * sound, 0 * sound, sound], axis=1),
    }


@pytest.mark.parametrize("name", made_worse(np.zeros(1)))
def test_bad_recordings_have_the_speech_of_a_good_one(name: str) -> None:
    sound = padded(SAMPLE)
    assert_found(made_worse(sound)[name], sound)


@pytest.mark.parametrize("name", ["offset", "-50 dB", "opposite phase"])
def test_a_persons_speech_too(name: str, shared: Path) -> None:
    sound = padded(shared / "data/speech/clips/zh_aishell_BAC009S0764W0121.wav")
    assert_found(made_worse(sound)[name], sound)


def test_opposite_channels_are_told() -> None:
    sound = decode(SAMPLE)
    for sign, told in ((-1, [OPPOSITE_PHASE]), (1, [])):
        warnings: list[str] = []
        file = encoded(np.stack([sound, sign * sound], axis=1))
        mixed = np.concatenate(list(decode_blocks(file, 1.0, warnings=warnings)))
        assert warnings == told
        assert np.abs(mixed - sound).max() < 0.001


def test_a_channel_can_be_chosen() -> None:
    sound = decode(SAMPLE)
    other = np.roll(sound, SAMPLE_RATE)
    file = encoded(np.stack([sound, other], axis=1))
    for channel, expected in (("left", sound), ("right", other), ("mix", (sound + other) / 2)):
        (heard,) = decode_blocks(file, 60.0, channel)  # type: ignore[arg-type]
        assert np.abs(heard - expected).max() < 0.001
    (alone,) = decode_blocks(SAMPLE, 60.0, "right")
    assert np.array_equal(alone, sound)


def test_a_soft_speaker_is_raised_beside_a_loud_one_and_noise_is_not() -> None:
    sound, pause = decode(SAMPLE), np.zeros(20 * SAMPLE_RATE, np.float32)
    both = np.concatenate([sound, pause, 0.001 * sound])
    first, *_, last = find_speech(both)
    assert first[1] < len(sound) + SAMPLE_RATE
    assert last[0] > len(sound) + len(pause) - SAMPLE_RATE
    rng = np.random.default_rng(1)
    for kind in augment.NOISES:
        noise = augment.noise(kind, 10 * SAMPLE_RATE, rng)
        for level in (1e-4, 1e-3, 0.1):
            assert find_speech(level * noise) == []


def test_models_hear_faint_speech_raised_and_other_speech_as_it_is() -> None:
    sound = decode(SAMPLE)
    assert raised(sound) is sound
    faint = raised(1e-3 * sound + np.float32(0.1))
    assert np.corrcoef(faint, sound)[0, 1] > 0.99
    assert 0.1 < faint.std() / sound.std() < 10


def test_a_telephones_band_is_widened_and_a_full_one_is_not() -> None:
    def above(sound: np.ndarray) -> float:
        """The share of the power above 4.5 kHz."""
        power = np.square(np.abs(np.fft.rfft(sound)))
        return float(power[round(len(power) * 4500 / 8000) :].sum() / power.sum())

    sound = decode(SAMPLE)
    assert above(audible(telephone(sound))) > 1e-3 > above(telephone(sound))
    assert above(audible(sound)) == pytest.approx(above(sound), rel=0.2)


def test_telephone_calls_keep_their_speech(shared: Path) -> None:
    """Rows of digits, as a caller says a number."""
    files = list((shared / "data/speech/fsdd/recordings").glob("[0-4]_george_*.wav"))
    calls = [telephone(row) for row in rows(files, random.Random(1), 8)]
    assert sum(not find_speech(call) for call in calls) <= 0.02 * len(calls)
