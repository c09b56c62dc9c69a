"""A single-task recognizer: characters in, spans out, by ONNX Runtime and NumPy alone.

Restates HanLP's TransformerNamedEntityRecognizer: characters to token ids by a table, one forward
pass per batch, best tags (by CRF where the model has one), spans from tags.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hanlp_ner.decode import Crf, Span, TagSet
from zoo.serving.onnx import SLOW_FUSION, open_session

CODE_POINTS = 0x110000


class PieceAnswer(NamedTuple):
    """What a network finds in one piece of text.

    Attributes:
        spans: The entities, with offsets into the piece.
        tasks: HanLP's results of other tasks, by task.
    """

    spans: list[Span]
    tasks: dict[str, Any]


def pad(pieces: Sequence[NDArray[np.int32]], config: dict[str, Any]) -> NDArray[np.int64]:
    """A batch of token ids, int64 `(batch, length + 2)`: [CLS], the piece, [SEP], then zeros.

    Args:
        pieces: Token ids, int32 `(length,)` each.
        config: Ids of the special tokens.
    """
    batch = np.zeros((len(pieces), max(map(len, pieces)) + 2), dtype=np.int64)
    batch[:, 0] = config["cls"]
    for row, piece in zip(batch, pieces, strict=True):
        row[1 : len(piece) + 1] = piece
        row[len(piece) + 1] = config["sep"]
    return batch


def best(output: NDArray[Any], lengths: Sequence[int], crf: Crf | None) -> list[NDArray[np.int64]]:
    """The tag indices of each sequence of a batch: a graph's own choice, or its CRF's.

    Args:
        output: int64 `(batch, items)`, the graph's choice; or for a CRF float32
            `(batch, items, tags)`.
        lengths: Items of each sequence.
        crf: Decodes the scores; None where the graph has chosen.

    Returns:
        int64 `(items,)` of each sequence.
    """
    if crf is not None:
        return crf.decode(output, lengths)
    return [row[:length] for row, length in zip(output, lengths, strict=True)]


class Tagger:
    """The network of a single-task checkpoint, as `hanlp_ner.building.convert` wrote it."""

    tasks: Collection[str] = ()

    def __init__(self, directory: Path, config: dict[str, Any], threads: int) -> None:
        tables = np.load(directory / "tables.npz")
        self._config = config
        self._ids = np.full(CODE_POINTS, config["unknown"], dtype=np.int32)
        self._ids[tables["codes"]] = tables["ids"]
        self._tags = TagSet(config["tags"])
        self._crf = Crf.load(tables) if "crf_start" in tables else None
        self._session = open_session(directory / "model.onnx", threads, disabled=[SLOW_FUSION])

    def run(self, texts: list[str], tasks: Collection[str]) -> list[PieceAnswer]:  # noqa: ARG002
        """The entities of a batch of texts; there are no other tasks."""
        lengths = [len(text) for text in texts]
        codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
        ids = np.split(self._ids[codes], np.cumsum(lengths)[:-1])
        (output,) = self._session.run(None, {"input_ids": pad(ids, self._config)})
        return [
            PieceAnswer(self._tags.spans(tags), {}) for tags in best(output, lengths, self._crf)
        ]
