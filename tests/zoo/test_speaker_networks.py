"""Checkpoints that embed voices: the published layouts, their features, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from zoo.building import speakers
from zoo.building.speaker_networks import BLOCKS, EcapaTdnn, Ge2e, ResNet
from zoo.errors import CheckpointError
from zoo.speech.embedding import (
    FEATURES,
    FRAME_SAMPLES,
    HOP_SAMPLES,
    LEVEL,
    SpeakerNetwork,
    decibel_fbank,
    kaldi_fbank,
    plain_mel,
)

WAVE = np.random.default_rng(3).normal(0, 0.02, 16_000).astype(np.float32)
HYPERPARAMETERS = """
n_mels: 80
embedding_model: !new:speechbrain.lobes.models.ECAPA_TDNN.ECAPA_TDNN
    input_size: !ref <n_mels>
    dilations: [1, 2, 3, 4, 1]
modules: {embedding_model: !ref <embedding_model>}
"""


def network(kind: str) -> torch.nn.Module:
    """A network of a published kind, with few channels and random weights."""
    torch.manual_seed(1)
    made = {
        "GE2E": lambda: Ge2e(40, 16, 24, 3),
        "ResNet": lambda: ResNet(BLOCKS["ResNet34"], 80, 32, 4),
        "ECAPA-TDNN": lambda: EcapaTdnn(
            80, 20, [16, 16, 16, 16, 48], [5, 3, 3, 3, 1], [1, 2, 3, 4, 1], 8, 8, 8
        ),
    }[kind]()
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0, 0.3)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 2)  # type: ignore[arg-type]
    return made.eval()


def written(kind: str, folder: Path, **changes: Any) -> Path:
    """Its checkpoint in the published layout."""
    weights: dict[str, Any] = {**network(kind).state_dict(), **changes}
    if kind == "GE2E":
        weights = {"step": 1, "model_state": weights, "optimizer_state": {}}
    torch.save(weights, folder / speakers.KINDS[kind].file)
    about = {"model": "ResNet34", "model_args": {"embed_dim": 32, "feat_dim": 80}}
    (folder / "config.yaml").write_text(json.dumps(about))
    (folder / "hyperparams.yaml").write_text(HYPERPARAMETERS)
    return folder


@pytest.mark.parametrize("kind", speakers.KINDS)
def test_the_graph_gives_the_networks_embeddings(kind: str, tmp_path: Path) -> None:
    checkpoint = speakers.find(str(written(kind, tmp_path, **{"projection.weight": torch.ones(2)})))
    speakers.convert(checkpoint, tmp_path / "out")
    packed = SpeakerNetwork(tmp_path / "out")
    windows = [WAVE, WAVE[:9_000], WAVE[2_000:11_000], -WAVE]
    found = packed(windows)
    assert found.shape == (4, packed.width)
    assert found.dtype == np.float32
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-4)
    for window, embedding in zip(windows, found, strict=True):
        features = torch.from_numpy(FEATURES[packed.about["features"]](window[None]))
        with torch.no_grad():
            assert network(kind)(features)[0].numpy() @ embedding > 0.9999


def test_the_networks_have_the_published_names() -> None:
    names = {kind: set(network(kind).state_dict()) for kind in speakers.KINDS}
    assert {"lstm.weight_hh_l2", "linear.bias"} < names["GE2E"]
    assert {"conv1.weight", "layer4.2.bn2.running_var", "layer2.0.shortcut.1.weight",
            "seg_1.bias"} < names["ResNet"]  # fmt: skip
    assert {"blocks.0.conv.conv.weight", "blocks.1.res2net_block.blocks.6.norm.norm.weight",
            "blocks.3.se_block.conv2.conv.bias", "mfa.norm.norm.bias", "asp.tdnn.conv.conv.bias",
            "asp.conv.conv.weight", "asp_bn.norm.running_mean", "fc.conv.bias",
            } < names["ECAPA-TDNN"]  # fmt: skip


def test_features_are_those_that_the_networks_were_trained_on() -> None:
    """Against Transformers' filter banks, which are compared with librosa's and Kaldi's."""
    filters = mel_filter_bank(201, 40, 0, 8000, 16_000, "slaney", "slaney")
    level = LEVEL / np.sqrt(np.square(WAVE).mean())
    mel = spectrogram(WAVE * level, window_function(FRAME_SAMPLES, "hann"), FRAME_SAMPLES,
                      HOP_SAMPLES, power=2, pad_mode="constant", mel_filters=filters)  # fmt: skip
    assert np.allclose(plain_mel(WAVE[None])[0], mel.T[:100], rtol=1e-3, atol=1e-7)
    filters = mel_filter_bank(257, 80, 20, 8000, 16_000, None, "kaldi", True)
    bands = spectrogram(
        WAVE * 32768, window_function(FRAME_SAMPLES, "hamming", periodic=False), FRAME_SAMPLES,
        HOP_SAMPLES, fft_length=512, power=2, center=False, preemphasis=0.97, mel_filters=filters,
        log_mel="log", mel_floor=1.192092955078125e-07, remove_dc_offset=True,
    )  # fmt: skip
    expected = bands.T - bands.T.mean(axis=0)
    assert np.allclose(kaldi_fbank(WAVE[None])[0], expected, atol=2e-3)


@pytest.mark.parametrize("features", [plain_mel, kaldi_fbank, decibel_fbank])
def test_silence_has_features(features: Any) -> None:
    found = features(np.zeros((2, 8_000), np.float32))
    assert found.dtype == np.float32
    assert np.isfinite(found).all()


def test_what_is_no_checkpoint_is_refused_by_its_name(tmp_path: Path) -> None:
    for name in ("nothing", str(tmp_path)):
        with pytest.raises(CheckpointError, match=name):
            speakers.find(name)
    (tmp_path / "pretrained.pt").write_bytes(b"no weights")
    (tmp_path / "hostile").mkdir()
    torch.save({"model_state": Path("/")}, tmp_path / "hostile" / "pretrained.pt")
    for folder in (tmp_path, tmp_path / "hostile"):
        with pytest.raises(CheckpointError, match=r"pretrained\.pt"):
            speakers.convert(speakers.find(str(folder)), tmp_path / "out")
    other = written("ResNet", tmp_path)
    (tmp_path / "pretrained.pt").unlink()
    (other / "config.yaml").write_text("model: CAMPPlus")
    with pytest.raises(CheckpointError, match="CAMPPlus"):
        speakers.convert(speakers.find(str(other)), tmp_path / "out")
