"""What a collection knows of its photos besides their features; memory-mapped, whatever its size.

photos.arrow      id; caption, date, day, place where the collection has them
thumbnails.arrow  jpeg, if thumbnails are packed
ids.json          in place of photos.arrow in older indexes: the photos' names
"""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.texts import read_json
from zoo.errors import ZooError

if TYPE_CHECKING:
    import pyarrow as pa

PHOTOS, THUMBNAILS, IDS = "photos.arrow", "thumbnails.arrow", "ids.json"
NO_DAY = np.iinfo(np.int32).min  # of a photo whose date isn't known
EPOCH = date(1970, 1, 1).toordinal()


class Photos:
    """The names, captions, dates, places and thumbnails of a collection's photos.

    Args:
        table: `id`, and what there is of `caption`, `date`, `day` and `place`, as `table_of` makes
            it.
        thumbnails: A column `jpeg`; None if there are none.

    Attributes:
        days: Each photo's day, int32 (n,), since 1970; `NO_DAY` where it isn't known. None if the
            collection has no dates.
        place_of: Each photo's number in `places`, int32 (n,); -1 where it isn't known. None if the
            collection has no places.
        places: The names of places.
    """

    def __init__(self, table: "pa.Table", thumbnails: "pa.Table | None" = None) -> None:
        self._columns = {name: table.column(name) for name in table.column_names}
        self._thumbnails = None if thumbnails is None else thumbnails.column("jpeg")
        self.days: np.ndarray | None = None
        self.place_of: np.ndarray | None = None
        self.places: list[str] = []
        if "day" in self._columns:
            self.days = self._columns["day"].to_numpy()
        if "place" in self._columns:
            places = self._columns["place"].combine_chunks()
            self.place_of = places.indices.fill_null(-1).to_numpy()
            self.places = places.dictionary.to_pylist()

    @classmethod
    def read(cls, directory: Path) -> "Photos":
        """Read an index's files.

        Raises:
            ZooError: They are missing or damaged; also `OSError`, `ValueError` and `KeyError`.
        """
        import pyarrow as pa

        if not (directory / PHOTOS).is_file():
            return cls(table_of(read_json(directory / IDS)))
        thumbnails = directory / THUMBNAILS
        return cls(
            _opened(directory / PHOTOS, pa),
            _opened(thumbnails, pa) if thumbnails.is_file() else None,
        )

    def __len__(self) -> int:
        return len(self._columns["id"])

    @property
    def has_thumbnails(self) -> bool:
        """Whether there are thumbnails."""
        return self._thumbnails is not None

    def first_and_last(self) -> tuple[str | None, str | None]:
        """Give the first and the last day, in ISO 8601; None if no day is known."""
        if self.days is None or not (known := self.days[self.days != NO_DAY]).size:
            return None, None
        first, last = (date.fromordinal(int(one) + EPOCH) for one in (known.min(), known.max()))
        return first.isoformat(), last.isoformat()

    def id_of(self, row: int) -> str:
        """Give a photo's name."""
        name: str = self._columns["id"][row].as_py()
        return name

    def captions(self) -> list[str]:
        """Give all captions, empty where a photo has none.

        Raises:
            ZooError: The collection has no captions.
        """
        if "caption" not in self._columns:
            raise ZooError("The collection has no captions.")
        return [one or "" for one in self._columns["caption"].to_pylist()]

    def about(self, row: int) -> dict[str, str | None]:
        """Give a photo's `caption`, `date` and `place`: those that the collection has."""
        names = ("caption", "date", "place")
        return {n: self._columns[n][row].as_py() for n in names if n in self._columns}

    def thumbnail(self, row: int) -> bytes | None:
        """Give a photo's thumbnail, a JPEG; None if there is none."""
        if self._thumbnails is None or not 0 <= row < len(self._thumbnails):
            return None
        jpeg: bytes | None = self._thumbnails[row].as_py()
        return jpeg


def _opened(path: Path, pa: Any) -> "pa.Table":
    """Map a file's table, and check that its offsets are within it."""
    table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
    table.validate(full=True)
    return table


def table_of(
    ids: Sequence[str],
    captions: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    places: Sequence[str] | None = None,
) -> "pa.Table":
    """Make the table of `Photos`.

    Args:
        ids: The photos' names.
        captions: Of each photo; empty where it has none.
        dates: As `day_of` reads them; what can't be read is left out.
        places: Of each photo; empty where it isn't known.

    Raises:
        TypeError: The names aren't texts.
    """
    import pyarrow as pa

    kind = pa.large_string()  # a million captions may have more than 2 GB
    columns: dict[str, Any] = {"id": pa.array(ids, kind)}
    if captions is not None:
        columns["caption"] = pa.array([one or None for one in captions], kind)
    if dates is not None:
        days = [day_of(one) for one in dates]
        known = [one if day is not None else None for one, day in zip(dates, days, strict=True)]
        columns["date"] = pa.array(known, kind)
        columns["day"] = pa.array([NO_DAY if day is None else day for day in days], pa.int32())
    if places is not None:
        names = {name: place for place, name in enumerate(sorted({*places} - {""}))}
        numbers = pa.array([names.get(one) for one in places], pa.int32())  # None: not known
        columns["place"] = pa.DictionaryArray.from_arrays(numbers, pa.array([*names], kind))
    return pa.table(columns)


def day_of(text: str) -> int | None:
    """Give the day of an ISO date, or of a date and time, in days since 1970; None if it is none.

    The day is that of the text, whatever its time zone: where the photo was taken.
    """
    try:
        return datetime.fromisoformat(text.strip()).toordinal() - EPOCH
    except ValueError:
        return None
