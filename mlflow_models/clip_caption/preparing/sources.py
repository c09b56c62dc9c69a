"""Reads collections of photos with captions: a table, a folder, or COCO's JSON.

The usual column names are those of Traffy Fondue's export (ticket_id, type, comment, photo, coords)
and GeoJSON (problem_type_fondue, description, photo_url), and of the manifests that
`demos.clip_caption.scenes` writes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from clip_caption.preparing.cells import (
    canonical,
    coordinates,
    is_broken,
    position,
    split_captions,
)
from zoo.data.images import SUFFIXES as PHOTOS
from zoo.data.tables import SUFFIXES, listed, open_table
from zoo.data.texts import encodings, read_json, read_text
from zoo.errors import ZooError

IMAGES = ("photo", "photo_url", "image", "file", "file_name", "path", "image_url", "url")
CAPTIONS = ("captions", "caption", "comment", "text", "description")
NAMES = ("ticket_id", "id", "name")
TYPES = ("type", "problem_type_fondue", "problem_type_abdul")
TEXTS = (".txt",)
METADATA = ("metadata.csv", "metadata.tsv")  # the first as `datasets` has it
COORDINATES = ("latitude", "longitude")
OWN = ("image", "captions", "name")  # columns that every data set has


@dataclass(frozen=True)
class PhotoColumns:
    """The columns of a table; None: the usual ones.

    Args:
        image: of addresses, or of paths from the table's folder.
        caption: of captions; one of the name `captions` has several to a cell.
        separator: what is between several captions in a cell.
        name: of what a photo is called; where there is none, by its address or path.
        type: of the problem's types; there may be several, as in "{flood,road}".
        coords: of "longitude,latitude"; or the table has a column for each.
        keep: further ones to keep, as they are.
        group: whose photos stay in one part where it has the same value: a site, say.
    """

    image: str | None = None
    caption: str | None = None
    separator: str | None = None
    name: str | None = None
    type: str | None = None
    coords: str | None = None
    keep: tuple[str, ...] = ()
    group: str | None = None


@dataclass(frozen=True)
class Entry:
    """One photo with what was said of it, before anything is fetched.

    Args:
        name: what it is called in the data set.
        source: an address (http, https), or the path of a file.
        captions: what was said of it.
        extra: further columns.
        reason: why it can't be used; empty where it can.
        groups: what it belongs to: sites, say.
        rows: how many rows of the source it stands for.
    """

    name: str
    source: str
    captions: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    groups: tuple[str, ...] = ()
    rows: int = 1

    @property
    def is_remote(self) -> bool:
        """Whether the photo has to be downloaded."""
        return self.source.lower().startswith(("http://", "https://"))


def read_source(path: Path, columns: PhotoColumns, images: Path | None = None) -> Iterator[Entry]:
    """Reads a collection; what can't be used comes with the reason.

    Args:
        path: a table, a JSON of COCO's captions, or a folder of photos.
        columns: the table's.
        images: the folder of the photos, where it isn't the table's own; COCO's photos are
            downloaded where none is given.

    Raises:
        ZooError: It has another form, or lacks a column.
    """
    if not path.exists():
        raise ZooError(f"'{path}' not found.")
    if columns.group and (path.suffix.lower() == ".json" or _is_plain(path)):
        raise ZooError(
            f"--group needs a table with the column '{columns.group}'; '{path}' is not a table."
        )
    if path.is_dir():
        return read_folder(path, columns)
    if path.suffix.lower() == ".json":
        return read_coco(path, images)
    if path.name.lower().removesuffix(".gz").endswith(tuple(SUFFIXES)):
        return read_table(path, columns, images)
    raise ZooError(
        f"'{path}' is neither a folder, a table ({', '.join(SUFFIXES)}) nor COCO's .json."
    )


def _is_plain(folder: Path) -> bool:
    """Whether it is a folder without a table."""
    return folder.is_dir() and not any((folder / name).is_file() for name in METADATA)


def read_table(path: Path, columns: PhotoColumns, images: Path | None = None) -> Iterator[Entry]:
    """Reads a table of photos. Raises as `read_source` does."""
    table = open_table(path)
    where = table.column(columns.image, IMAGES, "--image-column")
    what = table.column(columns.caption, CAPTIONS, "--caption-column")
    who = table.find(columns.name, NAMES)
    if taken := [name for name in columns.keep if name in OWN]:
        raise ZooError(
            f"--keep {taken[0]}: a data set has a column '{taken[0]}' of its own; rename that of "
            f"'{path}'."
        )
    for name in (columns.name, columns.type, columns.coords, columns.group, *columns.keep):
        if name:
            table.column(name)
    kind, coords = table.find(columns.type, TYPES), table.find(columns.coords, ("coords",))
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
            {"type": canonical(listed(" ".join(cells[kind].split())))} if kind else {},
            groups=(" ".join(cells[columns.group].split()),) if columns.group else (),
        )
        entry.extra.update({name: cells[name] for name in columns.keep if name != kind})
        if coords or set(COORDINATES) <= cells.keys():
            found = coordinates(cells[coords]) if coords else [cells[c] for c in COORDINATES]
            entry.extra.update(zip(COORDINATES, position(found), strict=True))
        yield _located(entry, folder)


def read_folder(folder: Path, columns: PhotoColumns) -> Iterator[Entry]:
    """Reads photos with a text file each (a caption a line), or with a `metadata.csv`.

    Raises:
        ZooError: there is neither.
    """
    for name in METADATA:
        if (folder / name).is_file():
            yield from _with_table(folder, folder / name, columns)
            return
    empty, used = True, set()
    files = sorted(path for path in folder.rglob("*") if path.name[0] != "." and not path.is_dir())
    told = encodings(p.with_suffix(".txt") for p in files if p.suffix.lower() in PHOTOS)
    for path in files:
        if path.suffix.lower() not in PHOTOS:
            continue
        name = path.relative_to(folder).as_posix()
        texts = path.with_suffix(".txt")
        if texts.is_file():
            empty = False
            used.add(texts)
            lines = read_text(texts, told=told[texts]).splitlines()
            captions = [" ".join(line.split()) for line in lines]
            yield _located(Entry(name, name, [text for text in captions if text]), folder)
        else:
            yield Entry(name, str(path), reason="no caption")
    if empty:
        raise ZooError(
            f"'{folder}' has neither a {METADATA[0]} nor a photo with a text of the same name "
            "beside it (a.jpg, a.txt)."
        )
    for path in files:
        if path.suffix.lower() not in PHOTOS and path not in used:
            reason = "no photo" if path.suffix.lower() in TEXTS else "not a photo"
            yield Entry(path.relative_to(folder).as_posix(), str(path), reason=reason)


def _with_table(folder: Path, table: Path, columns: PhotoColumns) -> Iterator[Entry]:
    """The photos of a folder's table, and those that the table doesn't name."""
    named = set()
    for entry in read_table(table, columns):
        named.add(Path(entry.source))
        yield entry
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in PHOTOS and path not in named:
            yield Entry(
                path.relative_to(folder).as_posix(), str(path), reason=f"not in {table.name}"
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
        raise ZooError(f"'{path}' is not a JSON file of COCO's captions.") from error
    known = {key for _, _, key in photos}
    for key, texts in captions.items():
        if key not in known:
            yield Entry(f"image {key}", "", texts, reason="no photo")
    for name, address, key in photos:
        source = address if isinstance(address, str) and address and not images else name
        texts = [text for text in captions.get(key, []) if text]
        yield _located(Entry(name, source, texts), images or path.parent)


def _located(entry: Entry, folder: Path) -> Entry:
    """The entry with the full path of its file, or with the reason why it can't be used."""
    texts = [
        entry.name,
        entry.source,
        *entry.groups,
        *entry.captions,
        *map(str, entry.extra.values()),
    ]
    if is_broken("".join(texts)):
        name = entry.name.encode(errors="replace").decode()
        return Entry(name, "", reason="broken text (half a character)")
    if not entry.source:
        return Entry(entry.name, "", reason="no photo")
    source = entry.source if entry.is_remote else str(folder / entry.source)
    reason = "" if entry.captions else "no caption"
    if not reason and not entry.is_remote and not _is_file(source):
        reason = "no such file"
    return replace(entry, source=source, reason=reason)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long
        return False


def merged(entries: Iterator[Entry]) -> list[Entry]:
    """The entries; those of one photo that have no name of their own as one, with all captions,
    types and groups.

    Equal captions of a photo are kept, as COCO's evaluation does. Rows of one name and photo are
    one row that was repeated: its captions count once.
    """
    kept: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        own = entry.name if not entry.source.endswith(entry.name) else ""
        key = (entry.source, own or entry.reason)
        kept[key] = _joined(kept[key], entry, bool(own)) if key in kept else entry
    return list(kept.values())


def _joined(one: Entry, other: Entry, repeated: bool) -> Entry:
    """Two rows of one photo as one entry; equal captions count once where a row is repeated."""
    more = [text for text in other.captions if not repeated or text not in one.captions]
    extra = dict(one.extra)
    if "type" in extra:
        types = listed(extra["type"]) + listed(other.extra["type"])
        extra["type"] = canonical(list(dict.fromkeys(types)))
    return replace(
        one,
        captions=one.captions + more,
        extra=extra,
        groups=one.groups + other.groups,
        rows=one.rows + other.rows,
    )
