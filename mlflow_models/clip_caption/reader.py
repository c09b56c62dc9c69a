"""Photos of a request to CLIP's features: fetched and decoded in parallel, embedded in batches.

Pixels are held for two batches only, however many rows a request has.
"""

import contextvars
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from zoo.data.fetch import MAX_URL, Fetcher
from zoo.data.images import decode
from zoo.errors import BadInput, BadRow
from zoo.serving import runner
from zoo.serving.rows import is_null, read_files, read_texts

IMAGE, URL = "image", "image_url"
THREADS = 8  # that fetch; no more decode at a time than there are cores


@dataclass(frozen=True)
class Source:
    """Where the photo of a row is: a file's content in column `image`, or an `image_url`."""

    row: int
    column: str
    value: bytes | str


def read_sources(table: Any) -> list[Source | BadRow]:
    """The rows of a request; each has one of the two columns.

    Raises:
        BadInput: The request has neither column.
    """
    if not isinstance(table, pd.DataFrame):
        raise BadInput(f"The request is not a table; send a column '{IMAGE}' or '{URL}'.")
    nothing: list[Any] = [None] * len(table)
    given = {name: table[name].tolist() if name in table else nothing for name in (IMAGE, URL)}
    if IMAGE not in table and URL not in table:
        raise BadInput(f"The request has neither a column '{IMAGE}' nor a column '{URL}'.")
    files = read_files(table, IMAGE) if IMAGE in table else nothing
    urls = read_texts(table, URL, MAX_URL) if URL in table else nothing
    rows: list[Source | BadRow] = []
    for row, values in enumerate(zip(given[IMAGE], given[URL], strict=True)):
        has_image, has_url = (not is_null(value) for value in values)
        if has_image == has_url:
            both = "both it and" if has_image else "neither it nor"
            rows.append(BadRow(row, IMAGE, f"one of the two is needed, {both} '{URL}' is given"))
            continue
        column, value = (IMAGE, files[row]) if has_image else (URL, urls[row])
        rows.append(value if isinstance(value, BadRow) else Source(row, column, value))
    return rows


class Reader:
    """Reads photos; one object serves any number of threads.

    Args:
        pixels: An image's pixels as the network takes them.
        size: The side of the square that it looks at.
        embed: Features of pixels, in order; for what failed, its exception.
        batch: How many are embedded at once.
        fetcher: What `image_url`s are fetched with.
    """

    def __init__(
        self,
        pixels: Callable[[Image.Image], np.ndarray],
        size: int,
        embed: Callable[[list[np.ndarray]], list[np.ndarray | Exception]],
        batch: int,
        fetcher: Fetcher,
    ) -> None:
        self._pixels, self._size, self._embed, self._batch = pixels, size, embed, batch
        self.fetcher = fetcher
        self._threads = ThreadPoolExecutor(THREADS, "reader")
        self._decoding = threading.Semaphore(runner.cores())

    def __call__(self, sources: Sequence[Source]) -> list[np.ndarray | Exception]:
        """Features, (d,), of each photo, or what is wrong with it: a `BadRow`."""
        starts = range(0, len(sources), self._batch)
        batches = [sources[start : start + self._batch] for start in starts]
        features: list[np.ndarray | Exception] = []
        reading: list[Future[np.ndarray | BadRow]] = []
        for following in [*batches, []]:
            current, reading = reading, [self._start(source) for source in following]
            features += self._embedded([one.result() for one in current])
        return features

    def _start(self, source: Source) -> "Future[np.ndarray | BadRow]":
        return self._threads.submit(contextvars.copy_context().run, self._read, source)

    def _read(self, source: Source) -> np.ndarray | BadRow:
        runner.stop_if_cancelled()
        try:
            value = source.value
            content = self.fetcher(value) if isinstance(value, str) else value
            with self._decoding:
                return self._pixels(decode(content, self._size))
        except BadInput as error:
            return BadRow(source.row, source.column, str(error))

    def _embedded(self, batch: list[np.ndarray | BadRow]) -> list[np.ndarray | Exception]:
        found = iter(self._embed([one for one in batch if not isinstance(one, BadRow)]))
        return [one if isinstance(one, BadRow) else next(found) for one in batch]
