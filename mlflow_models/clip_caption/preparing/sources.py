"""Reads collections of photos with captions: a table, a folder, or COCO's JSON.

The usual column names are those of Traffy Fondue's export (ticket_id, type, comment, photo, coords)
and of the manifests that `demos.clip_caption.scenes` writes.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clip_caption.preparing.captions import split_captions
from zoo.data.tables import SUFFIXES, open_table
from zoo.data.texts import read_json
from zoo.errors import ZooError

IMAGES = ("photo", "image", "file", "file_name", "path", "image_url", "url")
CAPTIONS = ("captions", "caption", "comment", "text", "description")
NAMES = ("ticket_id", "id", "name")
PHOTOS = frozenset(".jpg .jpeg .jfif .png .webp .gif .heic .heif".split())
METADATA = ("metadata.csv", "metadata.tsv")  # the first as `datasets` has it
COORDINATES = ("latitude", "longitude")


@dataclass(frozen=True)
class PhotoColumns:
    """The columns of a table; None: the usual ones.

    Args:
        image: of addresses, or of paths from the table's folder.
        caption: of captions; one of the name `captions` has several to a cell.
        separator: what is between several captions in a cell.
        name: of what a photo is called; where there is none, by its address or path.
        type: of the problem's type; of several in braces ("{flood,road}") the first counts.
        coords: of "longitude,latitude"; or the table has a column for each.
        keep: further ones to keep, as they are.
    """

    image: str | None = None
    caption: str | None = None
    separator: str | None = None
    name: str | None = None
    type: str | None = None
    coords: str | None = None
    keep: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One photo with what was said of it, before anything is fetched.

    Args:
        name: what it is called in the data set.
        source: an address (http, https), or the path of a file.
        captions: what was said of it.
        extra: further columns.
        reason: why it can't be used; empty where it can.
    """

    name: str
    source: str
    captions: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def is_remote(self) -> bool:
        """Whether the photo has to be downloaded."""
        return self.source.lower().startswith(("http://", "https://"))


def read_source(path: Path, columns: PhotoColumns, images: Path | None = None) -> Iterator[Entry]:
    """Reads a collection; what can't be used comes with the reason.

    Args:
        path: a CSV or TSV, a JSON of COCO's captions, or a folder of photos.
        columns: the table's.
        images: the folder of the photos, where it isn't the table's own; COCO's photos are
            downloaded where none is given.

    Raises:
        ZooError: It has another form, or lacks a column.
    """
    if path.is_dir():
        return read_folder(path, columns)
    if path.suffix.lower() == ".json":
        return read_coco(path, images)
    if path.suffix.lower() in SUFFIXES:
        return read_table(path, columns, images)
    raise ZooError(f"'{path}' is neither a folder, a .csv, a .tsv nor COCO's .json.")


def read_table(path: Path, columns: PhotoColumns, images: Path | None = None) -> Iterator[Entry]:
    """Reads a table of photos. Raises as `read_source` does."""
    table = open_table(path)
    where = table.column(columns.image, IMAGES, "--image-column")
    what = table.column(columns.caption, CAPTIONS, "--caption-column")
    who = table.find(columns.name, NAMES)
    for name in (columns.name, columns.type, columns.coords, *columns.keep):
        if name:
            table.column(name)
    kind, coords = table.find(columns.type, ("type",)), table.find(columns.coords, ("coords",))
    folder = images or path.parent
    for line, cells in table.rows():
        if cells is None:
            yield Entry(f"line {line}", "", reason="broken line")
            continue
        source = cells[where].strip()
        entry = Entry(
            (cells[who].strip() if who else "") or source or f"line {line}",
            source,
            split_captions(cells[what], what, columns.separator),
            {"type": first_of(cells[kind])} if kind else {},
        )
        entry.extra.update({name: cells[name] for name in columns.keep})
        if coords or set(COORDINATES) <= cells.keys():
            found = cells[coords].split(",")[::-1] if coords else [cells[c] for c in COORDINATES]
            entry.extra.update(zip(COORDINATES, position(found), strict=True))
        yield _located(entry, folder)


def read_folder(folder: Path, columns: PhotoColumns) -> Iterator[Entry]:
    """Reads photos with a text file each (a caption a line), or with a `metadata.csv`.

    Raises:
        ZooError: there is neither.
    """
    for name in METADATA:
        if (folder / name).is_file():
            yield from read_table(folder / name, columns)
            return
    empty = True
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in PHOTOS:
            continue
        name = path.relative_to(folder).as_posix()
        texts = path.with_suffix(".txt")
        if texts.is_file():
            empty = False
            lines = texts.read_text(encoding="utf-8-sig").splitlines()
            captions = [" ".join(line.split()) for line in lines if line.strip()]
            yield _located(Entry(name, name, captions), folder)
        else:
            yield Entry(name, str(path), reason="no caption")
    if empty:
        raise ZooError(
            f"'{folder}' has neither a {METADATA[0]} nor a photo with a text of the same name "
            "beside it (a.jpg, a.txt)."
        )


def read_coco(path: Path, images: Path | None = None) -> Iterator[Entry]:
    """Reads COCO's captions; the photos are in a folder, or are downloaded from where it says.

    Raises:
        ZooError: it is no such file.
    """
    found = read_json(path)
    try:
        captions: dict[Any, list[str]] = {}
        for one in found["annotations"]:
            captions.setdefault(one["image_id"], []).append(" ".join(one["caption"].split()))
        photos = [
            (str(one.get("file_name") or one["id"]), one.get("coco_url"), one["id"])
            for one in found["images"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ZooError(f"'{path}' is no JSON of COCO's captions.") from error
    for name, address, key in photos:
        source = name if images or not address else address
        texts = [text for text in captions.get(key, []) if text]
        yield _located(Entry(name, source, texts), images or path.parent)


def _located(entry: Entry, folder: Path) -> Entry:
    """The entry with the full path of its file, or with the reason why it can't be used."""
    if not entry.source:
        return Entry(entry.name, "", reason="no photo")
    source = entry.source if entry.is_remote else str(folder / entry.source)
    reason = "" if entry.captions else "no caption"
    if not reason and not entry.is_remote and not Path(source).is_file():
        reason = "no such file"
    return Entry(entry.name, source, entry.captions, entry.extra, reason)


def first_of(cell: str) -> str:
    """The first of several types: Traffy's export has "{flood,road}"."""
    cell = cell.strip()
    if cell.startswith("{") and cell.endswith("}"):
        cell = next(csv.reader([cell[1:-1]]), [""])[0] if cell != "{}" else ""
    return cell.strip()


def position(found: list[str]) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees; None for both where they are no place on earth."""
    try:
        latitude, longitude = map(float, found)
    except ValueError:
        return None, None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None, None
    return latitude, longitude


def merged(entries: Iterator[Entry]) -> list[Entry]:
    """The entries; those of one photo that have no name of their own as one, with all captions."""
    kept: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        own = entry.name if not entry.source.endswith(entry.name) else ""
        before = kept.setdefault((entry.source, own or entry.reason), entry)
        if before is not entry:
            before.captions.extend(text for text in entry.captions if text not in before.captions)
    return list(kept.values())
