"""GPT-2 on ONNX Runtime, many captions at once: a prefix first, then a token for each row in turn.

Keys and values of the tokens so far stay where they are: the graph extends them in place, and only
a row that goes on with another row's text is copied.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.serving.onnx import SLOW_FUSION, open_session


class CaptionDecoder:
    """The network; one object serves any number of threads.

    Args:
        directory: what `convert` wrote.
        about: of its `engine.json`, `gpt2`: `layers`, `heads`, `width`.
        threads: inside one run of the network.
    """

    def __init__(self, directory: Path, about: dict[str, Any], threads: int) -> None:
        self.layers, self.heads = int(about["layers"]), int(about["heads"])
        self.width = int(about["width"])
        self.session = open_session(directory / "decoder.onnx", threads, disabled=[SLOW_FUSION])
        # of these a step reads a row per token, so they stay in the file
        self.words = np.load(directory / "words.npy", mmap_mode="r")
        self.places = np.load(directory / "places.npy", mmap_mode="r")

    def row_bytes(self, positions: int) -> int:
        """What a row takes that has so many positions: keys, values, and twice the logits."""
        return 4 * (2 * self.layers * positions * self.width + 2 * len(self.words))


class Rows:
    """Captions that are being written, a row each.

    Args:
        decoder: the network.
        prefixes: what each begins with, (rows, prefix_length, width), float32.
        tokens: the most that a row will be given.
        best: how many tokens to tell of, of those that could come next.
        scale: what logits are multiplied with: 1 / temperature.

    Attributes:
        count: of rows.
        values: log-probabilities of what could come next, best first: (rows, best).
        tokens: their ids, (rows, best).
    """

    def __init__(
        self,
        decoder: CaptionDecoder,
        prefixes: np.ndarray,
        tokens: int,
        best: int,
        scale: float = 1.0,
    ) -> None:
        self._decoder = decoder
        self.values: np.ndarray
        self.tokens: np.ndarray
        self.count, self._prefix, width = prefixes.shape
        self._length, self._capacity = self._prefix, self._prefix + tokens
        self._best, self._scale = min(best, len(decoder.words)), np.array([scale], np.float32)
        self._allocate()
        embedded = prefixes + decoder.places[: self._prefix]
        self._run(embedded.reshape(-1, width).astype(np.float32), self._prefix)

    def split(self, each: int) -> None:
        """Makes so many rows of each, which has been given no token yet."""
        if each == 1:
            return
        first = self._cache[:, :, :, : self._prefix]
        self.count *= each
        self._allocate()
        layers, rows, *rest = self._cache.shape
        split = self._cache.reshape(layers, rows // each, each, *rest)
        split[:, :, :, :, : self._prefix] = first[:, :, None]
        self.values, self.tokens = (np.repeat(one, each, 0) for one in (self.values, self.tokens))

    def step(self, tokens: np.ndarray) -> None:
        """Gives each row its next token, (rows,), and finds what could come after it."""
        # of a position, what a row has there is known by the row that wrote it
        self._writers[: self.count, self._length - self._prefix] = np.arange(self.count)
        self._length += 1
        embedded = self._decoder.words[tokens] + self._decoder.places[self._length - 1]
        self._run(embedded.astype(np.float32), 1)

    def rank(self, best: int) -> None:
        """Tells of more tokens that could come next: the last run is done again."""
        self._best = min(best, len(self._decoder.words))
        self._run(self._embedded, len(self._embedded) // self.count)

    def move(self, rows: np.ndarray, sources: np.ndarray) -> None:
        """Lets `rows` go on from what `sources` have; no row may be in both.

        Beams have most of their text in common: what is copied begins where theirs differ.
        """
        for row, source in zip(rows.tolist(), sources.tolist(), strict=True):
            same = self._writers[row] == self._writers[source]
            first = self._prefix + int(same.argmin())
            if not same.all():
                self._copy(row, source, first)

    def keep(self, rows: Sequence[int] | np.ndarray) -> None:
        """Keeps some rows only: the first of what is left is `rows[0]`, and so on."""
        for place, row in enumerate(rows):
            if place != row:
                self._copy(place, row, 0)
        self.count = len(rows)

    def _copy(self, row: int, source: int, first: int) -> None:
        """Gives a row the positions of another, from `first` on."""
        self._cache[:, row, :, first : self._length] = self._cache[
            :, source, :, first : self._length
        ]
        self._writers[row] = self._writers[source]

    def _allocate(self) -> None:
        """Buffers: of layer L, keys 2L and values 2L + 1."""
        heads, width = self._decoder.heads, self._decoder.width
        shape = (2 * self._decoder.layers, self.count, heads, self._capacity, width // heads)
        self._cache = np.empty(shape, np.float32)
        self._writers = np.zeros((self.count, self._capacity - self._prefix), np.int32)

    def _run(self, embedded: np.ndarray, length: int) -> None:
        """Runs the network over embeddings, (rows x length, width)."""
        self._embedded = embedded
        feed = {
            "embeddings": embedded,
            "shape": np.array([self.count, length, 3 * self._decoder.width]),
            "lengths": np.full(self.count, self._length - 1, np.int32),
            "total": np.array([self._length], np.int32),
            "last": np.arange(self.count) * length + length - 1,
            "scale": self._scale,
            "k": np.array([self._best]),
        }
        binding = self._decoder.session.io_binding()
        for name, values in feed.items():
            binding.bind_cpu_input(name, values)
        for number, buffer in enumerate(self._cache):
            shape = (self.count, *buffer.shape[1:])
            place = ("cpu", 0, np.float32, shape, buffer.ctypes.data)
            binding.bind_input(f"past_{number}", *place)
            binding.bind_output(f"present_{number}", *place)
        binding.bind_output("values")
        binding.bind_output("tokens")
        self._decoder.session.run_with_iobinding(binding)
        self.values, self.tokens = (one.numpy() for one in binding.get_outputs()[-2:])
