"""GPT-2 on ONNX Runtime: its graphs, and its embeddings of tokens and places."""

import functools
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.decoding.rows import DeviceRows, HostRows, Rows
from zoo.serving.onnx import SLOW_FUSION, device_of, on_gpu, open_session

GRAPH, COPIER = "decoder.onnx", "rows.onnx"  # only a decoder that is built for GPUs has a copier
DRAFT = "draft.onnx"  # the same GPT-2 in int8, beside one in float32 for CPUs
WORDS, PLACES = "words.npy", "places.npy"  # embeddings
SHARE, COPIER_SHARE = 0.35, 0.05  # of the GPU's memory; keys and values aren't in these


class CaptionDecoder:
    """The network; one object serves any number of threads.

    Args:
        directory: What `convert` wrote.
        about: `gpt2` of its `engine.json`: `layers`, `heads`, `width`.
        threads: Threads in one run of the network.
        graph: The name of the graph's file.

    Attributes:
        session: The network's.
        copier: The graph's that copies rows; None where keys and values are extended in place.
        device: Where keys and values are: "cuda" or "cpu".
        kind: The type of keys and values: float32 or float16.
    """

    def __init__(
        self, directory: Path, about: dict[str, Any], threads: int, graph: str = GRAPH
    ) -> None:
        self._opened = directory, about, threads
        self.layers, self.heads = int(about["layers"]), int(about["heads"])
        self.width = int(about["width"])
        copier, disabled = directory / COPIER, [SLOW_FUSION]
        gpu = copier.is_file()
        self.session = open_session(directory / graph, threads, disabled, gpu, SHARE)
        there = on_gpu(self.session)
        self.copier = open_session(copier, threads, (), there, COPIER_SHARE) if gpu else None
        self.device = device_of(self.copier or self.session)  # both must be there
        types = {one.name: one.type for one in self.session.get_inputs()}
        self.kind = np.dtype(np.float16 if types["past_0"] == "tensor(float16)" else np.float32)
        # The embeddings stay in their files: a step reads one row of each for a token.
        # (tokens, width), (positions, width)
        self.words, self.places = (
            np.asarray(np.load(directory / name, mmap_mode="r")) for name in (WORDS, PLACES)
        )

    @functools.cached_property
    def draft(self) -> "CaptionDecoder | None":
        """The GPT-2 that guesses what this one will say; None where there is none.

        It is opened when it is needed first: few requests have a use for it.
        """
        directory, about, threads = self._opened
        there = (directory / DRAFT).is_file()
        return CaptionDecoder(directory, about, threads, DRAFT) if there else None

    def rows(
        self, prefixes: np.ndarray, each: int, tokens: int, best: int, scale: float = 1.0
    ) -> Rows:
        """Begin captions; for the arguments see `Rows`."""
        kind = DeviceRows if self.copier else HostRows
        return kind(self, prefixes, each, tokens, best, scale)

    def row_bytes(self, positions: int) -> int:
        """Count the bytes of a row of so many positions: keys, values, and twice the logits."""
        buffers = 2 if self.copier else 1
        cache = 2 * self.layers * positions * self.width * self.kind.itemsize
        return buffers * cache + 4 * 2 * len(self.words)
