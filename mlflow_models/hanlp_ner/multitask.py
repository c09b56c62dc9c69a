"""A multi-task checkpoint: words by its tokenizer, then entities and tags of the words.

Restates HanLP's MultiTaskLearning (He and Choi, 2021) for its tasks of sequence labeling (words,
parts of speech, entities), which ONNX Runtime and NumPy run alone. Its parsers (dependencies,
semantics, roles, constituents) are HanLP's own code on torch, loaded when first asked for.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from hanlp_ner.decode import Crf, Span, TagSet
from hanlp_ner.tagger import PieceAnswer, best, pad
from zoo.errors import BadInput
from zoo.serving.onnx import SLOW_FUSION, open_session

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text as sub-tokens: their ids, and the characters `(start, end)` that each stands for."""

    text: str
    ids: NDArray[np.int32]
    offsets: list[tuple[int, int]]

    def characters(self, first: int, last: int) -> tuple[int, int]:
        """The characters that sub-tokens `first` to `last` (exclusive) stand for."""
        return self.offsets[first][0], self.offsets[last - 1][1]

    def texts(self, ranges: list[tuple[int, int]]) -> list[str]:
        """The text of each range of sub-tokens."""
        spans = (self.characters(first, last) for first, last in ranges)
        return [self.text[start:end] for start, end in spans]


class Head:
    """The classifier of one task of sequence labeling, on the vectors of sub-tokens or words."""

    def __init__(self, directory: Path, head: dict[str, Any], threads: int) -> None:
        stem = head["file"]
        self.gives, self.after = head["gives"], head["after"]
        self.tags = TagSet(head["tags"])
        self._session = open_session(directory / f"{stem}.onnx", threads, disabled=[SLOW_FUSION])
        crf = directory / f"{stem}.npz"
        self._crf = Crf.load(np.load(crf)) if crf.is_file() else None

    def run(
        self, hidden: NDArray[np.float32], items: list[list[tuple[int, int]]]
    ) -> list[NDArray[np.int64]]:
        """The tag indices of the items of each sentence.

        Args:
            hidden: The encoder's output, `(batch, length + 2, width)`.
            items: Ranges of sub-tokens, such as words, by sentence; an item's vector is the mean
                over its sub-tokens.

        Returns:
            int64 `(items,)` of each sentence.
        """
        widest = max(last - first for row in items for first, last in row)
        places = np.zeros((len(items), max(map(len, items)), widest), dtype=np.int64)
        for row, ranges in zip(places, items, strict=True):
            for place, (first, last) in zip(row, ranges, strict=False):
                place[: last - first] = np.arange(first + 1, last + 1)  # after [CLS]
        (output,) = self._session.run(None, {"hidden": hidden, "places": places})
        return best(output, [len(row) for row in items], self._crf)


