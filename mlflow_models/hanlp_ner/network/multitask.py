"""A multi-task checkpoint: finds the words of a text, then entities and tags of these words.

This is HanLP's MultiTaskLearning (He and Choi, 2021). Its tasks of sequence labeling (words, parts
of speech, entities) are written again for ONNX Runtime and NumPy.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from hanlp_ner.network.confidence import Confidence, read_temperature
from hanlp_ner.network.decode import Crf, Span, TagSet
from hanlp_ner.network.parsers import Parsers
from hanlp_ner.network.rules import Rules
from hanlp_ner.network.tagger import LEFT_OUT, PieceAnswer, best, padding
from zoo.errors import BadInput
from zoo.serving.onnx import device_of, on_gpu, open_session

ENCODER_SHARE = 0.7  # of a GPU's memory; the classifiers divide the rest


def _bound(session: Any, device: str, **inputs: Any) -> Any:
    """Run a graph of one output.

    Args:
        session: The graph.
        device: Where its output is to be, as ONNX Runtime names it.
        inputs: Arrays, or what other graphs have left on the device.

    Returns:
        An `OrtValue`.
    """
    binding = session.io_binding()
    for name, value in inputs.items():
        if isinstance(value, np.ndarray):
            binding.bind_cpu_input(name, value)
        else:
            binding.bind_ortvalue_input(name, value)
    binding.bind_output(session.get_outputs()[0].name, device)
    session.run_with_iobinding(binding)
    return binding.get_outputs()[0]


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text as sub-tokens.

    Attributes:
        text: The text.
        ids: Token ids without [CLS] and [SEP], int32 (length,).
        offsets: The characters `(start, end)` of each sub-token.
        joined: Whether HanLP makes a word's text of those of its sub-tokens, without what is
            between them.
    """

    text: str
    ids: NDArray[np.int32]
    offsets: list[tuple[int, int]]
    joined: bool

    def characters(self, first: int, last: int) -> tuple[int, int]:
        """Give the characters of sub-tokens `first` to `last` (exclusive)."""
        return self.offsets[first][0], self.offsets[last - 1][1]

    def texts(self, ranges: list[tuple[int, int]]) -> list[str]:
        """Give the text of each range of sub-tokens."""
        if self.joined:
            parts = [self.text[start:end] for start, end in self.offsets]
            return ["".join(parts[first:last]) for first, last in ranges]
        spans = (self.characters(first, last) for first, last in ranges)
        return [self.text[start:end] for start, end in spans]


class Head:
    """The classifier of one task of sequence labeling, on the vectors of sub-tokens or words."""

    def __init__(self, directory: Path, head: dict[str, Any], threads: int, share: float) -> None:
        stem = head["file"]
        self.gives, self.after = head["gives"], head["after"]
        self.tags, self.rules = TagSet(head["tags"]), Rules(head["rules"])
        self.output_spans = head["output_spans"]
        graph = directory / f"{stem}.onnx"
        self.session = open_session(graph, threads, disabled=LEFT_OUT, share=share)
        crf = directory / f"{stem}.npz"
        self.crf = Crf.load(np.load(crf)) if crf.is_file() else None

    def run(
        self, hidden: Any, items: list[list[tuple[int, int]]]
    ) -> tuple[NDArray[np.float32], list[NDArray[np.int64]]]:
        """Tag the items of each text.

        Args:
            hidden: The encoder's output, an `OrtValue` on its device, float32 (batch, length,
                width).
            items: For each text ranges of sub-tokens, such as words. The vector of an item is the
                mean over its sub-tokens.

        Returns:
            The scores, float32 (batch, items, tags), and for each text its tag indices, int64
            (items,).
        """
        widest = max(last - first for row in items for first, last in row)
        # (batch, items, sub-tokens of an item); 0 fills up
        places = np.zeros((len(items), max(map(len, items)), widest), dtype=np.int64)
        for row, ranges in zip(places, items, strict=True):
            for place, (first, last) in zip(row, ranges, strict=False):
                place[: last - first] = np.arange(first + 1, last + 1)  # after [CLS]
        # (batch, items, tags)
        scores = _bound(self.session, "cpu", hidden=hidden, places=places).numpy()
        return scores, best(scores, [len(row) for row in items], self.crf)

    def names(self, path: NDArray[np.int64]) -> list[str]:
        """Give the tags of tag indices, int64 (items,)."""
        return [self.tags.tags[tag] for tag in path]

    def words(self, piece: TokenizedText, words: list[tuple[int, int]]) -> list[Any]:
        """Write words in HanLP's form: their texts, with their places if the checkpoint says so."""
        texts = piece.texts(words)
        if not self.output_spans:
            return texts
        places = (piece.characters(first, last) for first, last in words)
        return [[text, *place] for text, place in zip(texts, places, strict=True)]

    def entities(self, words: list[str], spans: list[Span]) -> list[Any]:
        """Write entities in HanLP's form, with word offsets."""
        return [
            [self.rules.delimiter.join(words[start:end]), type_, start, end]
            for start, end, type_, _ in spans
        ]


