"""Captions that are being written: first a prefix, then one token after another for each row.

On a CPU the graph extends keys and values in place: they are copied only to a row that goes on with
another row's text. On a GPU they stay in its memory, in two buffers: each run reads one and writes
the other, and so does a copy of rows in a new order. Only log-probabilities and tokens come back.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from clip_caption.decoding.decoder import CaptionDecoder


class Rows(ABC):
    """Captions that are being written, a row each.

    Args:
        decoder: The network.
        prefixes: What each row begins with, float32 (rows, prefix_length, width).
        each: How many rows `split` makes of each.
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
        decoder: "CaptionDecoder",
        prefixes: np.ndarray,
        each: int,
        tokens: int,
        best: int,
        scale: float = 1.0,
    ) -> None:
        self._decoder, self._each = decoder, each
        self.values: np.ndarray
        self.tokens: np.ndarray
        self.count, self._prefix, width = prefixes.shape
        self._length, self._capacity = self._prefix, self._prefix + tokens
        self._best, self._scale = min(best, len(decoder.words)), np.array([scale], np.float32)
        self._binding = decoder.session.io_binding()
        self._allocate()
        embedded = prefixes + decoder.places[: self._prefix]  # (rows, prefix_length, width)
        self._run(embedded.reshape(-1, width).astype(np.float32), self._prefix)

    def split(self) -> None:
        """Make `each` rows of each; none may have got a token yet."""
        if self._each > 1:
            self._split()
            self.values = np.repeat(self.values, self._each, 0)
            self.tokens = np.repeat(self.tokens, self._each, 0)

    def step(self, tokens: np.ndarray) -> None:
        """Add a token, int64 (rows,), to each row, and find those that could come after it."""
        self._before_step()
        self._length += 1
        # (rows, width)
        embedded = self._decoder.words[tokens] + self._decoder.places[self._length - 1]
        self._run(embedded.astype(np.float32), 1)

    def rank(self, best: int) -> None:
        """Give more of the tokens that could come next: repeat the last run."""
        self._best = min(best, len(self._decoder.words))
        self._run(self._embedded, len(self._embedded) // self.count)

    @abstractmethod
    def move(self, rows: np.ndarray, sources: np.ndarray) -> None:
        """Replace the text of some rows by that of others.

        Args:
            rows: The rows to replace, int64 (n,).
            sources: The rows whose text they get, int64 (n,); no row may be in both.
        """

    @abstractmethod
    def keep(self, rows: Sequence[int] | np.ndarray) -> None:
        """Keep some rows only, int64 (n,): `rows[0]` becomes row 0, and so on."""

    @abstractmethod
    def _allocate(self) -> None:
        """Make room for keys and values."""

    @abstractmethod
    def _split(self) -> None:
        """Make `each` rows of each, of keys and values."""

    @abstractmethod
    def _before_step(self) -> None:
        """Prepare keys and values for one more token."""

    @abstractmethod
    def _bind(self, binding: Any) -> None:
        """Bind keys and values of a run, where they aren't those of the run before."""

    def _run(self, embedded: np.ndarray, length: int, each: bool = False) -> None:
        """Run the network over embeddings.

        Args:
            embedded: float32 (rows * length, width).
            length: How many each row has.
            each: Whether to find what could come after each embedding, not only after a row's last.
        """
        self._embedded = embedded
        asked = np.arange(len(embedded))
        feed = {
            "embeddings": embedded,
            "shape": np.array([self.count, length, 3 * self._decoder.width]),
            "last": asked if each else asked[length - 1 :: length],
            "scale": self._scale,
            "k": np.array([self._best]),
        }
        binding = self._binding
        for name, values in feed.items():
            binding.bind_cpu_input(name, values)
        # The results have memory of their own: merely to list a binding's outputs takes 0.2 ms.
        shape = (len(feed["last"]), self._best)
        self.values, self.tokens = np.empty(shape, np.float32), np.empty(shape, np.int64)
        for name, found in (("values", self.values), ("tokens", self.tokens)):
            binding.bind_output(name, "cpu", 0, found.dtype, shape, found.ctypes.data)
        self._bind(binding)
        self._decoder.session.run_with_iobinding(binding)

    def _bind_cache(
        self, bind: Any, name: str, start: int, step: int, rows: int, positions: int
    ) -> None:
        """Bind all keys and values, which start every `step` bytes: past_N or present_N."""
        decoder = self._decoder
        shape = (rows, decoder.heads, positions, decoder.width // decoder.heads)
        for number in range(2 * decoder.layers):
            address = start + number * step
            bind(f"{name}_{number}", decoder.device, 0, decoder.kind, shape, address)


class HostRows(Rows):
    """Rows whose keys and values are NumPy's, which the graph extends in place."""

    _bound: tuple[int, ...] = ()  # where the bound keys and values are

    @property
    def written(self) -> int:
        """How many tokens were added to each row."""
        return self._length - self._prefix

    def extend(self, tokens: Sequence[int]) -> None:
        """Add tokens to the only row: `values` and `tokens` get a row for each of them."""
        places = slice(self._length, self._length + len(tokens))
        self._length = places.stop
        # (tokens, width)
        embedded = self._decoder.words[list(tokens)] + self._decoder.places[places]
        self._run(embedded.astype(np.float32), len(tokens), each=True)

    def cut(self, tokens: int) -> None:
        """Leave so many tokens of each row at most."""
        self._length = min(self._length, self._prefix + tokens)

    def move(self, rows: np.ndarray, sources: np.ndarray) -> None:
        """See `Rows`. Beams have most of their text in common: only what differs is copied."""
        for row, source in zip(rows.tolist(), sources.tolist(), strict=True):
            same = self._writers[row] == self._writers[source]  # (tokens,)
            first = self._prefix + int(same.argmin())
            if not same.all():
                self._copy(row, source, first)

    def keep(self, rows: Sequence[int] | np.ndarray) -> None:
        """See `Rows`."""
        for place, row in enumerate(rows):
            if place != row:
                self._copy(place, row, 0)
        self.count = len(rows)

    def _split(self) -> None:
        # (2 * layers, rows, heads, prefix_length, head width)
        first = self._cache[:, :, :, : self._prefix]
        self.count *= self._each
        self._allocate()
        layers, rows, *rest = self._cache.shape
        split = self._cache.reshape(layers, rows // self._each, self._each, *rest)
        split[:, :, :, :, : self._prefix] = first[:, :, None]

    def _before_step(self) -> None:
        # Where two rows have the same writer, they have the same keys and values, and `move` need
        # not copy them.
        self._writers[: self.count, self._length - self._prefix] = np.arange(self.count)

    def _copy(self, row: int, source: int, first: int) -> None:
        """Copy the positions of another row, from `first` on."""
        cut = slice(first, self._length)
        self._cache[:, row, :, cut] = self._cache[:, source, :, cut]
        self._writers[row] = self._writers[source]

    def _allocate(self) -> None:
        """Make the buffers: layer L has its keys at 2L, its values at 2L + 1."""
        heads, width = self._decoder.heads, self._decoder.width
        shape = (2 * self._decoder.layers, self.count, heads, self._capacity, width // heads)
        self._cache = np.empty(shape, self._decoder.kind)
        # The row that wrote each position after the prefix, (rows, tokens).
        self._writers = np.zeros((self.count, self._capacity - self._prefix), np.int32)

    def _bind(self, binding: Any) -> None:
        binding.bind_cpu_input("lengths", np.full(self.count, self._length - 1, np.int32))
        binding.bind_cpu_input("total", np.array([self._length], np.int32))
        place = (self._cache.ctypes.data, self._cache.strides[0], self.count, self._capacity)
        if place != self._bound:  # to bind them takes as long as a twentieth of a step in int8
            self._bound = place
            self._bind_cache(binding.bind_input, "past", *place)
            self._bind_cache(binding.bind_output, "present", *place)


class DeviceRows(Rows):
    """Rows whose keys and values stay on the device, in two buffers."""

    _order: np.ndarray  # of each row, the written buffer's row that it goes on with, (rows,)

    def move(self, rows: np.ndarray, sources: np.ndarray) -> None:
        """See `Rows`."""
        self._order[rows] = self._order[sources]

    def keep(self, rows: Sequence[int] | np.ndarray) -> None:
        """See `Rows`."""
        self._order = self._order[rows]
        self.count = len(rows)

    def _split(self) -> None:
        self._order = np.repeat(self._order, self._each)
        self.count *= self._each

    def _allocate(self) -> None:
        import onnxruntime

        decoder = self._decoder
        size = 2 * decoder.layers * self.count * self._each * self._capacity * decoder.width
        self._buffers = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
            [2, size], decoder.kind, decoder.device
        )
        self._buffer_bytes = size * decoder.kind.itemsize
        self._read = 0  # the buffer that a run reads; it writes the other
        self._written = self.count  # rows of the buffer that was written
        self._order = np.arange(self.count)

    def _before_step(self) -> None:
        self._read = 1 - self._read
        if not np.array_equal(self._order, np.arange(self._written)):
            copier: Any = self._decoder.copier
            binding = copier.io_binding()
            binding.bind_cpu_input("sources", self._order)
            self._bind_buffers(binding, self._written, self._length)
            copier.run_with_iobinding(binding)
            self._read = 1 - self._read
        self._written, self._order = self.count, np.arange(self.count)

    def _bind(self, binding: Any) -> None:
        self._bind_buffers(binding, self.count, self._length - len(self._embedded) // self.count)

    def _bind_buffers(self, binding: Any, rows: int, positions: int) -> None:
        """Bind the buffer that is read, with so many rows and positions, and the other."""
        for bind, name, place, many, long in (
            (binding.bind_input, "past", self._read, rows, positions),
            (binding.bind_output, "present", 1 - self._read, self.count, self._length),
        ):
            start = self._buffers.data_ptr() + place * self._buffer_bytes
            step = many * long * self._decoder.width * self._decoder.kind.itemsize
            self._bind_cache(bind, name, start, step, many, long)
