"""Noise: added at a stated ratio, estimated, and reduced where there is some."""

import numpy as np
import pytest

from tests.zoo.corpora import tone
from tests.zoo.sounds import RATE
from zoo.building.packaging import ROOT
from zoo.data.audio import decode
from zoo.speech.denoise import denoised
from zoo.speech.snr import estimate_snr
from zoo.training import augment

SAMPLE = ROOT / "mlflow_models" / "wav2vec2_asr" / "samples" / "coffee.flac"


@pytest.mark.parametrize("kind", augment.NOISES)
@pytest.mark.parametrize("snr", [0.0, 10.0, 20.0])
def test_noise_is_added_at_the_stated_ratio(kind: str, snr: float) -> None:
    wave = tone(2.0)
    rng = np.random.default_rng(1)
    noisy = augment.add_noise(wave, augment.noise(kind, len(wave), rng), snr)
    added = np.mean(np.square(noisy - wave))
    assert 10 * np.log10(np.mean(np.square(wave)) / added) == pytest.approx(snr, abs=0.05)


def test_the_estimated_ratio_orders_recordings() -> None:
    rng = np.random.default_rng(1)
    wave = np.concatenate([tone(1.0), np.zeros(RATE // 2, dtype=np.float32), tone(1.0)])
    white = augment.noise("white", len(wave), rng)
    found = [estimate_snr(augment.add_noise(wave, white, snr)) for snr in (0, 10, 20)]
    assert found == pytest.approx([0, 10, 20], abs=3)
    assert estimate_snr(wave) > 40
    assert estimate_snr(wave[:10]) == 0


def test_noise_is_reduced_where_there_is_some() -> None:
    clean = decode(SAMPLE)
    noise = augment.noise("white", len(clean), np.random.default_rng(2))
    noisy = augment.add_noise(clean, noise, 3.0)
    assert denoised(clean) is clean
    assert not np.array_equal(denoised(clean, None), clean)
    for cleaned in (denoised(noisy), denoised(noisy, None)):
        assert estimate_snr(cleaned) > estimate_snr(noisy) + 5
    assert denoised(noisy, -100.0) is noisy


@pytest.mark.parametrize("samples", [0, 1, 1023, 1024, 5000])
def test_short_and_silent_sounds_survive_the_noise_reduction(samples: int) -> None:
    silence = np.zeros(samples, np.float32)
    found = denoised(silence, None)
    assert found.shape == silence.shape
    assert found.dtype == np.float32
    assert not found.any()
