"""Finds entities in texts of any length. No MLflow, no pandas.

The engine leaves out a text's layout, cuts what is long, runs the pieces in batches on its own
thread, and joins the answers. Its offsets count the characters of the text as it was sent.
"""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from hanlp_ner.masking.writing import Masked, check, mask
from hanlp_ner.network.confidence import Confidence
from hanlp_ner.network.decode import Span
from hanlp_ner.network.tagger import PieceAnswer, Tagger
from hanlp_ner.normalizing.normalize import normalize
from hanlp_ner.normalizing.normalized import Normalized
from hanlp_ner.normalizing.places import tables
from hanlp_ner.options import Options
from hanlp_ner.text.dictionary import Dictionary, read_file
from hanlp_ner.text.document import TextWindow, cut
from hanlp_ner.text.layout import ReadText, read
from zoo.errors import BadParameter
from zoo.serving.declaration import tailored
from zoo.serving.runner import GPU_WAIT_SECONDS, Runner
from zoo.settings import mask_key

DEFAULTS = Options()
PACKED = "dictionary.json"  # words that are entities in every text
PADDED_TOKENS = 768  # per batch: little padding, and the activations fit into the CPU's cache
GPU_PADDED_TOKENS = 16_384  # enough work for each of a GPU's kernels
WAIT_SECONDS = 0.002  # on a CPU: an answer reaches a client, and its next text is sent and read
GPU_THREADS = 2  # one computes on the GPU; the other makes entities of scores meanwhile


@dataclass(frozen=True)
class Found:
    """What was found in one text.

    Attributes:
        text: The text as it was sent.
        entities: The entities in order, with character offsets into the text.
        tasks: For each piece of the text its start, its end, and HanLP's results of other tasks.
            Pieces overlap where a long text has no punctuation. None: no other task was asked for.
        normalized: What each entity means; None where that isn't clear.
        masked: The text without personal data. None: it wasn't asked for.
    """

    text: str
    entities: list[Span]
    tasks: list[dict[str, Any]] | None
    normalized: list[Normalized | None]
    masked: Masked | None = None

    def record(self) -> dict[str, Any]:
        """Give the answer to one row, in JSON's types."""
        entities: list[dict[str, Any]] = [
            {
                "text": self._shown(span.start, span.end),
                "type": span.type,
                "start": span.start,
                "end": span.end,
                "confidence": span.confidence,
            }
            for span in self.entities
        ]
        for span, entity, meaning in zip(self.entities, entities, self.normalized, strict=True):
            hidden = self.masked is not None and self.masked.hides(span.start, span.end)
            if meaning is not None and not hidden:
                entity["normalized"] = meaning.record()
        masked = {} if self.masked is None else {"masked": self.masked.record()}
        tasks = {} if self.tasks is None else {"tasks": self.tasks}
        return {"entities": entities, **masked, **tasks}

    def _shown(self, start: int, end: int) -> str:
        """Give a part of the text, masked if the text is."""
        return self.masked.shown(start, end) if self.masked else self.text[start:end]


