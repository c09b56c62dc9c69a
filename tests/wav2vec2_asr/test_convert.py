"""The engine on converted checkpoints: PyTorch's logits, and the text of Transformers' pipeline."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoProcessor, Wav2Vec2ForCTC, pipeline

from tests.wav2vec2_asr.checkpoints import THAI, changed, converted, write_checkpoint
from wav2vec2_asr import ctc
from wav2vec2_asr.acoustic import Acoustic
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode

FOLDER = ROOT / "mlflow_models" / "wav2vec2_asr"
SAMPLES = [decode(path) for path in sorted((FOLDER / "samples").glob("*.flac"))]
KINDS: dict[str, dict[str, Any]] = {
    "xlsr": {"feat_extract_norm": "layer"},
    "base": {"feat_extract_norm": "group"},
    "from scratch": {"feat_extract_norm": "group", "do_stable_layer_norm": True},
}


@dataclass
class Pair:
    checkpoint: Path
    ours: Acoustic
    theirs: Any
    processor: Any

    def expected(self, wave: np.ndarray) -> np.ndarray:
        """PyTorch's logits."""
        made = self.processor(wave, sampling_rate=SAMPLE_RATE, return_tensors="pt")
        with torch.inference_mode():
            logits: np.ndarray = self.theirs(**made).logits[0].numpy()
        return logits


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("convert")


@pytest.fixture(scope="module")
def pairs(work: Path) -> dict[str, Pair]:
    """The engine and PyTorch on the same weights, of every kind."""
    found = {}
    for kind, changes in KINDS.items():
        checkpoint = write_checkpoint(work / kind, **changes)
        model = Wav2Vec2ForCTC.from_pretrained(checkpoint).eval()
        ours = converted(checkpoint, work / f"{kind} converted")
        processor = AutoProcessor.from_pretrained(checkpoint)
        found[kind] = Pair(checkpoint, ours, model, processor)
    return found


@pytest.fixture(params=KINDS)
def pair(request: pytest.FixtureRequest, pairs: dict[str, Pair]) -> Pair:
    return pairs[request.param]


def noise(samples: int, level: float = 0.1) -> np.ndarray:
    return np.random.default_rng(1).normal(0, level, samples).astype(np.float32)


SOUNDS = {
    **{f"{n} samples": noise(n) for n in (400, 401, 719, 720, 721, 16_000, 160_000)},
    "speech": SAMPLES[0],
    "silence": np.zeros(16_000, np.float32),
    "one click": np.eye(1, 16_000, 8000, dtype=np.float32)[0],
    "constant": np.full(16_000, 0.25, np.float32),
    "loud": np.clip(noise(16_000, 10.0), -1, 1),
    "beyond full scale": noise(16_000, 1000.0),
    "next to nothing": noise(16_000, 1e-5),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_the_logits_are_pytorchs(pair: Pair, name: str) -> None:
    (found,) = pair.ours([SOUNDS[name]])
    expected = pair.expected(SOUNDS[name])
    assert (
        found.shape
        == expected.shape
        == (1 + (len(SOUNDS[name]) - pair.ours.reach) // pair.ours.hop, len(THAI) + 3)
    )
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-3
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))


@pytest.mark.parametrize("samples", [0, 1, 399])
def test_what_is_shorter_than_a_frame_has_none(pair: Pair, samples: int) -> None:
    (found,) = pair.ours([noise(samples)])
    assert found.shape == (0, len(THAI) + 3)
    assert ctc.characters(ctc.greedy(found), ctc.log_softmax(found), pair.ours.labels) == []


def test_several_recordings_are_answered_as_each_alone(pair: Pair) -> None:
    waves = [SAMPLES[0], noise(0), noise(16_000), SAMPLES[1], noise(400)]
    together = pair.ours(waves)
    for wave, found in zip(waves, together, strict=True):
        (alone,) = pair.ours([wave])
        assert np.array_equal(alone, found)
    assert pair.ours([]) == []


def text(engine: Acoustic, wave: np.ndarray) -> str:
    (logits,) = engine([wave])
    heard = ctc.characters(ctc.greedy(logits), ctc.log_softmax(logits), engine.labels)
    return ctc.text_of(heard)


def test_the_text_is_the_pipelines(pair: Pair) -> None:
    """But for what the tokenizer has no character for, which the pipeline writes as `[UNK]`."""
    theirs = pipeline(
        "automatic-speech-recognition",
        model=pair.theirs,
        tokenizer=pair.processor.tokenizer,
        feature_extractor=pair.processor.feature_extractor,
    )
    for wave in [*SAMPLES, noise(80_000)]:
        said = theirs({"raw": wave, "sampling_rate": SAMPLE_RATE})["text"]
        assert text(pair.ours, wave) == said.replace("[UNK]", "").strip()
        assert len(text(pair.ours, wave)) > 10


def test_int8_says_nearly_the_same(pairs: dict[str, Pair], work: Path) -> None:
    """On random weights, whose labels are next to each other: most frames, and the same order of
    likelihood. How much a trained model's CER changes, evaluate.py says."""
    pair = pairs["xlsr"]
    int8 = converted(pair.checkpoint, work / "int8", "int8")
    sizes = [(work / name / "model.onnx").stat().st_size for name in ("int8", "xlsr converted")]
    assert sizes[0] < 0.8 * sizes[1]
    for wave in SAMPLES:
        ((ours,), (full,)) = int8([wave]), pair.ours([wave])
        assert ours.shape == full.shape
        assert (ours.argmax(axis=1) == full.argmax(axis=1)).mean() > 0.8
        assert np.corrcoef(ours.ravel(), full.ravel())[0, 1] > 0.97


def test_the_english_vocabulary_and_unnormalised_sound(tmp_path: Path) -> None:
    """As facebook/wav2vec2-base-960h: capitals, <pad> first, <s> and </s> of its head; heard as it
    is, not normalised."""
    checkpoint = write_checkpoint(
        tmp_path / "english", "'ABCDEFGHIJKLMNOPQRSTUVWXYZ</", feat_extract_norm="group"
    )
    names = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOINHSRDLUMWCFGYPBVK'XJQZ"]
    labels = {name: index for index, name in enumerate(names)}
    (checkpoint / "vocab.json").write_text(json.dumps(labels))
    special = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    changed(checkpoint, "tokenizer_config.json", **special)
    changed(checkpoint, "special_tokens_map.json", **special)
    changed(checkpoint, "preprocessor_config.json", do_normalize=False)
    changed(checkpoint, "config.json", pad_token_id=0)
    processor = AutoProcessor.from_pretrained(checkpoint)
    engine = converted(checkpoint, tmp_path / "converted")
    pair = Pair(checkpoint, engine, Wav2Vec2ForCTC.from_pretrained(checkpoint).eval(), processor)
    for wave in (SAMPLES[0], noise(80_000, 2.0)):
        expected = pair.expected(wave)
        (found,) = engine([wave])
        assert np.abs(found - expected).max() < 1e-3
        said = processor.decode(expected.argmax(axis=1))
        for name in ("<s>", "</s>", "<unk>"):
            said = said.replace(name, "")
        assert text(engine, wave) == said.strip()
        assert text(engine, wave).isupper()
