"""A collection of images to embed: a folder, a table of paths, or what prepare.py wrote."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.tables import SUFFIXES as TABLES
from zoo.data.tables import open_table
from zoo.errors import ZooError
from zoo.training.stored import MARK, open_data

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = frozenset(".jpg .jpeg .jfif .png .webp .gif .heic .heif".split())
IMAGE_COLUMNS = ("image", "file", "path", "photo", "filename")


@dataclass(frozen=True)
class Photo:
    """One image before it is read.

    Args:
        id: its name, unlike any other's in the collection.
        path: where its file is; empty where it has none.
        fields: what else the collection knows about it.
        read: returns the bytes of the file.
    """

    id: str
    path: str
    fields: dict[str, Any]
    read: Callable[[], bytes]


@dataclass(frozen=True)
class ImageCollection:
    """The images, in an order that stays.

    Args:
        ids: of all of them.
        photo: the image of a number.
        schema: the types of `Photo.fields`: numbers, strings, dates, lists of strings.
    """

    ids: Sequence[str]
    photo: Callable[[int], Photo]
    schema: "pa.Schema"

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Photo]:
        return map(self.photo, range(len(self)))

    @property
    def fingerprint(self) -> str:
        """Tells a collection from one with other images, or in another order."""
        return hashlib.sha256("\n".join(self.ids).encode()).hexdigest()


def read_collection(source: Path, image_column: str | None = None) -> ImageCollection:
    """Finds the images of a source; reads none of them yet.

    Args:
        source: a folder of images (with those in its folders), a CSV or TSV with a column of paths
            (from its own folder), or a data set of prepare.py.
        image_column: the table's; by default the first of `IMAGE_COLUMNS` that it has.

    Raises:
        ZooError: there is nothing of the kind, or no image in it.
    """
    if source.is_file():
        found = _from_table(source, image_column)
    elif (source / MARK).is_file() or any(source.glob(f"*/{MARK}")):
        found = _from_data_set(source)
    elif source.is_dir():
        found = _from_folder(source)
    else:
        raise ZooError(f"'{source}' is neither a folder of images, a table nor a data set.")
    if not len(found):
        raise ZooError(f"'{source}' has no image in it.")
    return found


def _from_folder(folder: Path) -> ImageCollection:
    import pyarrow as pa

    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)

    def photo(number: int) -> Photo:
        file = files[number]
        return Photo(file.relative_to(folder).as_posix(), str(file.resolve()), {}, file.read_bytes)

    ids = [file.relative_to(folder).as_posix() for file in files]
    return ImageCollection(ids, photo, pa.schema([]))


def _from_table(path: Path, image_column: str | None) -> ImageCollection:
    import pyarrow as pa

    if path.suffix.lower() not in TABLES:
        raise ZooError(f"'{path}' is not a table; available: {', '.join(TABLES)}.")
    table = open_table(path)
    column = table.column(image_column, IMAGE_COLUMNS, "--image-column")
    rows = [cells for _, cells in table.strict_rows()]
    names = [cells[column] for cells in rows]
    ids = _unique(names)
    others = [name for name in table.header if name != column]
    every = pa.table({name: _typed([cells[name] for cells in rows]) for name in others})
    fields = every.select(_simple(every.schema).names)  # takes less memory than 100,000 dicts

    def photo(number: int) -> Photo:
        file = path.parent / names[number]
        row = fields.slice(number, 1).to_pylist()[0]
        return Photo(ids[number], str(file.resolve()), row, file.read_bytes)

    return ImageCollection(ids, photo, fields.schema.remove_metadata())


def _from_data_set(folder: Path) -> ImageCollection:
    data = open_data(folder, ["image"])
    schema = _simple(data.features.arrow_schema)
    names = data["name"] if "name" in schema.names else range(len(data))
    ids = _unique([str(name) for name in names])
    plain, images = data.select_columns(schema.names), data.select_columns(["image"])

    def photo(number: int) -> Photo:
        return Photo(ids[number], "", plain[number], lambda: bytes(images[number]["image"]))

    return ImageCollection(ids, photo, schema)


def _typed(cells: list[str]) -> "pa.Array":
    """A column's cells as numbers, where all of them are."""
    import pyarrow as pa

    texts = pa.array(cells, pa.string())
    for kind in (pa.int64(), pa.float64()):
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            continue
    return texts


def _simple(schema: "pa.Schema") -> "pa.Schema":
    """The columns that a table of embeddings keeps."""
    import pyarrow as pa

    own = {"id", "path", "thumbnail", "embedding", "caption"}  # what the table itself has

    def simple(kind: "pa.DataType") -> bool:
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return simple(kind.value_type)
        texts = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        return texts or pa.types.is_primitive(kind)  # numbers, booleans, dates

    fields = [field for field in schema if field.name not in own and simple(field.type)]
    return pa.schema(fields).remove_metadata()


def _unique(names: list[str]) -> list[str]:
    """The names, a number behind those that were there before."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return unique
