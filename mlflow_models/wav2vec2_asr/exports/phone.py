"""What an app needs on a phone: the network as a file, its labels, and how to use both.

The network is compared with PyTorch before anything is left behind: it is loaded from its file by
its own runtime, and hears what the checkpoint hears.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch

from wav2vec2_asr.building.checkpoint import open_model
from wav2vec2_asr.exports import xnnpack
from wav2vec2_asr.exports.fixed import FixedLength
from wav2vec2_asr.exports.xnnpack import Run
from wav2vec2_asr.labels import Labels
from zoo.building.wav2vec2 import normalizes
from zoo.data.audio import SAMPLE_RATE
from zoo.data.outputs import write_json
from zoo.errors import ZooError

FILE = "model.pte"
TOLERANCE = 1e-3  # of a logit, in float32
GUIDE = Path(__file__).with_name("phone.md")
NORMALIZED = """The checkpoint was trained on normalised samples (zero mean, unit variance over the
clip). The network does that by itself, over the clip's samples only; an app that does it too
changes nothing."""
AS_THEY_ARE = "The checkpoint hears samples as they are; don't normalise them."


@dataclass(frozen=True)
class Check:
    """How far an export is from PyTorch.

    Args:
        difference: the largest, of any logit.
        agreement: the share of the frames whose likeliest label is the same.
        frames: how many were compared.
    """

    difference: float
    agreement: float
    frames: int

    def __str__(self) -> str:
        return (
            f"largest difference of a logit {self.difference:.2g}, "
            f"same label in {self.agreement:.2%} of {self.frames} frames"
        )


def export(
    checkpoint: Path,
    output: Path,
    seconds: float,
    int8: bool = False,
    sounds: Sequence[np.ndarray] = (),
) -> Check:
    """Writes a directory for an app.

    Args:
        checkpoint: a Hugging Face directory.
        output: an empty directory.
        seconds: the longest clip.
        int8: whether it computes in 8 bits; in float32 it has to give PyTorch's logits.
        sounds: speech to compare on, besides noise: float32 (samples,) from -1 to 1, 16 kHz.

    Raises:
        CheckpointError: the checkpoint can't be loaded.
        ZooError: ExecuTorch isn't installed, the clip is too short, or the export isn't what
            PyTorch computes.
    """
    version = xnnpack.version()
    model, labels, network = open_network(checkpoint, seconds)
    with torch.no_grad():
        xnnpack.write(network, output / FILE, int8)
        found = compare(model, network, xnnpack.load(output / FILE), sounds)
    if not np.isfinite(found.difference) or (not int8 and found.difference > TOLERANCE):
        raise ZooError(f"the export isn't what PyTorch computes: {found}.")
    describe(output, network, labels, found, version)
    return found


def open_network(checkpoint: Path, seconds: float) -> tuple[Any, Labels, FixedLength]:
    """Opens a checkpoint: the model, its labels, and its network for clips of that length."""
    model = open_model(checkpoint, attn_implementation="sdpa")
    labels = Labels.read(checkpoint, model.config.vocab_size)
    network = FixedLength(model, round(seconds * SAMPLE_RATE), normalizes(checkpoint)).eval()
    if network.samples < network.reach:
        raise ZooError(f"--seconds {seconds:g} is too short: a frame has {network.reach} samples.")
    return model, labels, network


def compare(model: Any, network: FixedLength, run: Run, sounds: Sequence[np.ndarray]) -> Check:
    """The export beside the model itself, which hears each clip alone and unpadded.

    Args:
        model: a `Wav2Vec2ForCTC`.
        network: what was exported.
        run: the export, by its own runtime.
        sounds: float32 (samples,) each, from -1 to 1, 16 kHz.
    """
    difference, same, frames = 0.0, 0, 0
    for clip in [*_noises(network), *(one[: network.samples] for one in sounds)]:
        if len(clip) < network.reach:
            continue
        wave = torch.from_numpy(clip)[None]
        padded = torch.nn.functional.pad(wave, (0, network.samples - len(clip)))
        found = run(padded, torch.tensor([len(clip)]))[:, : network.frames_of(len(clip))]
        expected = model(_normalized(wave) if network.normalize else wave).logits
        difference = max(difference, float((found - expected).abs().max()))
        same += int((found.argmax(-1) == expected.argmax(-1)).sum())
        frames += expected.shape[1]
    return Check(difference, same / frames, frames)


def _noises(network: FixedLength) -> list[np.ndarray]:
    """Noise off centre: as long as can be, shorter, and of one frame."""
    generator = np.random.default_rng(1)
    lengths = network.samples, network.samples * 2 // 3, network.reach
    return [generator.normal(0.01, 0.1, one).astype(np.float32) for one in lengths]


def _normalized(wave: torch.Tensor) -> torch.Tensor:
    from transformers import Wav2Vec2FeatureExtractor

    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    values: torch.Tensor = extractor(
        wave[0].numpy(), sampling_rate=SAMPLE_RATE, return_tensors="pt"
    ).input_values
    return values


def describe(
    output: Path, network: FixedLength, labels: Labels, found: Check, version: str
) -> None:
    """Writes `labels.txt`, `model.json` and `README.md`, for this version of ExecuTorch."""
    text = "".join(f"{one}\n" for one in labels.texts)
    (output / "labels.txt").write_text(text, encoding="utf-8")
    about = {
        "file": FILE,
        "sample_rate": SAMPLE_RATE,
        "samples": network.samples,
        "frames": network.frames_of(network.samples),
        "window": network.reach,
        "hop": network.hop,
        "labels": len(labels),
        "blank": labels.blank,
        "space": labels.space,
        "special": sorted(labels.special),
        "check": asdict(found),
    }
    write_json(output / "model.json", about)
    words = {**about, "version": version, **_words(network, labels), "check": str(found)}
    guide = Template(GUIDE.read_text(encoding="utf-8")).substitute(words)
    (output / "README.md").write_text(guide, encoding="utf-8")


def _words(network: FixedLength, labels: Labels) -> dict[str, str]:
    """What the README says of this checkpoint."""
    append, spaces = "text.append(labels[label])", "There is no space among them."
    if labels.space is not None:
        append = f'text.append(if (label == {labels.space}) " " else labels[label])'
        spaces = f"Output {labels.space} is the space."
    return {
        "append": append,
        "spaces": spaces,
        "special": ", ".join(str(one) for one in sorted(labels.special)),
        "normalization": NORMALIZED if network.normalize else AS_THEY_ARE,
    }
