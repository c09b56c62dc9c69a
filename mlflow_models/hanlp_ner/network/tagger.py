"""A single-task recognizer: characters in, spans out, by ONNX Runtime and NumPy alone.

This is HanLP's TransformerNamedEntityRecognizer, written again: a table turns characters into token
ids, each batch has one forward pass, the best tags are found (by a CRF if the model has one), and
spans are made of the tags.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hanlp_ner.network.confidence import Confidence, read_temperature
from hanlp_ner.network.decode import Crf, Span, TagSet
from hanlp_ner.network.rules import Rules
from zoo.serving.onnx import CRASHES_IN_FLOAT16, SLOW_FUSION, on_gpu, open_session

CODE_POINTS = 0x110000
LEFT_OUT = (SLOW_FUSION, CRASHES_IN_FLOAT16)  # of ONNX Runtime's optimizations
GPU_STEP_TOKENS = 32  # a GPU chooses its kernels, and its memory, for each length anew


class PieceAnswer(NamedTuple):
    """What a network finds in one piece of text.

    Attributes:
        spans: The entities, with offsets into the piece.
        tasks: HanLP's results of other tasks, by task.
    """

    spans: list[Span]
    tasks: dict[str, Any]


class Padding:
    """How pieces are filled up to a batch.

    Args:
        config: The ids of the special tokens, `cls` and `sep`, and the `limit` of other tokens.
        step: A batch's length, in tokens, is a multiple of it, or the model's limit. What is filled
            up is masked, so it changes no result.
    """

    def __init__(self, config: dict[str, Any], step: int) -> None:
        self._config, self._step = config, step

    def width(self, length: int) -> int:
        """Give the length of a batch, in tokens, whose longest piece has `length` tokens."""
        return min(-(-(length + 2) // self._step) * self._step, self._config["limit"] + 2)

    def __call__(self, pieces: Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
        """Join pieces to a batch, each row [CLS], the piece, [SEP], then zeros.

        Args:
            pieces: For each piece its token ids, int32 (length,).

        Returns:
            Token ids, int64 (batch, width).
        """
        batch = np.zeros((len(pieces), self.width(max(map(len, pieces)))), dtype=np.int64)
        batch[:, 0] = self._config["cls"]
        for row, piece in zip(batch, pieces, strict=True):
            row[1 : len(piece) + 1] = piece
            row[len(piece) + 1] = self._config["sep"]
        return batch


def padding(config: dict[str, Any], session: Any) -> Padding:
    """Choose how batches are filled up on the device of a session."""
    return Padding(config, GPU_STEP_TOKENS if on_gpu(session) else 1)


def best(
    scores: NDArray[np.float32], lengths: Sequence[int], crf: Crf | None
) -> list[NDArray[np.int64]]:
    """Choose the tags of each sequence of a batch.

    Args:
        scores: The network's, float32 (batch, items, tags). What comes after the longest sequence
            is padding.
        lengths: How many items each sequence has.
        crf: Decodes the scores. None: each item has the tag of the highest score.

    Returns:
        For each sequence its tag indices, int64 (items,).
    """
    if crf is not None:
        return crf.decode(scores[:, : max(lengths)], lengths)
    return [row[:length].argmax(axis=1) for row, length in zip(scores, lengths, strict=True)]


class Tagger:
    """The network of a single-task checkpoint, as `hanlp_ner.building.convert` wrote it.

    Attributes:
        tasks: The names of other tasks; there are none.
        on_gpu: Whether it runs on a GPU.
        pad: Fills up pieces to a batch.
        confidence: Computes the confidence of entities.
    """

    tasks: Collection[str] = ()

    def __init__(self, directory: Path, config: dict[str, Any], threads: int) -> None:
        tables = np.load(directory / "tables.npz")
        self._ids = np.full(CODE_POINTS, config["unknown"], dtype=np.int32)
        self._ids[tables["codes"]] = tables["ids"]
        self._tags = TagSet(config["tags"])
        self._crf = Crf.load(tables) if "crf_start" in tables else None
        self._rules, self._normal = Rules(config["rules"]), config["normal"]
        self.confidence = Confidence(self._tags, self._crf, read_temperature(directory))
        self._session = open_session(directory / "model.onnx", threads, disabled=LEFT_OUT)
        self.on_gpu, self.pad = on_gpu(self._session), padding(config, self._session)

    def run(self, texts: list[str], tasks: Collection[str]) -> list[PieceAnswer]:  # noqa: ARG002
        """Find the entities of a batch of texts; there are no other tasks."""
        lengths = [len(text) for text in texts]
        # (characters of all texts,)
        codes = np.frombuffer("".join(texts).encode("utf-32-le"), dtype=np.uint32)
        ids = np.split(self._ids[codes], np.cumsum(lengths)[:-1])  # (length,) each
        (scores,) = self._session.run(None, {"input_ids": self.pad(ids)})  # (batch, length, tags)
        paths = best(scores, lengths, self._crf)
        spans = [[Span(*span) for span in self._tags.spans(path)] for path in paths]
        spans = self.confidence(scores, paths, spans)
        if self._rules.any:
            spans = [self._ruled(*each) for each in zip(texts, paths, spans, strict=True)]
        return [PieceAnswer(row, {}) for row in spans]

    def _ruled(self, text: str, path: NDArray[np.int64], spans: list[Span]) -> list[Span]:
        """Apply the checkpoint's own rules to the entities of a text."""
        names = [self._tags.tags[tag] for tag in path]
        normal = [self._normal.get(character, character) for character in text]
        return self._rules.entities(names, spans, text, normal)
