"""What `--gpu` builds: batches in which each recording is heard as if alone, and float16."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, Wav2Vec2ForCTC

from tests.wav2vec2_asr.checkpoints import converted, write_checkpoint
from tests.wav2vec2_asr.test_convert import KINDS, SAMPLES, noise
from tests.zoo.cuda_kernels import without_kernel
from tests.zoo.halves import rounding_session
from wav2vec2_asr.acoustic import Acoustic
from wav2vec2_asr.building.checkpoint import DEMO
from wav2vec2_asr.building.convert import convert
from wav2vec2_asr.engine import Engine
from wav2vec2_asr.options import Options
from zoo.data.audio import SAMPLE_RATE
from zoo.speech import wav2vec2

# Of several lengths: a frame, no frame, silence, a constant, and the demo's speech.
WAVES = [
    *SAMPLES,
    noise(400),
    noise(0),
    np.zeros(5_000, np.float32),
    np.full(9_000, 0.25, np.float32),
    noise(16_000),
    noise(16_001, 1000.0),
]
CHECKPOINTS: dict[str, dict[str, Any] | None] = {"demo": None, **KINDS}


@pytest.fixture(scope="module", params=CHECKPOINTS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    changes = CHECKPOINTS[request.param]
    if changes is None:
        return DEMO
    return write_checkpoint(tmp_path_factory.mktemp("batches") / "checkpoint", **changes)


@pytest.fixture(scope="module")
def alone(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    """The logits of the graph for CPUs, which hears one recording at a time."""
    engine = converted(checkpoint, tmp_path_factory.mktemp("alone") / "engine")
    return engine(WAVES)


@pytest.fixture
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches that not all of the recordings fit into."""
    monkeypatch.setattr(wav2vec2, "BATCH_SAMPLES", 12 * SAMPLE_RATE)


@pytest.mark.usefixtures("few_samples")
def test_a_recording_in_a_batch_is_heard_as_if_alone(
    checkpoint: Path, alone: list[np.ndarray], tmp_path: Path
) -> None:
    engine = converted(checkpoint, tmp_path / "engine", gpu=True)
    for found, expected in zip(engine(WAVES), alone, strict=True):
        assert found.shape == expected.shape
        assert np.abs(found - expected).max(initial=0) < 1e-3
        assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))


def test_float16_hears_nearly_the_same(
    checkpoint: Path, alone: list[np.ndarray], tmp_path: Path
) -> None:
    """On the CPU, and with each result rounded as on a GPU; the card states the tolerance."""
    engine = converted(checkpoint, tmp_path / "engine", "fp16", gpu=True)
    full = tmp_path / "full"
    full.mkdir()
    convert(checkpoint, full, gpu=True)
    sizes = [(path / "model.onnx").stat().st_size for path in (tmp_path / "engine", full)]
    assert sizes[0] < 0.8 * sizes[1]
    assert without_kernel(tmp_path / "engine" / "model.onnx") == set()
    rounding = Acoustic(tmp_path / "engine")
    rounding._network._session = rounding_session(tmp_path / "engine" / "model.onnx")
    rounding._network.batches = True
    for half in (engine, rounding):
        for found, expected in zip(half(WAVES), alone, strict=True):
            assert np.isfinite(found).all()
            assert np.abs(found - expected).max(initial=0) < 0.05
            if checkpoint == DEMO:  # a trained one: its likeliest labels are far from the others
                assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))


def test_a_batch_is_transformers_own_with_its_attention_mask(tmp_path: Path) -> None:
    """Of XLSR's kind; Transformers doesn't mask the normalisation over time of the base kind."""
    checkpoint = write_checkpoint(tmp_path / "checkpoint")
    engine = converted(checkpoint, tmp_path / "engine", gpu=True)
    processor = AutoProcessor.from_pretrained(checkpoint)
    waves = [SAMPLES[0], SAMPLES[1], noise(16_000)]
    made = processor(waves, sampling_rate=SAMPLE_RATE, return_tensors="pt", padding=True)
    assert "attention_mask" in made
    with torch.inference_mode():
        logits = Wav2Vec2ForCTC.from_pretrained(checkpoint).eval()(**made).logits.numpy()
    for found, expected in zip(engine(waves), logits, strict=True):
        assert np.abs(found - expected[: len(found)]).max() < 1e-3


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Engine]:
    """The demo for CPUs, and for GPUs."""
    made = []
    for precision, gpu in (("fp32", False), ("fp16", True)):
        directory = tmp_path_factory.mktemp(precision)
        convert(DEMO, directory, precision, gpu)
        made.append(Engine(directory, 1))
    ours, batched = made
    batched.acoustic._network.batches = True
    return ours, batched


def compare(engines: tuple[Engine, Engine], recordings: list[Path | np.ndarray]) -> None:
    """See that both write the same, with the same times but for a frame."""
    assert recordings
    for expected, found in zip(
        *(engine(recordings, Options(word_timestamps=True)) for engine in engines), strict=True
    ):
        assert not isinstance(expected, Exception)
        assert not isinstance(found, Exception)
        assert found.text == expected.text
        assert len(found.segments) == len(expected.segments)
        for one, other in zip(found.segments, expected.segments, strict=True):
            assert abs(one.start - other.start) < 0.03
            assert abs(one.end - other.end) < 0.03


def test_recordings_have_the_same_text_in_batches_of_float16(
    engines: tuple[Engine, Engine],
) -> None:
    long = np.concatenate([np.pad(wave, (0, SAMPLE_RATE)) for wave in SAMPLES * 3])
    compare(engines, [*SAMPLES, long])


def test_real_thai_has_the_same_text(engines: tuple[Engine, Engine], shared: Path) -> None:
    compare(engines, sorted((shared / "data/speech/thai").glob("*.wav")))
