"""GPT-2 on ONNX Runtime, for many captions at once: first a prefix, then one token for each row.

The keys and values of earlier tokens stay where they are: the graph extends them in place. They are
copied only to a row that goes on with another row's text.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.serving.onnx import SLOW_FUSION, open_session


class CaptionDecoder:
    """The network; one object serves any number of threads.

    Args:
        directory: What `convert` wrote.
        about: `gpt2` of its `engine.json`: `layers`, `heads`, `width`.
        threads: Threads in one run of the network.
    """

    def __init__(self, directory: Path, about: dict[str, Any], threads: int) -> None:
        self.layers, self.heads = int(about["layers"]), int(about["heads"])
        self.width = int(about["width"])
        self.session = open_session(directory / "decoder.onnx", threads, disabled=[SLOW_FUSION])
        # The embeddings stay in their files: a step reads one row of each for a token.
        self.words = np.load(directory / "words.npy", mmap_mode="r")  # (tokens, width)
        self.places = np.load(directory / "places.npy", mmap_mode="r")  # (positions, width)

    def row_bytes(self, positions: int) -> int:
        """Count the bytes of a row of so many positions: keys, values, and twice the logits."""
        return 4 * (2 * self.layers * positions * self.width + 2 * len(self.words))


class Rows:
    """Captions that are being written, a row each.

    Args:
        decoder: The network.
        prefixes: What each row begins with, float32 (rows, prefix_length, width).
        tokens: The most tokens that a row will get.
        best: How many of the tokens that could come next are given.
        scale: The factor of the logits: 1 / temperature.

    Attributes:
        count: How many rows there are.
        values: Log-probabilities of the tokens that could come next, best first, float32
            (rows, best).
        tokens: The ids of these tokens, int64 (rows, best).
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
        embedded = prefixes + decoder.places[: self._prefix]  # (rows, prefix_length, width)
        self._run(embedded.reshape(-1, width).astype(np.float32), self._prefix)

    def split(self, each: int) -> None:
        """Make so many rows of each; none may have got a token yet."""
        if each == 1:
            return
        # (2 * layers, rows, heads, prefix_length, head width)
        first = self._cache[:, :, :, : self._prefix]
        self.count *= each
        self._allocate()
        layers, rows, *rest = self._cache.shape
        split = self._cache.reshape(layers, rows // each, each, *rest)
        split[:, :, :, :, : self._prefix] = first[:, :, None]
        self.values, self.tokens = (np.repeat(one, each, 0) for one in (self.values, self.tokens))

    def step(self, tokens: np.ndarray) -> None:
        """Add a token to each row, and find the tokens that could come after it.

        Args:
            tokens: Ids, int64 (rows,).
        """
        # For each position of a row, note the row that wrote it: where two rows have the same
        # writer, they have the same keys and values, and `move` need not copy them.
        self._writers[: self.count, self._length - self._prefix] = np.arange(self.count)
        self._length += 1
        # (rows, width)
        embedded = self._decoder.words[tokens] + self._decoder.places[self._length - 1]
        self._run(embedded.astype(np.float32), 1)

    def rank(self, best: int) -> None:
        """Give more of the tokens that could come next; this repeats the last run."""
        self._best = min(best, len(self._decoder.words))
        self._run(self._embedded, len(self._embedded) // self.count)

    def move(self, rows: np.ndarray, sources: np.ndarray) -> None:
        """Replace the text of some rows by that of others.

        Beams have most of their text in common: only what comes after that is copied.

        Args:
            rows: The rows to replace, int64 (n,).
            sources: The rows whose text they get, int64 (n,); no row may be in both.
        """
        for row, source in zip(rows.tolist(), sources.tolist(), strict=True):
            same = self._writers[row] == self._writers[source]  # (tokens,)
            first = self._prefix + int(same.argmin())
            if not same.all():
                self._copy(row, source, first)

    def keep(self, rows: Sequence[int] | np.ndarray) -> None:
        """Keep some rows only.

        Args:
            rows: The rows to keep, int64 (n,); `rows[0]` becomes row 0, and so on.
        """
        for place, row in enumerate(rows):
            if place != row:
                self._copy(place, row, 0)
        self.count = len(rows)

    def _copy(self, row: int, source: int, first: int) -> None:
        """Copy the positions of another row, from `first` on."""
        self._cache[:, row, :, first : self._length] = self._cache[
            :, source, :, first : self._length
        ]
        self._writers[row] = self._writers[source]

    def _allocate(self) -> None:
        """Make the buffers: layer L has its keys at 2L, its values at 2L + 1."""
        heads, width = self._decoder.heads, self._decoder.width
        shape = (2 * self._decoder.layers, self.count, heads, self._capacity, width // heads)
        self._cache = np.empty(shape, np.float32)
        # The row that wrote each position after the prefix, (rows, tokens).
        self._writers = np.zeros((self.count, self._capacity - self._prefix), np.int32)

    def _run(self, embedded: np.ndarray, length: int) -> None:
        """Run the network over embeddings, float32 (rows * length, width)."""
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
            shape = (self.count, *buffer.shape[1:])  # (rows, heads, positions, head width)
            place = ("cpu", 0, np.float32, shape, buffer.ctypes.data)
            binding.bind_input(f"past_{number}", *place)
            binding.bind_output(f"present_{number}", *place)
        binding.bind_output("values")
        binding.bind_output("tokens")
        self._decoder.session.run_with_iobinding(binding)
        self.values, self.tokens = (one.numpy() for one in binding.get_outputs()[-2:])
