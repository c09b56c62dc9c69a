"""The recogniser itself: texts in, entities out, by ONNX Runtime and NumPy alone.

Restates HanLP's TransformerNamedEntityRecognizer (He and Choi, 2021): characters to token ids by a
table, one forward pass per batch of similar length, best tags (by CRF where the model has one), and
spans from tags.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from zoo.runner import Runner

from hanlp_ner.decode import Crf, Dictionary, Span, TagSet
from hanlp_ner.document import Window, cut

PADDED_TOKENS = 512  # per batch: little padding, and activations that stay in the cache
CODE_POINTS = 0x110000


class Recognizer:
    """Finds entities in texts. One object serves any number of threads.

    Args:
        directory: What `hanlp_ner.convert` wrote.
        threads: Threads inside one forward pass; 1 is right where several workers share a machine.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        tables = np.load(directory / "tables.npz")
        self._cls, self._sep, self._limit = config["cls"], config["sep"], config["limit"]
        self._ids = np.full(CODE_POINTS, config["unknown"], dtype=np.int32)
        self._ids[tables["codes"]] = tables["ids"]
        self._tags = TagSet(config["tags"])
        self._crf = None
        if "crf_start" in tables:
            self._crf = Crf(tables["crf_start"], tables["crf_transitions"], tables["crf_end"])
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(
            directory / "model.onnx", options, providers=["CPUExecutionProvider"]
        )
        self.types = sorted({tag[2:] for tag in config["tags"] if tag != "O"})
        self._runner: Runner[NDArray[np.int32], NDArray[np.int64]] = Runner(
            self._best_tags, len, PADDED_TOKENS
        )

    def __call__(
        self, texts: Sequence[str], dictionary: Mapping[str, str] | None = None
    ) -> list[list[Span] | Exception]:
        """Finds the entities of each text.

        Args:
            texts: Texts of any length; long ones are cut at sentence ends.
            dictionary: Entity type by word, for words that must come out as given.

        Returns:
            For each text its entities in order, with character offsets into the text as given, or
            the exception that it caused.
        """
        words = Dictionary(dictionary or {})
        segments = [cut(text, self._limit) if text else [] for text in texts]
        pieces: list[NDArray[np.int32]] = []
        for text, parts in zip(texts, segments, strict=True):
            codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
            ids = self._ids[codes]
            pieces.extend(ids[window.start : window.stop] for part in parts for window in part)
        tags = iter(self._runner(pieces))
        answers: list[list[Span] | Exception] = []
        for text, parts in zip(texts, segments, strict=True):
            # Takes this text's pieces off the iterator even where one of them failed.
            found = [[next(tags) for _ in part] for part in parts]
            try:
                spans = [
                    span for pair in zip(parts, found, strict=True) for span in self._spans(*pair)
                ]
                answers.append(words.apply(text, spans))
            except Exception as error:
                answers.append(error)
        return answers

    def _spans(self, part: list[Window], tags: list[NDArray[np.int64] | Exception]) -> list[Span]:
        """The entities of one segment; raises what one of its windows raised."""
        kept = []
        for window, window_tags in zip(part, tags, strict=True):
            if isinstance(window_tags, Exception):
                raise window_tags
            kept.append(window_tags[window.keep[0] - window.start : window.keep[1] - window.start])
        return self._tags.spans(np.concatenate(kept), offset=part[0].start)

    def _best_tags(self, pieces: list[NDArray[np.int32]]) -> list[NDArray[np.int64]]:
        """The tag index of every character of a batch of pieces; runs on the engine thread."""
        lengths = [len(piece) for piece in pieces]
        batch = np.zeros((len(pieces), max(lengths) + 2), dtype=np.int64)
        batch[:, 0] = self._cls
        for row, piece in zip(batch, pieces, strict=True):
            row[1 : len(piece) + 1] = piece
            row[len(piece) + 1] = self._sep
        (output,) = self._session.run(None, {"input_ids": batch})
        if self._crf is not None:
            return self._crf.decode(output, lengths)
        return [row[:length] for row, length in zip(output, lengths, strict=True)]
