"""CLIP's view of an image: scaled, cut to the square in its middle, normalised. No torch.

The numbers are those of open_clip's own preprocessing, to the last bit.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
MODES = ("shortest", "squash")


class Pixels:
    """Prepares images.

    Args:
        about: `size` in pixels, `mean` and `std` of each colour, `interpolation` and `resize_mode`:
            "shortest" scales the shorter side and cuts the longer one, "squash" scales both.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        self.size = int(about["size"])
        self._filter = FILTERS[about["interpolation"]]
        self._squash = about["resize_mode"] == "squash"
        self._mean, self._std = (np.array(about[name], np.float32) for name in ("mean", "std"))

    def __call__(self, image: Image.Image) -> np.ndarray:
        """float32 (3, size, size), normalised."""
        scaled = self._scale(image.convert("RGB"))
        colours = np.asarray(scaled, np.uint8).astype(np.float32) / np.float32(255)
        normal = (colours - self._mean) / self._std
        return np.ascontiguousarray(normal.transpose(2, 0, 1))

    def _scale(self, image: Image.Image) -> Image.Image:
        size, (width, height) = self.size, image.size
        if self._squash:
            return image.resize((size, size), self._filter)
        short = min(width, height)
        # the longer side is rounded down, and the cut to even, as torchvision does
        width, height = int(size * width / short), int(size * height / short)
        if image.size != (width, height):
            image = image.resize((width, height), self._filter)
        left, top = round((width - size) / 2), round((height - size) / 2)
        return image.crop((left, top, left + size, top + size))
