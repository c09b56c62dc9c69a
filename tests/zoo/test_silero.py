"""Silero's detector finds what it finds in faster-whisper, where its weights come from."""

from pathlib import Path

import numpy as np
import pytest
from faster_whisper.vad import VadOptions, get_speech_timestamps

from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.speech import silero
from zoo.speech.level import audible
from zoo.speech.vad import find_speech

SOUNDS = sorted(ROOT.glob("mlflow_models/w*_asr/samples/*.flac"))
RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("path", SOUNDS, ids=[path.stem for path in SOUNDS])
def test_spans_are_the_references(path: Path, threshold: float) -> None:
    sound = decode(path)
    options = VadOptions(
        threshold=threshold,
        min_silence_duration_ms=160,
        speech_pad_ms=400,
        min_speech_duration_ms=100,
    )
    expected = get_speech_timestamps(audible(sound), options)
    found = find_speech(sound, threshold=threshold)
    assert found == [(one["start"], one["end"]) for one in expected]


def test_noise_is_no_speech() -> None:
    noise = RANDOM.normal(0, 0.01, 3 * SAMPLE_RATE).astype(np.float32)
    assert find_speech(noise) == []
    assert silero.probabilities(noise).max() < 0.5


@pytest.mark.parametrize("samples", [1, 511, 512, 513, silero.BATCH_FRAMES * 512 + 7])
def test_every_sample_lies_in_a_frame(samples: int) -> None:
    sure = silero.probabilities(RANDOM.normal(0, 0.01, samples).astype(np.float32))
    assert len(sure) == samples // 512 + 1
    assert np.isfinite(sure).all()
