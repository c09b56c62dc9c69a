"""Sees photos for the scores and the calibration of labels: their features, and their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clip_caption.building.labels import probe_of
from clip_caption.evaluating.captioning import batches, read_files
from clip_caption.evaluating.examples import Example
from clip_caption.exploring.collection import ImageCollection, read_collection
from clip_caption.exploring.store import SETTINGS, Embeddings, labels_in
from clip_caption.searching.index import normalised
from zoo.building import saved
from zoo.data.tables import ColumnNotFound
from zoo.errors import ZooError

if TYPE_CHECKING:
    from clip_caption.captioner import Captioner

ROUNDING = 1e-4  # of a probability in a record


@dataclass(frozen=True)
class PhotoSource:
    """Where photos are.

    Attributes:
        path: A folder, a table, a data set of prepare.py, or what explore.py embed wrote.
        column: Of the photos' labels. None: they have none.
        image_column: Of a table's paths. None: one of the usual names.
        limit: How many photos to take. None: all.
    """

    path: Path
    column: str | None = None
    image_column: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class SeenPhotos:
    """Photos that were seen.

    Attributes:
        ids: Their names.
        features: CLIP's, L2-normalised, float32 (photos, d).
        cells: The labels of each; empty lists where no column was asked for.
        notes: How many can't be read, in a sentence.
    """

    ids: list[str]
    features: np.ndarray
    cells: list[list[str]]
    notes: list[str]


def see(captioner: "Captioner", source: PhotoSource, batch_size: int = 16) -> SeenPhotos:
    """Take photos' features from embeddings, or embed them.

    Args:
        captioner: The checkpoint.
        source: Where the photos are.
        batch_size: How many are embedded at a time.

    Raises:
        ZooError: There are none, none can be read, they lack the column, or they were embedded by
            another CLIP.
    """
    from tqdm import tqdm

    if (source.path / SETTINGS).is_file():
        return _embedded(captioner, source)
    examples, cells = _listed(source)
    failed: dict[str, str] = {}
    rows: list[int] = []
    features = [np.empty((0, len(probe_of(captioner))), np.float32)]
    with tqdm(total=len(examples), desc="see photos", unit="photo") as bar:
        for batch in batches(captioner, examples, batch_size, failed):
            rows += [row for row, _ in batch]
            features.append(captioner.embed([pixels for _, pixels in batch]))
            bar.update(min(batch_size, len(examples) - bar.n))
    ids, kept = [examples[row].name for row in rows], [cells[row] for row in rows]
    return SeenPhotos(ids, normalised(np.concatenate(features)), kept, _notes(examples, failed))


def ask(
    model: str, tracking_uri: str, source: PhotoSource, names: Sequence[str]
) -> tuple[SeenPhotos, np.ndarray]:
    """Ask a saved model for the probabilities of labels.

    Args:
        model: Its directory, or an MLflow URI.
        tracking_uri: The registry.
        source: Where the photos are; not embeddings.
        names: Of the labels.

    Returns:
        The photos, without features, and float64 (photos, labels + 1), the last of none of these.

    Raises:
        ZooError: As `see` does.
    """
    examples, cells = _listed(source)
    failed: dict[str, str] = {}
    params = {"num_captions": 0, "labels": list(names)}
    files = read_files(examples, failed)
    rows, found = [], []
    answers = saved.ask(model, tracking_uri, "image", files, params, len(examples))
    for row, record in enumerate(answers):
        if record.get("error"):
            failed.setdefault(examples[row].name, f"is refused: {record['error']}")
            continue
        shares = {one["label"]: one["probability"] for one in record["labels"]}
        rows.append(row)
        found.append([shares[name] for name in names])
    ids, kept = [examples[row].name for row in rows], [cells[row] for row in rows]
    notes = _notes(examples, failed)
    shown = np.array(found)  # (photos, labels)
    rest = 1 - shown.sum(axis=1, keepdims=True)
    none = np.where(rest > len(names) * ROUNDING, rest, 0)
    return SeenPhotos(ids, np.empty((len(ids), 0), np.float32), kept, notes), np.hstack(
        [shown, none]
    )


def _embedded(captioner: "Captioner", source: PhotoSource) -> SeenPhotos:
    found = Embeddings(source.path)
    found.check_encoder(probe_of(captioner), "the model")
    few = slice(source.limit)
    cells = found.labels(source.column) if source.column else [[] for _ in found.ids]
    return SeenPhotos(found.ids[few], normalised(found.features())[few], cells[few], [])


def _listed(source: PhotoSource) -> tuple[list[Example], list[list[str]]]:
    """List photos, none of them read yet, and their labels."""
    collection: ImageCollection = read_collection(source.path, source.image_column)
    names = collection.schema.names
    if source.column and source.column not in names:
        raise ColumnNotFound(source.path, source.column, names)
    numbers = range(len(collection))[: source.limit]
    photos = [collection.photo(number) for number in numbers]
    cells = [labels_in(photo.fields[source.column]) if source.column else [] for photo in photos]
    return [Example(photo.id, (), photo.read) for photo in photos], cells


def _notes(examples: Sequence[Example], failed: dict[str, str]) -> list[str]:
    """Say how many photos can't be read.

    Raises:
        ZooError: None can be.
    """
    if not failed:
        return []
    name = next(one.name for one in examples if one.name in failed)
    if len(failed) == len(examples):
        raise ZooError(f"None of the photos can be read: '{name}' {failed[name]}.")
    return [f"{len(failed):,} photos can't be read and aren't scored: '{name}' {failed[name]}."]
