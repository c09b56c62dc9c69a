"""The pyfunc that MLflow serves: photos in, captions out. The work is done in `engine`."""

import functools
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from mlflow.models import set_model

from clip_caption import parameters
from clip_caption.engine import Caption, Captioner
from clip_caption.index import Index, normalised
from clip_caption.parameters import Request
from clip_caption.reader import Reader, Source, read_sources
from zoo.data.fetch import Fetcher
from zoo.errors import BadRow, Cancelled
from zoo.serving.model import ZooModel
from zoo.serving.runner import Runner

BATCH = 16  # photos that are embedded or captioned at once
Work = Callable[[list[Any]], Iterable[Any]]


class Job(NamedTuple):
    """Work on one value; jobs of one kind do the same to theirs."""

    kind: Hashable
    work: Work
    value: Any


class ClipCaptionModel(ZooModel):
    """Column `image`, a photo's file, or `image_url`; parameters as `parameters.Request` has them.

    A request's photos are embedded before any of them is captioned: what is no photo is refused
    before that costs anything.
    """

    column = "image"
    fields = ("captions", "embedding", "match", "category", "neighbours")

    def load_context(self, context: Any) -> None:
        directory = Path(context.artifacts["clip_caption"])
        self.engine = Captioner(directory)
        packed = directory / "index"
        self.index = Index.read(packed) if packed.is_dir() else None
        self._runner: Runner[Job, Any] = Runner(_run, lambda _: 1, BATCH, lambda job: job.kind)
        embed = functools.partial(self._compute, "embed", self.engine.embed)
        size = self.engine.pixels_of.size
        self.reader = Reader(self.engine.pixels, size, embed, BATCH, Fetcher())

    def read_params(self, params: dict[str, Any]) -> Request:
        voters = self.index.k if self.index else 0
        return parameters.read(params, self.engine.max_tokens, voters)

    def read_rows(self, table: pd.DataFrame) -> list[np.ndarray | Exception]:
        rows: list[Any] = list(read_sources(table))
        sources = [one for one in rows if isinstance(one, Source)]
        for source, found in zip(sources, self.reader(sources), strict=True):
            if isinstance(found, Exception) and not isinstance(found, BadRow):
                found = self._blame(source.row, found)
            rows[source.row] = found
        return rows

    def answer(self, rows: list[np.ndarray], params: Request) -> list[dict[str, Any] | Exception]:
        if not rows:
            return []
        records: list[dict[str, Any] | Exception] = [{} for _ in rows]
        features = np.stack(rows)
        if params.captions:
            _add(records, "captions", self._captions(rows, params))
        if params.embedding != "none":
            clip = params.embedding == "clip"
            found = rows if clip else self._compute("prefix", _stacked(self.engine.prefixes), rows)
            _add(records, "embedding", [_numbers(one) for one in found])
        if params.match_text:
            (text,) = self._compute("text", self.engine.embed_texts, [params.match_text])
            if isinstance(text, Exception):
                raise text
            cosines = normalised(features) @ normalised(text[None])[0]
            _add(records, "match", [round(float(one), 4) for one in cosines])
        if self.index and params.neighbours:
            answers = self.index.classify(features, params.neighbours)
            _add(records, "category", [one.category for one in answers])
            _add(records, "neighbours", [one.neighbours for one in answers])
        return records

    def _captions(self, rows: list[np.ndarray], params: Request) -> list[Any]:
        write = functools.partial(self.engine.caption, options=params.options)
        return [
            found if isinstance(found, Exception) else [_record(one) for one in found]
            for found in self._compute(params.options, _stacked(write), rows)
        ]

    def _compute(self, kind: Hashable, work: Work, values: Sequence[Any]) -> list[Any]:
        """Has the engine thread do something with each value, in batches; or why it failed."""
        results = self._runner([Job(kind, work, value) for value in values])
        for result in results:
            if isinstance(result, Cancelled):
                raise result
        return results


def _run(batch: list[Job]) -> list[Any]:
    """Runs a batch, on the engine thread: jobs of one kind, so that the work is the same."""
    return list(batch[0].work([job.value for job in batch]))


def _stacked(work: Callable[[np.ndarray], Iterable[Any]]) -> Work:
    """Work on an array of rows as work on a list of them."""
    return lambda rows: work(np.stack(rows))


def _add(records: list[dict[str, Any] | Exception], name: str, values: Sequence[Any]) -> None:
    """Gives each record a field; one whose value failed becomes that failure."""
    for row, value in enumerate(values):
        record = records[row]
        if isinstance(value, Exception):
            records[row] = value
        elif not isinstance(record, Exception):
            record[name] = value


def _record(caption: Caption) -> dict[str, Any]:
    return {"text": caption.text, "score": round(caption.score, 4)}


def _numbers(found: np.ndarray | Exception) -> list[float] | Exception:
    return found if isinstance(found, Exception) else found.ravel().tolist()


set_model(ClipCaptionModel())
