"""Prepares photos for CLIP: scales them, cuts out squares, normalises. No torch.

The numbers are those of open_clip's own preprocessing, to the last bit. A request's photos are
fetched and decoded in parallel, one batch ahead of the network; only two batches are in memory.
"""

import contextvars
import functools
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image, ImageOps

from zoo.data.by_host import HostQueues, place_of
from zoo.data.fetch import CONNECTIONS, CONNECTIONS_PER_HOST, Fetcher
from zoo.data.images import decode
from zoo.errors import BadInput
from zoo.serving import runner
from zoo.serving.declaration import Url
from zoo.serving.turns import turns

FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
MODES = ("shortest", "squash")
SHARE_READ = 0.5  # of a batch, at once; but only as many photos are decoded as there are cores
MAX_FILE_BYTES = 100_000_000
Crop = Literal["center", "pad", "tiles"]
Photo = bytes | Path | Url
"""A file's bytes, its path, or a URL."""


class Pixels:
    """Prepares images.

    Args:
        about: `size` in pixels; `mean` and `std` of each colour; `interpolation`; `resize_mode`:
            "shortest" scales the shorter side and cuts the longer one, "squash" scales both.
    """

    def __init__(self, about: Mapping[str, Any]) -> None:
        self.size = int(about["size"])
        self._filter = FILTERS[about["interpolation"]]
        self._squash = about["resize_mode"] == "squash"
        self._mean, self._std = (np.array(about[name], np.float32) for name in ("mean", "std"))

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Prepare an image: float32 (3, size, size), normalised by `mean` and `std`."""
        rgb = image if image.mode == "RGB" else image.convert("RGB")  # else it would be copied
        return self._normal(self._scale(rgb))

    def views(self, image: Image.Image, crop: Crop) -> list[np.ndarray]:
        """Prepare what CLIP is to see of an image.

        Args:
            image: Of any size.
            crop: `center`: the square in its middle, as CLIP does it; `pad`: all of it, between
                bars of the mean colour; `tiles`: squares that overlap and together show all of it.

        Returns:
            For each square float32 (3, size, size), normalised by `mean` and `std`.
        """
        if crop == "center":
            return [self(image)]
        image = image.convert("RGB")
        if crop == "pad":
            colour = tuple(round(255 * float(one)) for one in self._mean)
            square = (self.size, self.size)
            return [self._normal(ImageOps.pad(image, square, self._filter, colour))]
        longer, short = max(image.size), min(image.size)
        boxes = []
        for start in np.linspace(0, longer - short, math.ceil(longer / short)).round().tolist():
            left, top = (start, 0) if image.width > image.height else (0, start)
            boxes.append((left, top, left + short, top + short))
        square = (self.size, self.size)
        return [self._normal(image.resize(square, self._filter, box)) for box in boxes]

    def _normal(self, square: Image.Image) -> np.ndarray:
        """Normalise a square image's colours: float32 (3, size, size)."""
        # (size, size, 3)
        colours = np.asarray(square, np.uint8).astype(np.float32) / np.float32(255)
        normal = (colours - self._mean) / self._std
        return np.ascontiguousarray(normal.transpose(2, 0, 1))

    def _scale(self, image: Image.Image) -> Image.Image:
        size, (width, height) = self.size, image.size
        if self._squash:
            return image.resize((size, size), self._filter)
        short = min(width, height)
        # As torchvision does, the longer side is rounded down, and the cut's place to even.
        width, height = int(size * width / short), int(size * height / short)
        if image.size != (width, height):
            image = image.resize((width, height), self._filter)
        left, top = round((width - size) / 2), round((height - size) / 2)
        return image.crop((left, top, left + size, top + size))


class PhotoReader:
    """Reads photos; one object serves any number of threads.

    Args:
        pixels: Prepares a photo.
        batch: How many photos are read together.
        fetcher: Fetches a URL.
    """

    def __init__(self, pixels: Pixels, batch: int, fetcher: Fetcher) -> None:
        self._pixels, self._batch, self.fetcher = pixels, batch, fetcher
        self._threads = ThreadPoolExecutor(math.ceil(batch * SHARE_READ), "reader")
        self._hosts = HostQueues(CONNECTIONS, CONNECTIONS_PER_HOST, "fetcher")
        self._decoding = threading.Semaphore(runner.cores())

    def __call__(
        self, photos: Sequence[Photo], crop: Crop = "center"
    ) -> Iterator[list[list[np.ndarray] | BadInput]]:
        """Yield batches: for each photo its views, as `Pixels` has them, or what is wrong."""
        if len(photos) == 1 and not isinstance(photos[0], Url):
            yield [self._read(photos[0], crop)]  # another thread would be no faster
            return
        starts = range(0, len(photos), self._batch)
        reading: list[Future[list[np.ndarray] | BadInput]] = []
        for following in [*(photos[start : start + self._batch] for start in starts), []]:
            current, reading = reading, [self._start(photo, crop) for photo in following]
            if current:
                with turns.aside():
                    found = [one.result() for one in current]
                yield found

    def _start(self, photo: Photo, crop: Crop) -> "Future[list[np.ndarray] | BadInput]":
        """Begin to read a photo."""
        read = functools.partial(contextvars.copy_context().run, self._read, photo, crop)
        if isinstance(photo, Url):
            return self._hosts.submit(place_of(photo), read)
        return self._threads.submit(read)

    def _read(self, photo: Photo, crop: Crop) -> list[np.ndarray] | BadInput:
        """Fetch, decode and prepare a photo: its views, or what is wrong."""
        runner.stop_if_cancelled()
        try:
            if isinstance(photo, Path):
                if photo.stat().st_size > MAX_FILE_BYTES:
                    return BadInput(f"is larger than {MAX_FILE_BYTES:,} bytes")
                photo = photo.read_bytes()
            content = self.fetcher(photo) if isinstance(photo, Url) else photo
            with self._decoding:
                return self._pixels.views(decode(content, self._pixels.size), crop)
        except BadInput as error:
            return error
