"""What an app needs on a phone: the network as a file, its labels, and how to use both.

The network is compared with PyTorch before anything is left behind: it is loaded from its file by
its own runtime, and hears what the checkpoint hears.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import torch

from wav2vec2_asr.building.checkpoint import normalizes, open_model
from wav2vec2_asr.exports.fixed import FixedLength
from wav2vec2_asr.labels import Labels
from zoo.data.audio import SAMPLE_RATE
from zoo.data.outputs import write_json
from zoo.errors import ZooError

TOLERANCE = 1e-3  # of a logit, in float32
GUIDE = Path(__file__).with_name("phone.md")
NORMALIZED = """The checkpoint was trained on normalised samples (zero mean, unit variance over the
clip). The network does that by itself, over the clip's samples only; an app that does it too
changes nothing."""
AS_THEY_ARE = "The checkpoint hears samples as they are; don't normalise them."
Run = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


class Format(ABC):
    """A way to write a network for phones."""

    file: str
    attention = "sdpa"  # Transformers' name of the implementation to export

    @abstractmethod
    def write(self, network: FixedLength, example: tuple[torch.Tensor, ...], path: Path) -> None:
        """Writes the network."""

    @abstractmethod
    def load(self, path: Path) -> Run:
        """The network as its own runtime has it, from the file."""

    @abstractmethod
    def guide(self) -> dict[str, str]:
        """What the README says of this format: `title`, `intro`, `depend`, `load`, `run`."""


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
    form: Format,
    seconds: float,
    exact: bool = True,
    sounds: Sequence[np.ndarray] = (),
) -> Check:
    """Writes a directory for an app.

    Args:
        checkpoint: a Hugging Face directory.
        output: an empty directory.
        form: the format.
        seconds: the longest clip.
        exact: whether it computes in float32, and has to give PyTorch's logits.
        sounds: speech to compare on, besides noise: float32 (samples,) at 16 kHz.

    Raises:
        CheckpointError: the checkpoint can't be loaded.
        ZooError: the clip is too short, or the export isn't what PyTorch computes.
    """
    model = open_model(checkpoint, attn_implementation=form.attention)
    labels = Labels.read(checkpoint, model.config.vocab_size)
    network = FixedLength(model, round(seconds * SAMPLE_RATE), normalizes(checkpoint)).eval()
    if network.samples < network.reach:
        raise ZooError(f"--seconds {seconds:g} is too short: a frame has {network.reach} samples.")
    example = torch.randn(1, network.samples), torch.tensor([network.samples])
    with torch.no_grad():
        form.write(network, example, output / form.file)
        found = compare(model, network, form.load(output / form.file), sounds)
    if not np.isfinite(found.difference) or (exact and found.difference > TOLERANCE):
        raise ZooError(f"the export isn't what PyTorch computes: {found}.")
    _describe(output, network, labels, form, found)
    return found


def compare(model: Any, network: FixedLength, run: Run, sounds: Sequence[np.ndarray]) -> Check:
    """The export beside the model itself, which hears each clip alone and unpadded."""
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


def _describe(
    output: Path, network: FixedLength, labels: Labels, form: Format, found: Check
) -> None:
    """Writes `labels.txt`, `model.json` and `README.md`."""
    text = "".join(f"{one}\n" for one in labels.texts)
    (output / "labels.txt").write_text(text, encoding="utf-8")
    about = {
        "file": form.file,
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
    words = {**about, **form.guide(), **_words(network, labels), "check": str(found)}
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
