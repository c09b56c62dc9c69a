"""Photos to pixels: fetched and decoded in parallel, a batch ahead of the network.

Pixels are held for two batches only, however many photos a request has.
"""

import contextvars
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from clip_caption.pixels import Pixels
from zoo.data.fetch import Fetcher
from zoo.data.images import decode
from zoo.errors import BadInput
from zoo.serving import runner

THREADS = 8  # that fetch; no more decode at a time than there are cores
Photo = bytes | str
"""A file's bytes, or a URL."""


class Reader:
    """Reads photos; one object serves any number of threads.

    Args:
        pixels: A photo's pixels as the network takes them.
        batch: How many are read together.
        fetcher: What URLs are fetched with.
    """

    def __init__(self, pixels: Pixels, batch: int, fetcher: Fetcher) -> None:
        self._pixels, self._batch, self._fetcher = pixels, batch, fetcher
        self._threads = ThreadPoolExecutor(THREADS, "reader")
        self._decoding = threading.Semaphore(runner.cores())

    def __call__(self, photos: Sequence[Photo]) -> Iterator[list[np.ndarray | BadInput]]:
        """Yield batches of pixels, float32 (3, size, size) each, or what is wrong with a photo."""
        starts = range(0, len(photos), self._batch)
        reading: list[Future[np.ndarray | BadInput]] = []
        for following in [*(photos[start : start + self._batch] for start in starts), []]:
            current, reading = reading, [self._start(photo) for photo in following]
            if current:
                yield [one.result() for one in current]

    def _start(self, photo: Photo) -> "Future[np.ndarray | BadInput]":
        return self._threads.submit(contextvars.copy_context().run, self._read, photo)

    def _read(self, photo: Photo) -> np.ndarray | BadInput:
        runner.stop_if_cancelled()
        try:
            content = self._fetcher(photo) if isinstance(photo, str) else photo
            with self._decoding:
                return self._pixels(decode(content, self._pixels.size))
        except BadInput as error:
            return error
