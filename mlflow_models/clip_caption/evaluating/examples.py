"""Reads test sets: images with their references, and predictions where they are already made."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clip_caption.preparing.cells import is_broken, split_captions
from zoo.data.tables import SUFFIXES, open_table
from zoo.data.texts import read_json
from zoo.errors import ZooError
from zoo.training.stored import open_data

IMAGES = ("image", "file", "file_name", "path", "photo", "name")
REFERENCES = ("references", "reference", "captions", "caption", "comment", "text")


@dataclass(frozen=True)
class Example:
    """One image of a test set.

    Args:
        name: what it is called.
        references: captions that people wrote; at least one.
        read: returns the image's file, or raises OSError.
        values: what else is known of it, by column.
    """

    name: str
    references: tuple[str, ...]
    read: Callable[[], bytes]
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TestSet:
    """A test set.

    Args:
        examples: its images.
        predictions: of each system, by its name, one for each example; empty where a checkpoint is
            to make them.
        notes: what the reader of the scores should know.
        losses: of the references, in nats per token, by the checkpoint's name.
    """

    examples: list[Example]
    predictions: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)

    __test__ = False  # pytest takes it for a test


@dataclass(frozen=True)
class ReferenceColumns:
    """The columns of a test set; None and empty: the usual ones.

    Args:
        image: of paths, from the table's folder.
        references: of references; one of the name `captions` has several to a cell.
        separator: what is between several references in a cell.
        translated: of references that were translated already; they take the references' place.
        predictions: of predictions, one for each system.
        values: that are to be kept.
    """

    image: str | None = None
    references: tuple[str, ...] = ()
    separator: str | None = None
    translated: str | None = None
    predictions: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


def read_test_set(path: Path, columns: ReferenceColumns, images: Path | None = None) -> TestSet:
    """Reads what a checkpoint is to caption.

    Args:
        path: a data set of prepare.py, a table, or a JSON of COCO's captions.
        columns: what is where in the first two.
        images: the folder of COCO's images; default: the JSON's own.

    Raises:
        ZooError: It has another form, or lacks a column.
    """
    if path.is_dir():
        return read_prepared(path, columns)
    if path.suffix.lower() == ".json":
        return read_coco(path, None, images)
    if path.name.lower().removesuffix(".gz").endswith(SUFFIXES):
        return read_table(path, columns)
    raise ZooError(
        f"'{path}' is neither a data set of prepare.py, a table ({', '.join(SUFFIXES)}) nor COCO's "
        ".json."
    )


def read_table(path: Path, columns: ReferenceColumns) -> TestSet:
    """Reads a table; rows of the same image are further references of it, equal ones too.

    Raises:
        ZooError: it can't be read, a column is missing, or predictions of an image differ.
    """
    table = open_table(path)
    image = table.find(None, IMAGES)
    if columns.image:
        image = table.column(columns.image)
    asked = (columns.translated,) if columns.translated else columns.references
    sources = [table.column(name) for name in asked] or [
        table.column(None, REFERENCES, "--references")
    ]
    for name in (*columns.predictions, *columns.values):
        table.column(name)
    references: dict[str, list[str]] = {}
    said: dict[str, dict[str, str]] = {}
    values: dict[str, dict[str, str]] = {}
    for line, cells in table.strict_rows():
        if is_broken("".join(cells.values())):
            raise ZooError(f"'{path}', line {line}: a text has half a character (a surrogate).")
        name = cells[image] if image else f"line {line}"
        if not name.strip():
            raise ZooError(f"'{path}', line {line}: the column '{image}' is empty.")
        texts = [t for s in sources for t in split_captions(cells[s], s, columns.separator)]
        references.setdefault(name, []).extend(texts)
        values.setdefault(name, {key: cells[key] for key in columns.values})
        spoken = {key: " ".join(cells[key].split()) for key in columns.predictions}
        if said.setdefault(name, spoken) != spoken:
            raise ZooError(f"'{path}', line {line}: '{name}' has another prediction above.")
    examples = [
        Example(name, tuple(texts), _reader(path.parent / name), values[name])
        for name, texts in references.items()
    ]
    predictions = {key: [said[name][key] for name in references] for key in columns.predictions}
    return without_references(TestSet(examples, predictions), path)


def read_prepared(path: Path, columns: ReferenceColumns) -> TestSet:
    """Reads a data set of prepare.py.

    Raises:
        ZooError: it is none, or lacks a column.
    """
    sources = [columns.translated] if columns.translated else list(columns.references)
    sources = sources or ["captions"]
    data = open_data(path, ["image", "name", *sources, *columns.values])
    images = data.select_columns(["image"])
    kept = data.select_columns([name for name in data.column_names if name != "image"])
    examples = []
    for index, row in enumerate(kept):
        texts: list[str] = []
        for source in sources:
            cell = row[source] or []
            texts += split_captions(cell, source, columns.separator) if isinstance(
                cell, str
            ) else map(str, cell)  # fmt: skip
        values = {name: "" if row[name] is None else str(row[name]) for name in columns.values}
        read = functools.partial(_stored, images, index)
        examples.append(Example(str(row["name"]), tuple(texts), read, values))
    return without_references(TestSet(examples), path)


def read_coco(path: Path, results: Path | None, images: Path | None) -> TestSet:
    """Reads COCO's captions, and results in COCO's format: [{"image_id": 1, "caption": "..."}].

    As COCO's evaluation does, the images with a result are scored; others are counted in a note.

    Raises:
        ZooError: the files are no such JSON, or results are of unknown images or doubled.
    """
    try:
        found = read_json(path)
        files = {one["id"]: str(one.get("file_name") or one["id"]) for one in found["images"]}
        references: dict[Any, list[str]] = {}
        for one in found["annotations"]:
            references.setdefault(one["image_id"], []).append(" ".join(one["caption"].split()))
        said = None if results is None else coco_results(results)
    except (KeyError, TypeError, AttributeError) as error:
        raise ZooError(f"'{path}' or its results are not COCO's JSON of captions.") from error
    if len(files) < len(found["images"]):
        raise ZooError(f"'{path}' has two images of one id.")
    notes = []
    if other := sum(len(texts) for key, texts in references.items() if key not in files):
        notes.append(f"{other} references are of images that '{path}' doesn't list.")
    if said is not None:
        for key in said:
            if key not in files:
                raise ZooError(f"'{results}' has a result for image {key}, not in '{path}'.")
        if left := len(files.keys() - said.keys()):
            notes.append(f"{left} of {len(files)} images have no result; they aren't scored.")
    keys = [key for key in files if said is None or key in said]
    folder = images or path.parent
    examples = [
        Example(files[key], tuple(references.get(key, [])), _reader(folder / files[key]))
        for key in keys
    ]
    predictions = {} if said is None else {str(results): [said[key] for key in keys]}
    return without_references(TestSet(examples, predictions, notes), path)


def coco_results(path: Path) -> dict[Any, str]:
    """COCO's results by the image's id.

    Raises:
        ZooError: it can't be read, or an image has two results.
    """
    said: dict[Any, str] = {}
    for one in read_json(path):
        if one["image_id"] in said:
            raise ZooError(f"'{path}' has two results for image {one['image_id']}.")
        said[one["image_id"]] = " ".join(one["caption"].split())
    return said


def without_references(found: TestSet, path: Path) -> TestSet:
    """The test set less the images that nobody described, which are counted in a note.

    Raises:
        ZooError: nothing is left.
    """
    keep = [index for index, example in enumerate(found.examples) if any(example.references)]
    left = len(found.examples) - len(keep)
    if not keep:
        raise ZooError(f"'{path}' has no image with a reference.")
    if not left:
        return found
    return TestSet(
        _chosen(found.examples, keep),
        {name: _chosen(texts, keep) for name, texts in found.predictions.items()},
        [*found.notes, f"{left} images have no reference; they aren't scored."],
    )


def _chosen(items: Sequence[Any], indices: Iterable[int]) -> list[Any]:
    return [items[index] for index in indices]


def _reader(path: Path) -> Callable[[], bytes]:
    return path.read_bytes


def _stored(images: Any, index: int) -> bytes:
    content: bytes = images[index]["image"]
    return content
