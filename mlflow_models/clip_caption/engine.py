"""Turns photos into captions, embeddings and categories. No MLflow, no pandas.

All photos of a request are embedded before any of them is captioned. So a file that isn't a photo
is refused before the costly part begins.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clip_caption.answering.describing import (
    AnswerPart,
    Captions,
    FeatureVectors,
    Match,
    Record,
)
from clip_caption.answering.usual import Usual, packed
from clip_caption.answering.zero_shot import LabelSet, ZeroShot
from clip_caption.captioner import Captioner
from clip_caption.options import MAX_LABELS, Options
from clip_caption.pixels import Photo, PhotoReader
from clip_caption.searching import http
from clip_caption.searching.index import normalised
from clip_caption.searching.opening import directory_of, open_collection
from clip_caption.searching.parts import Neighbours, Search
from clip_caption.translating.translators import Languages
from zoo.data.fetch import Fetcher
from zoo.errors import BadInput
from zoo.serving.declaration import Url, tailored
from zoo.serving.runner import GPU_WAIT_SECONDS, Runner

KEPT_TEXTS = 2 * MAX_LABELS  # their features are kept for the next batch
WAIT_SECONDS = 0.01  # on a CPU: an answer reaches a client, and its next photo is sent and read


@dataclass(frozen=True)
class Described:
    """The answer to one photo."""

    found: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """Give the answer to one row, in JSON's types."""
        return self.found


class Job(NamedTuple):
    """Something to compute.

    Attributes:
        value: A photo's views to embed, each float32 (3, size, size); words to embed; or features
            to describe, (width,).
        options: The request's. None: the value is embedded, and not described.
        words: Whether the value is of search words.
    """

    value: list[np.ndarray] | np.ndarray | str
    options: Options | None
    words: bool = False

    @property
    def is_seen(self) -> bool:
        """Whether the value is features already."""
        return isinstance(self.value, np.ndarray)