class MultiTask:
    """The networks of a multi-task checkpoint, as `hanlp_ner.building.convert` wrote them."""

    def __init__(self, directory: Path, config: dict[str, Any], threads: int) -> None:
        self._config = config
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._normal = str.maketrans(config["normal"])
        self._encoder = open_session(directory / "encoder.onnx", threads, disabled=[SLOW_FUSION])
        self._heads = {
            task: Head(directory, head, threads) for task, head in config["heads"].items()
        }
        self._hanlp = _Hanlp(directory / "hanlp", shared=config["shared"])
        self.tasks = (*self._heads, *config["others"])

    def run(self, texts: list[str], tasks: Collection[str]) -> list[PieceAnswer]:
        """The entities of a batch of texts, and the results of other tasks."""
        pieces = [self._split(text) for text in texts]
        ids = [piece.ids for piece in pieces]
        (hidden,) = self._encoder.run(None, {"input_ids": pad(ids, self._config)})
        recognizer = self._config["recognizer"]
        wanted = {recognizer, *tasks}.intersection(self._heads)
        words = {
            task: self._words(task, hidden, pieces)
            for task in {self._heads[task].after or task for task in wanted}
        }
        results: list[dict[str, Any]] = [{} for _ in pieces]
        spans: list[list[Span]] = []
        for task in wanted:
            head = self._heads[task]
            items = words[head.after or task]
            if head.gives == "words":
                for result, piece, row in zip(results, pieces, items, strict=True):
                    result[task] = piece.texts(row)
                continue
            found = head.run(hidden, items)
            for result, piece, row, indices in zip(results, pieces, items, found, strict=True):
                result[task] = _result(head, piece.texts(row), indices)
            if task == recognizer:
                spans = [
                    [
                        Span(*piece.characters(row[start][0], row[end - 1][1]), type_)
                        for start, end, type_ in head.tags.spans(indices)
                    ]
                    for piece, row, indices in zip(pieces, items, found, strict=True)
                ]
        rest = [task for task in tasks if task in self._config["others"]]
        if rest:
            # A constituent tree has the parts of speech at its leaves, where both are asked for.
            tags = [task for task in wanted if self._heads[task].gives == "tags"]
            vectors = {row.tobytes(): rows for row, rows in zip(ids, hidden, strict=True)}
            parsed = self._hanlp(texts, [*tags, *rest], vectors)
            for result, other in zip(results, parsed, strict=True):
                result.update({task: other[task] for task in rest})
        return [
            PieceAnswer(row, {task: result[task] for task in tasks})
            for row, result in zip(spans, results, strict=True)
        ]

    def _split(self, text: str) -> TokenizedText:
        """Splits a text into sub-tokens, as HanLP's TransformerSequenceTokenizer does."""
        encoding = self._tokenizer.encode(text.translate(self._normal), add_special_tokens=False)
        unknown = self._config["unknown"]
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        reached = 0
        for id_, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if start > reached and not text[reached:start].isspace():
                ids.append(unknown)  # what the tokenizer swallowed
                offsets.append((reached, start))
            if end == reached and offsets and offsets[-1][0] < start:
                offsets[-1] = (offsets[-1][0], start)  # one character became several
            ids.append(id_)
            offsets.append((start, end))
            reached = end
        if not ids:
            ids, offsets = [unknown], [(0, len(text))]
        if len(ids) > self._config["limit"]:
            raise BadInput("A text has too many characters that the tokenizer takes apart.")
        return TokenizedText(text, np.array(ids, dtype=np.int32), offsets)

    def _words(
        self, task: str, hidden: NDArray[np.float32], pieces: list[TokenizedText]
    ) -> list[list[tuple[int, int]]]:
        """The words of each piece, as ranges of its sub-tokens; a word starts at each B and S."""
        head = self._heads[task]
        each = [[(place, place + 1) for place in range(len(piece.ids))] for piece in pieces]
        words = []
        for piece, tags in zip(pieces, head.run(hidden, each), strict=True):
            names = [head.tags.tags[tag] for tag in tags]
            reached, before = -1, ""
            for place, (start, end) in enumerate(piece.offsets):
                if start < reached:  # a character that became several sub-tokens stays whole
                    if before in ("S", "E"):
                        names[place - 1] = "B" if before == "S" else "M"
                    names[place] = "M"
                reached, before = end, names[place]
            starts = [0, *(place for place in range(1, len(names)) if names[place] in ("B", "S"))]
            words.append(list(zip(starts, [*starts[1:], len(names)], strict=True)))
        return words


def _result(head: Head, words: list[str], tags: NDArray[np.int64]) -> list[Any]:
    """A task's result in HanLP's form: tags of words, or entities with word offsets."""
    if head.gives == "tags":
        return [head.tags.tags[tag] for tag in tags]
    return [
        ["".join(words[start:end]), type_, start, end]
        for start, end, type_ in head.tags.spans(tags)
    ]


class _Hanlp:
    """HanLP itself, for the tasks that need it; loaded at the first call.

    Its encoder, most of its time, is spared where every task reads the encoder's last layer
    (`shared`): the vectors that our own encoder has just made of the same texts take its place.
    """

    def __init__(self, directory: Path, shared: bool) -> None:
        self._directory, self._shared = directory, shared
        self._component: Any = None
        self._vectors: dict[bytes, NDArray[np.float32]] = {}

    def __call__(
        self, texts: list[str], tasks: list[str], vectors: dict[bytes, NDArray[np.float32]]
    ) -> list[dict[str, Any]]:
        """HanLP's results for each text, in plain JSON types.

        Args:
            texts: What to parse.
            tasks: The tasks' names.
            vectors: The encoder's output for each text, `(length + 2, width)` or longer, by the
                bytes of its token ids without [CLS] and [SEP].
        """
        if self._component is None:
            self._component = self._load()
        self._vectors = vectors
        document = self._component(texts, tasks=tasks).to_dict()
        return [{task: document[task][row] for task in tasks} for row in range(len(texts))]

    def _load(self) -> Any:
        import torch

        from hanlp_ner.component import load

        log.info("Loading torch and HanLP for the tasks that need them.")
        torch.set_num_threads(1)
        component = load(self._directory)

        class Encoder(torch.nn.Module):
            average_subwords = True

            def forward(_, batch: dict[str, Any]) -> torch.Tensor:
                ids = batch["token_input_ids"].numpy().astype(np.int32)
                rows = [self._vectors[row[1 : np.count_nonzero(row) - 1].tobytes()] for row in ids]
                hidden = np.zeros((*ids.shape, rows[0].shape[-1]), dtype=np.float32)
                for place, row in zip(hidden, rows, strict=True):
                    place[: len(row)] = row[: len(place)]
                return torch.from_numpy(hidden)

        if self._shared:
            component.model.encoder = Encoder()
        return component
