"""A collection of images to embed: a folder, a table of paths, or what prepare.py wrote."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_caption.exploring.store import OWN
from zoo.data.images import SUFFIXES
from zoo.data.tables import SUFFIXES as TABLES
from zoo.data.tables import open_table
from zoo.errors import ZooError
from zoo.training.stored import MARK, open_data

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("image", "file", "path", "photo", "filename")
COORDINATES = ("latitude", "longitude")  # columns of numbers; text stays text: "00000" isn't 0


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
        passed: how many files of a folder are no images, by their suffix.
        left_out: the columns that a table of embeddings can't keep.
    """

    ids: Sequence[str]
    photo: Callable[[int], Photo]
    schema: "pa.Schema"
    passed: Mapping[str, int] = field(default_factory=dict)
    left_out: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Photo]:
        return map(self.photo, range(len(self)))


def read_collection(
    source: Path, image_column: str | None = None, captioned: bool = False
) -> ImageCollection:
    """Finds the images of a source; reads none of them yet.

    Args:
        source: a folder of images (with those in its folders), a CSV or TSV with a column of paths
            (from its own folder), or a data set of prepare.py.
        image_column: the table's; by default the first of `IMAGE_COLUMNS` that it has.
        captioned: whether a column `caption` has to make room for the model's.

    Raises:
        ZooError: there is nothing of the kind, or no image in it.
    """
    if source.is_file():
        found = _from_table(source, image_column, captioned)
    elif (source / MARK).is_file() or any(source.glob(f"*/{MARK}")):
        found = _from_data_set(source, captioned)
    elif source.is_dir():
        found = _from_folder(source)
    else:
        raise ZooError(f"'{source}' is neither a folder of images, a table nor a data set.")
    if not len(found):
        others = f" Its files are: {counted(found.passed)}." if found.passed else ""
        raise ZooError(f"'{source}' has no image in it.{others}")
    return found


def counted(numbers: Mapping[str, int]) -> str:
    """Names with how often each is there, the most frequent first: "3 .txt, 1 .mp4"."""
    most = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count:,} {name}" for name, count in most)


def _from_folder(folder: Path) -> ImageCollection:
    import pyarrow as pa

    every = [path for path in folder.rglob("*") if path.is_file()]
    files = sorted(path for path in every if path.suffix.lower() in SUFFIXES)
    others = (path.suffix.lower() for path in every if path.suffix.lower() not in SUFFIXES)
    passed = Counter(suffix or "without a suffix" for suffix in others)

    def photo(number: int) -> Photo:
        file = files[number]
        return Photo(file.relative_to(folder).as_posix(), str(file.resolve()), {}, file.read_bytes)

    ids = [file.relative_to(folder).as_posix() for file in files]
    return ImageCollection(ids, photo, pa.schema([]), passed)


def _from_table(path: Path, image_column: str | None, captioned: bool) -> ImageCollection:
    import pyarrow as pa

    if not path.name.lower().removesuffix(".gz").endswith(TABLES):
        raise ZooError(f"'{path}' is not a table; available: {', '.join(TABLES)}.")
    table = open_table(path)
    column = table.column(image_column, IMAGE_COLUMNS, "--image-column")
    lines, rows = [], []
    for line, cells in table.strict_rows():
        lines.append(line)
        rows.append(cells)
    names = [cells[column].strip() for cells in rows]
    ids = _unique([name or f"line {line}" for line, name in zip(lines, names, strict=True)])
    others = [name for name in table.header if name != column]
    every = pa.table({name: _column(name, [cells[name] for cells in rows]) for name in others})
    schema = _simple(every.schema, captioned)
    fields = every.select(schema.names)  # takes less memory than 100,000 dicts

    def photo(number: int) -> Photo:
        row = fields.slice(number, 1).to_pylist()[0]
        if not names[number]:
            return Photo(ids[number], "", row, _nothing)
        file = path.parent / names[number]
        return Photo(ids[number], str(file.resolve()), row, file.read_bytes)

    left_out = [name for name in others if name not in schema.names]
    return ImageCollection(ids, photo, schema, left_out=left_out)


def _from_data_set(folder: Path, captioned: bool) -> ImageCollection:
    data = open_data(folder, ["image"])
    schema = _simple(data.features.arrow_schema, captioned)
    names = data["name"] if "name" in schema.names else range(len(data))
    ids = _unique([str(name) for name in names])
    plain, images = data.select_columns(schema.names), data.select_columns(["image"])

    def photo(number: int) -> Photo:
        return Photo(ids[number], "", plain[number], lambda: bytes(images[number]["image"]))

    left_out = [name for name in data.column_names if name not in (*schema.names, "image")]
    return ImageCollection(ids, photo, schema, left_out=left_out)


def _nothing() -> bytes:
    raise FileNotFoundError("the row names no file")


def _column(name: str, cells: list[str]) -> "pa.Array":
    """A column's cells as text; coordinates as numbers, null where they are empty."""
    import pyarrow as pa

    if name in COORDINATES:
        try:
            return pa.array([float(cell) if cell.strip() else None for cell in cells], pa.float64())
        except ValueError:
            pass
    return pa.array(cells, pa.string())


def _simple(schema: "pa.Schema", captioned: bool) -> "pa.Schema":
    """The columns that a table of embeddings keeps: those of simple types, but not of its names."""
    import pyarrow as pa

    own = {*OWN, "caption"} if captioned else {*OWN}

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
