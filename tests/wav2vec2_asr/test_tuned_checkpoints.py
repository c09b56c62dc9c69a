"""Checkpoints that training starts from and writes: what is kept, what is new, what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCTC, AutoProcessor

from tests.wav2vec2_asr.checkpoints import changed, cut_weights
from tests.wav2vec2_asr.training import train
from tests.zoo.corpora import tone
from tests.zoo.sounds import RATE
from wav2vec2_asr.acoustic import Acoustic
from wav2vec2_asr.building.convert import convert
from zoo.errors import CheckpointError


def test_the_checkpoint_is_in_the_published_format(whole: Path, tmp_path: Path) -> None:
    for name in ("best", "last"):
        assert {path.name for path in (whole / name).iterdir()} >= {
            "config.json",
            "model.safetensors",
            "preprocessor_config.json",
            "tokenizer_config.json",
            "vocab.json",
        }
        labels = json.loads((whole / name / "vocab.json").read_text(encoding="utf-8"))
        spoken = sorted({*"ดีมากไปไหนมากินข้าวนอน|"})
        assert sorted(labels, key=labels.__getitem__) == [*spoken, "[UNK]", "[PAD]"]
        assert sorted(labels.values()) == list(range(len(labels)))
    model, report = AutoModelForCTC.from_pretrained(whole / "best", output_loading_info=True)
    assert not any(report[problem] for problem in ("missing_keys", "unexpected_keys"))
    processor = AutoProcessor.from_pretrained(whole / "best")
    assert processor.feature_extractor.do_normalize
    assert processor.feature_extractor.sampling_rate == RATE
    assert model.config.vocab_size == len(processor.tokenizer) == len(labels)
    assert model.config.pad_token_id == processor.tokenizer.pad_token_id == labels["[PAD]"]
    assert processor.tokenizer.decode(processor.tokenizer("กิน ข้าว").input_ids) == "กิน ข้าว"
    wave = tone(1.0)
    with torch.inference_mode():
        made = processor(wave, sampling_rate=RATE, return_tensors="pt")
        expected = model.eval()(**made).logits[0].numpy()
    convert(whole / "best", tmp_path)
    (found,) = Acoustic(tmp_path)([wave])
    assert np.abs(found - expected).max() < 1e-3


@pytest.mark.parametrize("stray", [False, True])
def test_a_pretrained_model_gets_a_head_and_keeps_its_features(
    tones: Path, pretrained: Path, tuned: Path, tmp_path: Path, stray: bool
) -> None:
    """`stray`: as facebook/wav2vec2-base, which has a vocabulary of letters but no head."""
    checkpoint = shutil.copytree(pretrained, tmp_path / "checkpoint")
    if stray:
        shutil.copy(tuned / "vocab.json", checkpoint)
        options = ["--precision", "bf16", "--no-gradient-checkpointing"]
    else:  # as it was published
        state = load_file(checkpoint / "model.safetensors")
        torch.save(state, checkpoint / "pytorch_model.bin")
        (checkpoint / "model.safetensors").unlink()
        options = ["--mask-time-prob", "0.4"]
    after = train(tones, tmp_path / "run", "--model", str(checkpoint), "--lr", "1e-2", *options)
    before = load_file(pretrained / "model.safetensors")
    kept = {name for name in after if ".feature_extractor." in name}
    assert len(kept) > 20
    for name in kept:
        assert after[name].equal(before[name]), name
    changed = {n for n in before if n in after and not after[n].equal(before[n])}
    assert {name.split(".")[1] for name in changed} >= {"encoder", "feature_projection"}
    labels = json.loads((tmp_path / "run/last/vocab.json").read_text(encoding="utf-8"))
    assert "ด" in labels
    assert "a" not in labels
    assert len(after["lm_head.weight"]) == len(labels)


def test_the_features_are_trained_where_it_is_asked_for(
    tones: Path, pretrained: Path, tmp_path: Path
) -> None:
    options = ("--model", str(pretrained), "--lr", "1e-2", "--no-freeze-features")
    after = train(tones, tmp_path / "run", *options)
    before = load_file(pretrained / "model.safetensors")
    name = "wav2vec2.feature_extractor.conv_layers.0.conv.weight"
    assert not after[name].equal(before[name])


def test_a_finetuned_model_keeps_its_head_and_its_labels(
    tones: Path, tuned: Path, tmp_path: Path
) -> None:
    after = train(tones, tmp_path / "run", "--model", str(tuned), "--lr", "0")
    before = load_file(tuned / "model.safetensors")
    assert after.keys() == before.keys()
    assert all(after[name].equal(before[name]) for name in after)
    for name in ("vocab.json", "tokenizer_config.json"):
        assert (tmp_path / "run/last" / name).read_bytes() == (tuned / name).read_bytes()
    (tmp_path / "engine").mkdir()
    convert(tmp_path / "run/last", tmp_path / "engine")


def test_new_labels_get_a_new_head_even_if_they_are_as_many(
    tones: Path, whole: Path, tmp_path: Path
) -> None:
    """Or each would begin as some other letter."""
    options = ("--model", str(whole / "last"), "--new-vocabulary", "--lr", "0")
    after = train(tones, tmp_path / "run", *options)
    before = load_file(whole / "last" / "model.safetensors")
    assert after["lm_head.weight"].shape == before["lm_head.weight"].shape
    for name in after:
        assert after[name].equal(before[name]) != name.startswith("lm_head"), name


def lose_labels(directory: Path) -> None:
    labels = json.loads((directory / "vocab.json").read_text(encoding="utf-8"))
    few = dict(list(labels.items())[:-2])
    (directory / "vocab.json").write_text(json.dumps(few), encoding="utf-8")


BROKEN: list[tuple[Callable[[Path], Any], str]] = [
    (
        lambda d: changed(d, "config.json", model_type="hubert"),
        "of the kind 'hubert', not 'wav2vec2'",
    ),
    (
        lambda d: changed(d, "config.json", num_hidden_layers=3),
        "lacks the weights 'wav2vec2.encoder.layers.2",
    ),
    (lambda d: (d / "config.json").unlink(), "config.json'"),
    (cut_weights, "can't be loaded"),
    (lose_labels, "labels, but the model has"),
    (lambda d: (d / "vocab.json").write_text("{}"), "has 0 labels"),
]


@pytest.mark.parametrize(("spoil", "sentence"), BROKEN)
def test_what_is_no_checkpoint_is_refused(
    tones: Path, tuned: Path, tmp_path: Path, spoil: Any, sentence: str
) -> None:
    checkpoint = shutil.copytree(tuned, tmp_path / "checkpoint")
    spoil(checkpoint)
    with pytest.raises(CheckpointError, match=sentence):
        train(tones, tmp_path / "run", "--model", str(checkpoint))