class Engine:
    """Describes photos; one object serves any number of threads.

    Args:
        directory: What `convert` wrote; `index/` where a collection is packed,
            `translators/` where translators are, and what is usual (`usual.FILE`).
        threads: Threads in one run of a network.

    Attributes:
        options: The parameters; `max_tokens` is what this checkpoint has room for.
        languages: Those that captions can be in.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self._captioner = captioner = Captioner(directory, threads)
        self._index = index = open_collection(directory, captioner.embed_texts)
        labels = LabelSet.read(directory)
        self._languages = Languages(captioner.reads, directory, threads)
        self.languages = self._languages.captions
        tokens = Options.model_fields["max_tokens"]
        longest = min(captioner.max_tokens, 200)
        self.options = tailored(
            Options,
            max_tokens={"default": min(tokens.default, longest), "le": longest},
            neighbours={"default": index.k if index else 0},
            labels={"default": tuple(labels.features)},
            language={"choices": self.languages},
        )
        self._runner: Runner[Job, Any] = Runner(
            self._run,
            lambda job: len(job.value) if isinstance(job.value, list) else 1,
            captioner.batch,
            lambda job: (job.options, job.words, job.is_seen),
            wait_seconds=GPU_WAIT_SECONDS if captioner.on_gpu else WAIT_SECONDS,
        )
        self.reader = PhotoReader(captioner.pixels_of, captioner.batch, Fetcher())
        text = functools.lru_cache(KEPT_TEXTS)(self._embed_text)
        self._text = text
        self._labels = ZeroShot(captioner, text, labels, self._languages.is_read_as_it_is)
        self._parts: tuple[AnswerPart, ...] = (
            Captions(captioner, self._languages),
            FeatureVectors(captioner),
            Match(text),
            Neighbours(index, text),
            self._labels,
            Usual(packed(directory_of(directory), directory)),  # last: it may take names away
        )
        self._word_parts: tuple[AnswerPart, ...] = (FeatureVectors(captioner), Search(index, text))

    def routes(self, server: Any) -> list[Any]:  # noqa: ARG002 - zoo.serving.app passes it
        """Give the routes of the collection (`zoo.serving.app`)."""
        return list(http.routes(self._index))

    def __call__(
        self, items: Sequence[Photo | str], options: Options
    ) -> list[Described | Exception]:
        """Describe photos, and search for words.

        Args:
            items: For each row a photo, which is a file's bytes, its path, or a URL; or words.
            options: For all of them.

        Returns:
            For each row, in order, its answer or its exception.

        Raises:
            BadParameter: The checkpoint can't do what the options ask for.
        """
        words = [isinstance(one, str) and not isinstance(one, Url) for one in items]
        self._languages.check(options, self._labels.unread(options))
        for part in (*self._parts, *(self._word_parts if any(words) else ())):
            part.check(options)
        texts = [str(one) for one, text in zip(items, words, strict=True) if text]
        photos: list[Any] = [one for one, text in zip(items, words, strict=True) if not text]
        if options.num_captions and 0 < len(photos) == len(items) <= self._captioner.batch:
            return self._at_once(photos, options)
        read, seen = iter(self._read(texts)), iter(self._see(photos, options))
        features: list[Any] = [next(read if text else seen) for text in words]
        bad = [one for one in features if isinstance(one, Exception)]
        if bad and options.on_error == "raise":  # the request is refused: no captions are written
            return [one if isinstance(one, Exception) else Described({}) for one in features]
        if not all(words):
            self._read_labels(options)
        answers = list(features)
        for kind in (False, True):
            rows = [
                row
                for row, one in enumerate(features)
                if words[row] == kind and not isinstance(one, Exception)
            ]
            described = self._runner([Job(features[row], options, kind) for row in rows])
            for row, answer in zip(rows, described, strict=True):
                answers[row] = answer
        return answers

    def _at_once(self, photos: Sequence[Photo], options: Options) -> list[Described | Exception]:
        """Describe photos that fit into one batch, each as one job.

        All of them are read first, so what isn't a photo is refused before anything is computed.
        Requests that wait twice, for their features and for their captions, would be computed in
        batches of half the size.
        """
        (batch,) = self.reader(photos, options.crop)
        if options.on_error == "raise" and any(isinstance(one, Exception) for one in batch):
            return [one if isinstance(one, Exception) else Described({}) for one in batch]
        self._read_labels(options)
        return self._run_each(
            [one if isinstance(one, Exception) else Job(one, options) for one in batch]
        )

    def _read(self, texts: Sequence[str]) -> list[np.ndarray | Exception]:
        """Embed search words: for each its features, (width,), or its exception."""
        refused = [
            self._languages.refusal(one) if one.strip() else BadInput("is empty; say what to find")
            for one in texts
        ]
        jobs = [
            Job(one, None, True) for one, error in zip(texts, refused, strict=True) if not error
        ]
        found = iter(self._runner(jobs))
        return [error or next(found) for error in refused]

    def _read_labels(self, options: Options) -> None:
        """Embed the labels that are asked for, in turn with other requests' batches."""
        self._runner([Job(one, None, True) for one in self._labels.unread(options)])

    def _see(self, photos: Sequence[Photo], options: Options) -> list[np.ndarray | Exception]:
        """Read and embed photos: for each its features, (width,), or its exception."""
        features: list[np.ndarray | Exception] = []
        for batch in self.reader(photos, options.crop):
            features += self._run_each(
                [one if isinstance(one, Exception) else Job(one, None) for one in batch]
            )
        return features

    def _run_each(self, jobs: Sequence[Job | Exception]) -> list[Any]:
        """Run jobs; an exception among them stays in its place."""
        found = iter(self._runner([job for job in jobs if isinstance(job, Job)]))
        return [next(found) if isinstance(job, Job) else job for job in jobs]

    def _run(self, batch: list[Job]) -> Sequence[Any]:
        """Run a batch of jobs of one kind, on the engine thread."""
        values: list[Any] = [job.value for job in batch]
        options, words = batch[0].options, batch[0].words
        if words and options is None:
            return [self._text(one) for one in values]
        features = values if words or batch[0].is_seen else self._features(values)
        if options is None:
            return features
        found: list[Record] = [{} for _ in batch]
        for part in self._word_parts if words else self._parts:
            part(np.stack(features), options, found)
        return [Described(one) for one in found]

    def _features(self, photos: Sequence[Sequence[np.ndarray]]) -> list[np.ndarray]:
        """Embed photos by their views: for each the mean of its views' features, (width,)."""
        embedded = iter(self._captioner.embed([view for views in photos for view in views]))
        return [np.mean([*islice(embedded, len(views))], axis=0) for views in photos]

    def _embed_text(self, text: str) -> np.ndarray:
        """Embed a text: L2-normalised, float32 (width,)."""
        read = self._languages.to_read(text)
        unit: np.ndarray = normalised(self._captioner.embed_texts([read]))[0]
        return unit
