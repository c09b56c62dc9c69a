"""The command `duplicates`: complaints with the same photo, with how far and how long apart.

A photo that is sent twice is one complaint reported twice, or an old photo for a new one: place and
time tell.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from clip_caption.exploring.columns import TEXTS, TIMES, column_of
from clip_caption.exploring.grouping import near_copies
from clip_caption.exploring.store import Embeddings
from zoo.data.outputs import check_output
from zoo.data.tables import write_table
from zoo.training.leaks import linked
from zoo.training.page import PageSample, ReportPage, Section

TABLE = "duplicates.csv"
LATITUDES, LONGITUDES = ("latitude", "lat"), ("longitude", "lon", "lng")
EARTH_METRES = 6_371_009  # mean radius
DAY_SECONDS = 86_400
SHOWN_GROUPS = 100  # on the page; the table has all
Place = tuple[float, float]  # latitude and longitude in degrees


@dataclass(frozen=True)
class Copy:
    """A photo of a group.

    Args:
        row: in the embeddings.
        group: counts from 1.
        bits: by how many bits of 64 its hash differs from that of the group's first photo.
        metres: how far it was taken from the first; None where a place is missing.
        days: how long after the first; None where a time is missing.
    """

    row: int
    group: int
    bits: int
    metres: float | None
    days: float | None


def run(args: argparse.Namespace) -> None:
    """Writes the table and the page.

    Raises:
        ColumnNotFound: a column that was asked for is missing.
        ZooError: the output holds something else.
    """
    embeddings = Embeddings(args.embeddings)
    check_output(args.output, TABLE, "a list of duplicates")
    time = column_of(embeddings, args.time, TIMES)
    text = column_of(embeddings, args.text, TEXTS)
    times = [_time(cell) for cell in embeddings.texts(time)] if time else [None] * len(embeddings)
    places, where = _places(embeddings)
    copies = found(embeddings, args.near, times, places)
    _write_table(args.output / TABLE, embeddings, copies, [text, time, *where])
    groups = len({copy.group for copy in copies})
    said = (f"{len(copies):,} of {len(embeddings):,} photos are in {groups:,} groups of near "
            f"copies: at most {args.near} bits differ from another one of the group")  # fmt: skip
    unread = [_unread("time", [time] if time else [], times),
              _unread("place", [name for name in where if name], places)]  # fmt: skip
    unread = [line for line in unread if line]
    _page(embeddings, copies, said, unread, text, time).write(args.output)
    print(f"{args.output}: {said}")
    for line in unread:
        print(f"  {line}")


def _unread(what: str, columns: Sequence[str], values: Sequence[object]) -> str:
    """Says for how many photos a time or a place isn't known; nothing if it is for all."""
    if not columns:
        return f"No column says the {what}"
    count = values.count(None)
    named = " and ".join(f"'{name}'" for name in columns)
    return f"{named} give no {what} for {count:,} photos" if count else ""


def found(
    embeddings: Embeddings,
    near: int,
    times: Sequence[datetime | None],
    places: Sequence[Place | None],
) -> list[Copy]:
    """Finds groups of near copies: large groups first, each with its earliest photo first.

    Args:
        embeddings: the photos.
        near: the most bits of 64 by which hashes differ.
        times: of each photo.
        places: of each photo.
    """
    hashes = embeddings.hashes()
    members: dict[int, list[int]] = {}
    for row, root in enumerate(linked(len(hashes), near_copies(hashes, near))):
        members.setdefault(root, []).append(row)
    groups = sorted(
        (rows for rows in members.values() if len(rows) > 1), key=lambda rows: -len(rows)
    )
    copies = []
    for number, group in enumerate(groups, 1):
        rows = sorted(group, key=lambda row: (times[row] or datetime.max.replace(tzinfo=UTC), row))
        for row in rows:
            first, then = times[rows[0]], times[row]
            days = (then - first).total_seconds() / DAY_SECONDS if first and then else None
            bits = int(np.bitwise_count(hashes[row] ^ hashes[rows[0]]))
            copies.append(Copy(row, number, bits, _metres(places[rows[0]], places[row]), days))
    return copies