class Engine:
    """Finds entities in texts. One object serves any number of threads.

    Args:
        directory: What `hanlp_ner.building.convert` wrote; it may have a `dictionary.json`.
        threads: Threads in one forward pass; use 1 if several workers share a machine.

    Attributes:
        options: The parameters; `tasks` allows those that the checkpoint can do.
        tasks: The names of these other tasks.
        confidence: Computes the confidence of entities; it has the temperature.
    """

    languages = ("zh",)

    def __init__(self, directory: Path, threads: int = 1) -> None:
        packed = directory / PACKED
        self._packed = Dictionary(read_file(packed) if packed.is_file() else {})
        config = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        self._network: Any
        if config["kind"] == "multi":
            from hanlp_ner.network.multitask import MultiTask

            self._network = MultiTask(directory, config, threads)
        else:
            self._network = Tagger(directory, config, threads)
        self._limit = config["limit"]
        self._key = mask_key()
        tables()  # of places: workers that are forked share them
        self.confidence: Confidence = self._network.confidence
        self.tasks = tuple(self._network.tasks)
        self.options = tailored(Options, tasks={"choices": self.tasks}) if self.tasks else Options
        gpu = self._network.on_gpu
        self._runner: Runner[tuple[str, Sequence[str]], PieceAnswer] = Runner(
            self._run,
            lambda piece: self._network.pad.width(len(piece[0])) - 2,  # [CLS], [SEP]
            GPU_PADDED_TOKENS if gpu else PADDED_TOKENS,
            lambda piece: tuple(piece[1]),
            GPU_THREADS if gpu else 1,
            wait_seconds=GPU_WAIT_SECONDS if gpu else WAIT_SECONDS,
        )

    def __call__(
        self, items: Sequence[str], options: Options = DEFAULTS
    ) -> list[Found | Exception]:
        """Find the entities of each text.

        Args:
            items: Texts of any length; long ones are cut at sentence ends.
            options: The request's.

        Returns:
            For each text, in order, what was found, or the exception that it caused.

        Raises:
            BadParameter: The options ask for other tasks, but this checkpoint has none; or for
                hashes, but there is no key.
        """
        check(options.mask, self._key)
        if options.tasks and not self.tasks:
            raise BadParameter("tasks", "asks for some, but this model finds entities only")
        tasks = tuple(dict.fromkeys(options.tasks))  # a task that is asked for twice is done once
        words = Dictionary(options.words, self._packed) if options.words else self._packed
        readings = [read(text, options.simplify) for text in items]
        windows = [cut(reading.text, self._limit) for reading in readings]
        pieces = [
            (reading.text[window.start : window.stop], tasks)
            for reading, parts in zip(readings, windows, strict=True)
            for window in parts
        ]
        answers = iter(self._runner(pieces))
        results: list[Found | Exception] = []
        for reading, parts in zip(readings, windows, strict=True):
            found = [next(answers) for _ in parts]
            failed = [answer for answer in found if isinstance(answer, Exception)]
            if failed:
                results.append(failed[0])
                continue
            good = [answer for answer in found if not isinstance(answer, Exception)]
            network = _join(parts, good)
            spans = _sent(reading, words.apply(reading.written, network))
            entities = [span for span in spans if span.confidence >= options.min_confidence]
            meanings = _meanings(reading.sent, entities, options.reference)
            others = _pieces(reading, parts, good) if tasks else None
            masked = None
            if options.mask != "none":
                # Names that aren't listed are masked nevertheless: those that are too unsure, and
                # those of which a dictionary's word is a part (海南 of 林海南).
                names = _beside(spans, _sent(reading, network))
                masked = mask(reading.sent, names, options.mask, self._key)
            results.append(Found(reading.sent, entities, others, meanings, masked))
        return results

    def _run(self, pieces: list[tuple[str, Sequence[str]]]) -> list[PieceAnswer]:
        """Run a batch of pieces for the same tasks, on the engine thread."""
        answers: list[PieceAnswer] = self._network.run([text for text, _ in pieces], pieces[0][1])
        return answers


def _pieces(
    reading: ReadText, windows: Sequence[TextWindow], answers: Sequence[PieceAnswer]
) -> list[dict[str, Any]]:
    """List the results of other tasks, each with the place of its window in the sent text."""
    places = [reading.back(window.start, window.stop) for window in windows]
    return [
        {"start": start, "end": end, **answer.tasks}
        for (start, end), answer in zip(places, answers, strict=True)
    ]


def _sent(reading: ReadText, spans: Sequence[Span]) -> list[Span]:
    """Give entities their places in the sent text, and leave out those that are blanks only."""
    places = [reading.back(span.start, span.end) for span in spans]
    return [
        span._replace(start=start, end=end)
        for span, (start, end) in zip(spans, places, strict=True)
        if start < end
    ]


def _beside(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Add to entities, in order, those others that none of them covers."""
    starts = [span.start for span in spans]
    added = []
    for other in others:
        number = bisect_right(starts, other.start)
        if number == 0 or spans[number - 1].end < other.end:
            added.append(other)
    return sorted([*spans, *added])


def _meanings(
    text: str, entities: Sequence[Span], reference: date | None
) -> list[Normalized | None]:
    """Say what each entity of a text means, whether a line ends within it or not."""
    words = ["".join(map(str.strip, text[one.start : one.end].splitlines())) for one in entities]
    return [normalize(word, one.type, reference) for word, one in zip(words, entities, strict=True)]


def _join(windows: Sequence[TextWindow], answers: Sequence[PieceAnswer]) -> list[Span]:
    """Join the entities of a text's windows; a window has those that start in its `keep`.

    Those of one window may overlap, as in HanLP, where tags are not well formed.
    """
    spans: list[Span] = []
    free = 0  # the end of the last entity of the windows before
    for window, answer in zip(windows, answers, strict=True):
        first, taken = max(window.keep[0], free), free
        for span in answer.spans:
            start, end = window.start + span.start, window.start + span.end
            if first <= start < window.keep[1]:
                spans.append(span._replace(start=start, end=end))
                taken = max(taken, end)
        free = taken
    return spans
