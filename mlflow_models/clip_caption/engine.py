"""Turns photos into captions, embeddings and categories. No MLflow, no pandas.

All photos of a request are embedded before any of them is captioned. So a file that isn't a photo
is refused before the costly part begins.
"""

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from clip_caption.captioner import Captioner
from clip_caption.index import Index, normalised
from clip_caption.options import Options
from clip_caption.pixels import Photo, PhotoReader
from zoo.data.fetch import Fetcher
from zoo.errors import BadParameter
from zoo.serving.declaration import tailored
from zoo.serving.runner import GPU_WAIT_SECONDS, Runner

KEPT_TEXTS = 100  # their features are kept for the next batch


@dataclass(frozen=True)
class Described:
    """The answer to one photo."""

    found: dict[str, Any]

    def record(self) -> dict[str, Any]:
        """Give the answer to one row, in JSON's types."""
        return self.found


class PhotoJob(NamedTuple):
    """Pixels to embed, float32 (3, size, size); with options, features to describe, (width,)."""

    value: np.ndarray
    options: Options | None


class Engine:
    """Describes photos; one object serves any number of threads.

    Args:
        directory: What `convert` wrote, and `index/` where a labelled collection is packed.
        threads: Threads in one run of a network.

    Attributes:
        options: The parameters; `max_tokens` is what this checkpoint has room for.
    """

    languages = ("en",)

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self._captioner = captioner = Captioner(directory, threads)
        packed = directory / "index"
        self._index = Index.read(packed) if packed.is_dir() else None
        tokens = Options.model_fields["max_tokens"]
        longest = min(captioner.max_tokens, 200)
        self.options = tailored(
            Options,
            max_tokens={"default": min(tokens.default, longest), "le": longest},
            neighbours={"default": self._index.k if self._index else 0},
        )
        self._runner: Runner[PhotoJob, Any] = Runner(
            self._run,
            lambda _: 1,
            captioner.batch,
            lambda job: job.options,
            wait_seconds=GPU_WAIT_SECONDS if captioner.on_gpu else 0.0,
        )
        self.reader = PhotoReader(captioner.pixels_of, captioner.batch, Fetcher())
        self._text = functools.lru_cache(KEPT_TEXTS)(self._embed_text)

    def __call__(self, items: Sequence[Photo], options: Options) -> list[Described | Exception]:
        """Describe photos.

        Args:
            items: For each photo a file's bytes, its path, or a URL.
            options: For all of them.

        Returns:
            For each photo, in order, its answer or its exception.

        Raises:
            BadParameter: The options ask for neighbours, but no index is packed.
        """
        if options.neighbours and not self._index:
            raise BadParameter("neighbours", "asks for some, but no index is packed in this model")
        features: list[np.ndarray | Exception] = []
        for batch in self.reader(items, options.crop):
            views = [one for one in batch if not isinstance(one, Exception)]
            embedded = iter(self._runner([PhotoJob(one, None) for own in views for one in own]))
            features += [
                one if isinstance(one, Exception) else _mean(islice(embedded, len(one)))
                for one in batch
            ]
        bad = [one for one in features if isinstance(one, Exception)]
        if bad and options.on_error == "raise":  # the request is refused: no captions are written
            return [one if isinstance(one, Exception) else Described({}) for one in features]
        jobs = [PhotoJob(one, options) for one in features if not isinstance(one, Exception)]
        described = iter(self._runner(jobs))
        return [one if isinstance(one, Exception) else next(described) for one in features]

    def _run(self, batch: list[PhotoJob]) -> Sequence[Any]:
        """Run a batch of jobs of one kind, on the engine thread."""
        values, options = [job.value for job in batch], batch[0].options
        if options is None:
            return list(self._captioner.embed(values))
        return [Described(found) for found in self._describe(np.stack(values), options)]

    def _describe(self, features: np.ndarray, options: Options) -> list[dict[str, Any]]:
        """Describe photos by their features, float32 (photos, width)."""
        records: list[dict[str, Any]] = [{} for _ in features]
        if options.num_captions:
            for record, captions in zip(
                records, self._captioner.caption(features, options), strict=True
            ):
                record["captions"] = [
                    {"text": one.text, "score": round(one.score, 4)} for one in captions
                ]
        if options.embedding != "none":
            found = features if options.embedding == "clip" else self._captioner.prefixes(features)
            for record, numbers in zip(records, found, strict=True):
                record["embedding"] = numbers.ravel().tolist()
        if options.match_text:
            cosines = normalised(features) @ self._text(options.match_text)  # (photos,)
            for record, cosine in zip(records, cosines, strict=True):
                record["match"] = round(float(cosine), 4)
        if self._index and options.neighbours:
            answers = self._index.classify(features, options.neighbours)
            for record, answer in zip(records, answers, strict=True):
                record["category"], record["neighbours"] = answer.category, answer.neighbours
                if answer.categories is not None:
                    record["categories"] = answer.categories
        return records

    def _embed_text(self, text: str) -> np.ndarray:
        """Embed a text: L2-normalised, float32 (width,)."""
        unit: np.ndarray = normalised(self._captioner.embed_texts([text]))[0]
        return unit


def _mean(embedded: Iterable[np.ndarray | Exception]) -> np.ndarray | Exception:
    """Join the features of a photo's views, float32 (width,) each, to their mean."""
    good: list[np.ndarray] = []
    for one in embedded:
        if isinstance(one, Exception):
            return one
        good.append(one)
    mean: np.ndarray = np.mean(good, axis=0)
    return mean