def _time(cell: str) -> datetime | None:
    """A time as ISO 8601 has it, with a space or a T; without a zone all count as one."""
    try:
        time = datetime.fromisoformat(cell.strip())
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _places(embeddings: Embeddings) -> tuple[list[Place | None], list[str | None]]:
    """Each photo's place, and the columns that say it: two, or Traffy's "longitude,latitude"."""
    north, east = (column_of(embeddings, None, names) for names in (LATITUDES, LONGITUDES))
    if north and east:
        pairs = list(zip(embeddings.texts(north), embeddings.texts(east), strict=True))
        return [_place(one) for one in pairs], [north, east]
    if "coords" in embeddings.columns:
        cells = [cell.split(",")[::-1] for cell in embeddings.texts("coords")]
        return [_place(cell) for cell in cells], ["coords"]
    return [None] * len(embeddings), []


def _place(cells: Sequence[str]) -> Place | None:
    try:
        latitude, longitude = map(float, cells)
    except ValueError:
        return None
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def _metres(one: Place | None, other: Place | None) -> float | None:
    """The distance on a sphere, by the haversine formula."""
    if one is None or other is None:
        return None
    (north, west), (south, east) = (map(math.radians, place) for place in (one, other))
    square = (math.sin((south - north) / 2) ** 2
              + math.cos(north) * math.cos(south) * math.sin((east - west) / 2) ** 2)  # fmt: skip
    return 2 * EARTH_METRES * math.asin(min(1.0, math.sqrt(square)))


def _apart(copy: Copy) -> list[str]:
    """The distances in metres and days, empty where one isn't known."""
    return ["" if value is None else f"{value:.1f}" for value in (copy.metres, copy.days)]


def _write_table(
    path: Path, embeddings: Embeddings, copies: Sequence[Copy], columns: Sequence[str | None]
) -> None:
    kept = {name: embeddings.texts(name) for name in columns if name}
    write_table(
        path,
        ["group", "id", "bits", "metres", "days", *kept],
        (
            [copy.group, embeddings.ids[copy.row], copy.bits, *_apart(copy),
             *(cells[copy.row] for cells in kept.values())]
            for copy in copies
        ),
        mark=True,
    )  # fmt: skip


def _page(
    embeddings: Embeddings,
    copies: Sequence[Copy],
    said: str,
    unread: Sequence[str],
    text: str | None,
    time: str | None,
) -> ReportPage:
    """The page: of each group its photos side by side."""
    shown = [copy for copy in copies if copy.group <= SHOWN_GROUPS]
    rows = [copy.row for copy in shown]
    pictures = (
        embeddings.thumbnails(rows) if "thumbnail" in embeddings.columns else [b""] * len(rows)
    )
    texts, times = (embeddings.texts(name) if name else [""] * len(embeddings)
                    for name in (text, time))  # fmt: skip
    samples: dict[int, list[PageSample]] = {}
    for copy, picture in zip(shown, pictures, strict=True):
        metres, days = _apart(copy)
        words = [times[copy.row], f"{metres} m away" if metres else "", f"{days} days later" if days
                 else "", f"{copy.bits} bits"]  # fmt: skip
        line = " · ".join(word for word in words if word)
        samples.setdefault(copy.group, []).append(
            PageSample(embeddings.ids[copy.row], f"{line}\n{texts[copy.row]}".strip(), picture,
                       "image/jpeg" if picture else "")
        )  # fmt: skip
    sections = [Section(f"Group {number}: {len(group)} photos", samples=group)
                for number, group in samples.items()]  # fmt: skip
    left = len({copy.group for copy in copies}) - len(sections)
    more = f"\n{left:,} more groups are in {TABLE}." if left else ""
    about = Section("How to read it", "Distances and days are from the first photo of a group. "
                    + "; ".join(unread) + more)  # fmt: skip
    return ReportPage(f"Near copies in {embeddings.directory.name}", f"{said}.", [about, *sections])
