"""Images as training a CLIP takes them: scaled once, then shifted and lit differently each time."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clip_caption.training.pairs import images
from zoo.data.outputs import whole_file

if TYPE_CHECKING:
    import torch
    from datasets import Dataset

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # OpenAI's


def pixels(data: "Dataset", size: int, cache: Path) -> np.ndarray:
    """The middles of all images, uint8 (images, size, size, 3), computed once."""
    from PIL import Image, ImageOps
    from tqdm import tqdm

    if not cache.is_file():
        bar = tqdm(images(data, size), total=len(data), desc=f"scale to {size}", disable=None)
        fit = [ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC) for image in bar]
        with whole_file(cache) as part:
            np.save(part, np.stack([np.asarray(image) for image in fit]))
    stored: np.ndarray = np.load(cache)
    return stored


def augment(batch: "torch.Tensor", generator: "torch.Generator") -> "torch.Tensor":
    """Shifts and mirrors images, and changes their light, at random.

    Args:
        batch: uint8 (batch, size, size, 3).
        generator: of chance.

    Returns:
        float32 (batch, 3, size, size), normalised as CLIP has it.
    """
    import torch

    count, size = batch.shape[:2]
    margin = size // 12
    x = batch.permute(0, 3, 1, 2).float() / 255
    x = torch.nn.functional.pad(x, (margin,) * 4, mode="reflect")
    moves = torch.randint(0, 2 * margin + 1, (count, 2), generator=generator).tolist()
    x = torch.stack([one[:, i : i + size, j : j + size] for one, (i, j) in zip(x, moves)])  # noqa: B905
    mirrored = torch.rand(count, generator=generator) < 0.5
    x = torch.where(mirrored[:, None, None, None], x.flip(-1), x)
    gain = 0.85 + 0.3 * torch.rand(count, 1, 1, 1, generator=generator)
    shift = 0.1 * torch.rand(count, 1, 1, 1, generator=generator) - 0.05
    return normalise(x * gain + shift)


def normalise(x: "torch.Tensor") -> "torch.Tensor":
    """Values of 0 to 1, (batch, 3, size, size), as CLIP reads them."""
    import torch

    return (x - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