class MultiTask:
    """The networks of a multi-task checkpoint, as `hanlp_ner.building.convert` wrote them.

    Attributes:
        tasks: The names of all tasks.
        on_gpu: Whether they run on a GPU.
        pad: Fills up pieces to a batch.
        confidence: Tells how sure the recognizer is of entities.
    """

    def __init__(self, directory: Path, config: dict[str, Any], threads: int) -> None:
        self._config = config
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._normal, self._raw = (str.maketrans(config[name]) for name in ("normal", "raw"))
        graph = directory / "encoder.onnx"
        self._encoder = open_session(graph, threads, disabled=LEFT_OUT, share=ENCODER_SHARE)
        self.on_gpu, self.pad = on_gpu(self._encoder), padding(config, self._encoder)
        share = (1 - ENCODER_SHARE) / len(config["heads"])
        self._heads = {
            task: Head(directory, head, threads, share) for task, head in config["heads"].items()
        }
        recognizer = self._heads[config["recognizer"]]
        temperature = read_temperature(directory)
        self.confidence = Confidence(recognizer.tags, recognizer.crf, temperature)
        self._parsers = Parsers(directory / "hanlp", shared=config["shared"])
        self.tasks = (*self._heads, *config["others"])

    def run(self, texts: list[str], tasks: Collection[str]) -> list[PieceAnswer]:
        """Find the entities of a batch of texts, and do other tasks."""
        pieces = [self._split(text) for text in texts]
        ids = [piece.ids for piece in pieces]  # (length,) each
        # (batch, length, width); it stays on the device, for the classifiers
        where = device_of(self._encoder, *(head.session for head in self._heads.values()))
        hidden = _bound(self._encoder, where, input_ids=self.pad(ids))
        recognizer = self._config["recognizer"]
        wanted = {recognizer, *tasks}.intersection(self._heads)
        words = {
            task: self._words(task, hidden, pieces)
            for task in {self._heads[task].after or task for task in wanted}
        }
        results: list[dict[str, Any]] = [{} for _ in pieces]
        answers: list[list[Span]] = []
        for task in wanted:
            head = self._heads[task]
            items = words[head.after or task]
            if head.gives == "words":
                for result, piece, row in zip(results, pieces, items, strict=True):
                    result[task] = head.words(piece, row)
                continue
            scores, found = head.run(hidden, items)  # found: (items,) each
            if head.gives == "tags":
                for result, piece, row, path in zip(results, pieces, items, found, strict=True):
                    result[task] = head.rules.tags(head.names(path), piece.texts(row))
                continue
            spans = [[Span(*span) for span in head.tags.spans(path)] for path in found]
            if task == recognizer:
                spans = self.confidence(scores, found, spans)
            if head.rules.any:
                spans = [
                    head.rules.entities(head.names(path), some, piece.texts(row))
                    for piece, row, path, some in zip(pieces, items, found, spans, strict=True)
                ]
            if task in tasks:
                for result, piece, row, some in zip(results, pieces, items, spans, strict=True):
                    result[task] = head.entities(piece.texts(row), some)
            if task == recognizer:
                answers = [
                    [
                        Span(*piece.characters(row[start][0], row[end - 1][1]), type_, sure)
                        for start, end, type_, sure in some
                    ]
                    for piece, row, some in zip(pieces, items, spans, strict=True)
                ]
        rest = [task for task in tasks if task in self._config["others"]]
        if rest:
            # If both are asked for, a constituent tree has the parts of speech at its leaves.
            tags = [task for task in wanted if self._heads[task].gives == "tags"]
            # (length + 2, width) each, by token ids
            vectors = {row.tobytes(): rows for row, rows in zip(ids, hidden.numpy(), strict=True)}
            parsed = self._parsers(texts, [*tags, *rest], vectors)
            for result, other in zip(results, parsed, strict=True):
                result.update({task: other[task] for task in rest})
        return [
            PieceAnswer(row, {task: result[task] for task in tasks})
            for row, result in zip(answers, results, strict=True)
        ]

    def _split(self, text: str) -> TokenizedText:
        """Split a text into sub-tokens, as HanLP's TransformerSequenceTokenizer does."""
        encoding = self._tokenizer.encode(text.translate(self._normal), add_special_tokens=False)
        unknown = self._config["unknown"]
        ids: list[int] = []
        offsets: list[tuple[int, int]] = []
        reached = 0
        for id_, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            if start > reached and not text[reached:start].isspace():
                ids.append(unknown)  # the tokenizer dropped these characters
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
        raw = text.translate(self._raw)
        return TokenizedText(raw, np.array(ids, dtype=np.int32), offsets, self._config["joined"])

    def _words(
        self, task: str, hidden: Any, pieces: list[TokenizedText]
    ) -> list[list[tuple[int, int]]]:
        """Find the words of each text; a word starts at each B and S.

        Args:
            task: The tokenizing task.
            hidden: The encoder's output, an `OrtValue` on its device.
            pieces: The texts.

        Returns:
            For each text its words, as ranges of sub-tokens.
        """
        head = self._heads[task]
        each = [[(place, place + 1) for place in range(len(piece.ids))] for piece in pieces]
        words = []
        for piece, tags in zip(pieces, head.run(hidden, each)[1], strict=True):
            names = [head.tags.tags[tag] for tag in tags]
            reached, before = -1, ""
            for place, (start, end) in enumerate(piece.offsets):
                if start < reached:  # sub-tokens of one character stay together
                    if before in ("S", "E"):
                        names[place - 1] = "B" if before == "S" else "M"
                    names[place] = "M"
                reached, before = end, names[place]
            starts = [0, *(place for place in range(1, len(names)) if names[place] in ("B", "S"))]
            found = list(zip(starts, [*starts[1:], len(names)], strict=True))
            words.append(head.rules.combine(found, partial(piece.texts, found)))
        return words
