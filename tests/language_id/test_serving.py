"""The served identifier: PyTorch's own logits, the demo's samples, and what it makes of silence."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForSequenceClassification,
)

from language_id.build import FOLDER, convert
from language_id.engine import Engine
from language_id.options import Options
from tests.zoo.cuda_kernels import without_kernel
from tests.zoo.halves import rounding_session
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.errors import BadInput, CheckpointError

SAMPLES = {"mandarin.flac": "zh", "thai.flac": "th", "english.flac": "en"}
SIZES = {"base": ("group", False), "large, as mms-lid": ("layer", True)}


def converted(checkpoint: Path, output: Path, precision: str = "fp32", gpu: bool = False) -> Engine:
    """The engine on a checkpoint; with `gpu` it makes batches, on the CPU that stands in."""
    output.mkdir(exist_ok=True)
    convert(checkpoint, output, precision, gpu)
    engine = Engine(output, threads=1)
    engine._network.batches = gpu
    return engine


def write(directory: Path, norm: str, stable: bool, **changes: object) -> Path:
    """A checkpoint of random weights in the published layout."""
    torch.manual_seed(3)
    config = Wav2Vec2Config(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        conv_dim=(16,) * 7,
        feat_extract_norm=norm,
        do_stable_layer_norm=stable,
        conv_bias=stable,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        classifier_proj_size=24,
        id2label={0: "cmn", 1: "tha", 2: "eng", 3: "yue"},
        label2id={"cmn": 0, "tha": 1, "eng": 2, "yue": 3},
        **changes,
    )
    Wav2Vec2ForSequenceClassification(config).save_pretrained(directory)
    Wav2Vec2FeatureExtractor(return_attention_mask=stable).save_pretrained(directory)
    return directory


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("kind", SIZES)
def test_the_logits_are_pytorchs(kind: str, gpu: bool, tmp_path: Path) -> None:
    """Of each recording alone, also where they are computed in a batch."""
    checkpoint = write(tmp_path / "checkpoint", *SIZES[kind])
    ours = converted(checkpoint, tmp_path / "ours", gpu=gpu)
    theirs = Wav2Vec2ForSequenceClassification.from_pretrained(checkpoint).eval()
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(checkpoint)
    assert ours.languages == ("cmn", "tha", "eng", "yue")
    rng = np.random.default_rng(1)
    waves = [
        rng.normal(0, 0.1, int(seconds * SAMPLE_RATE)).astype(np.float32)
        for seconds in (0.05, 1.0, 4.3)
    ]
    for wave, found in zip(waves, ours._network(waves), strict=True):
        with torch.no_grad():
            heard = extractor(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt")
            expected = theirs(heard.input_values).logits[0].numpy()
        assert np.abs(found - expected).max() < 1e-3


def test_weighted_layers_are_refused(tmp_path: Path) -> None:
    checkpoint = write(tmp_path / "checkpoint", "group", False, use_weighted_layer_sum=True)
    with pytest.raises(CheckpointError, match="layers"):
        converted(checkpoint, tmp_path / "ours")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return converted(FOLDER / "demo", tmp_path_factory.mktemp("demo"))


def test_the_samples_are_told_apart(demo: Engine) -> None:
    files = [FOLDER / "samples" / name for name in SAMPLES]
    answers = demo(files, Options(segments=True))
    for found, language in zip(answers, SAMPLES.values(), strict=True):
        assert not isinstance(found, Exception)
        record = found.record()
        assert record["language"] == language
        assert record["probability"] == record["languages"][0]["probability"] > 0.5
        assert sum(one["probability"] for one in record["languages"]) == pytest.approx(1, abs=1e-3)
        last = 0.0
        for segment in record["segments"]:
            assert last <= segment["start"] < segment["end"]
            last = segment["end"]


def test_int8_says_the_same(demo: Engine, tmp_path: Path) -> None:
    small = converted(FOLDER / "demo", tmp_path / "small", "int8")
    files = [FOLDER / "samples" / name for name in SAMPLES]
    for one, other in zip(demo(files, Options()), small(files, Options()), strict=True):
        assert not isinstance(one, Exception)
        assert not isinstance(other, Exception)
        assert one.record()["language"] == other.record()["language"]


def test_batches_in_float16_say_nearly_the_same(demo: Engine, tmp_path: Path) -> None:
    """On the CPU, and with each result rounded as on a GPU; the card states the tolerance."""
    half = converted(FOLDER / "demo", tmp_path / "half", "fp16", gpu=True)
    assert without_kernel(tmp_path / "half" / "model.onnx") == set()
    files = [FOLDER / "samples" / name for name in SAMPLES]
    expected = demo(files, Options(segments=True))
    on_cpu = half(files, Options(segments=True))
    half._network._session = rounding_session(tmp_path / "half" / "model.onnx")
    for answers in (on_cpu, half(files, Options(segments=True))):
        for one, other in zip(answers, expected, strict=True):
            assert not isinstance(one, Exception)
            assert not isinstance(other, Exception)
            assert np.abs(one.probabilities - other.probabilities).max() < 0.005
            assert len(one.stretches) == len(other.stretches)


def test_a_recording_in_three_languages_has_a_share_of_each(demo: Engine) -> None:
    sounds = [decode(FOLDER / "samples" / name) for name in SAMPLES]
    pause = np.zeros(SAMPLE_RATE, np.float32)
    joined = np.concatenate([part for sound in sounds for part in (sound, pause)])
    (found,) = demo([joined], Options(segments=True, top=3))
    assert not isinstance(found, Exception)
    record = found.record()
    assert {one["language"] for one in record["segments"]} == {"zh", "th", "en"}
    assert max(one["probability"] for one in record["languages"]) < 0.8


def test_silence_is_of_no_language_and_no_sound_is_refused(demo: Engine) -> None:
    silence, nothing = demo([np.zeros(3 * SAMPLE_RATE, np.float32), b"no sound"], Options())
    assert not isinstance(silence, Exception)
    assert silence.record() == {
        "language": None,
        "probability": 0.0,
        "languages": [],
        "warnings": ["no_speech"],
    }
    assert isinstance(nothing, BadInput)
