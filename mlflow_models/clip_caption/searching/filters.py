"""Which photos of a collection may be found: those of some categories, places and days."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from clip_caption.options import Options
from clip_caption.searching.nearest import Rows
from clip_caption.searching.photos import NO_DAY, Photos, day_of
from zoo.errors import BadParameter

SHOWN = 5  # names that a refusal lists
MAX_NAME_CHARACTERS = 40  # of what a client asked for, in a refusal


class Filterable(Protocol):
    """What is filtered.

    Attributes:
        photos: What is known of each photo.
        labels: Each photo's places in `categories`, int32 (n, most); -1 where it has fewer.
        categories: The categories' names.
    """

    photos: Photos
    labels: np.ndarray
    categories: Sequence[str]


Refuse = Callable[[str, str], Exception]
"""Makes the error from the name of a filter, such as `in_places`, and what is wrong with it."""


@dataclass(frozen=True)
class Filter:
    """A filter: the options of the same names.

    Attributes:
        in_categories: A photo has one of these; empty: any, or none.
        in_places: A photo is of one of these; empty: any, or none.
        since: Its first day, in ISO 8601; empty: any, or none.
        until: Its last day.
    """

    in_categories: Sequence[str] = ()
    in_places: Sequence[str] = ()
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, options: Options) -> "Filter":
        """Take a request's filter."""
        return cls(options.in_categories, options.in_places, options.since, options.until)

    @property
    def given(self) -> list[str]:
        """The names of what is asked for."""
        return [name for name, value in vars(self).items() if value]

    def rows(self, collection: Filterable, refuse: Refuse = BadParameter) -> Rows:
        """Find the photos that pass.

        Args:
            collection: The collection.
            refuse: Makes the error.

        Raises:
            BadParameter: The collection has no such category or place, has no categories, no places
                or no dates; or a day isn't a date. Another error, if `refuse` makes one.
        """
        passing = []
        if self.in_categories:
            if not collection.categories:
                raise refuse("in_categories", "needs categories, which the collection doesn't have")
            numbers = _numbers("in_categories", self.in_categories, collection.categories, refuse)
            passing.append(np.isin(collection.labels, numbers).any(axis=1))
        if self.in_places:
            if collection.photos.place_of is None:
                raise refuse("in_places", "needs places, which the collection doesn't have")
            numbers = _numbers("in_places", self.in_places, collection.photos.places, refuse)
            passing.append(np.isin(collection.photos.place_of, numbers))
        if self.since or self.until:
            passing.append(self._in_time(collection.photos.days, refuse))
        return np.flatnonzero(np.logical_and.reduce(passing)) if passing else None

    def _in_time(self, days: np.ndarray | None, refuse: Refuse) -> np.ndarray:
        """Tell which days are among those that are asked for: from int32 (n,) to bool (n,)."""
        bounds = {}
        for name, text in (("since", self.since), ("until", self.until)):
            bounds[name] = day_of(text) if text else None
            if text and bounds[name] is None:
                raise refuse(name, "is not a date; write it like 2026-01-31")
            if text and days is None:
                raise refuse(name, "needs dates, which the collection doesn't have")
        assert days is not None
        first, last = bounds["since"], bounds["until"]
        if first is not None and last is not None and first > last:
            raise refuse("until", "is before 'since'")
        kept = days != NO_DAY
        if first is not None:
            kept &= days >= first
        return kept if last is None else kept & (days <= last)


def _numbers(name: str, asked: Sequence[str], known: Sequence[str], refuse: Refuse) -> list[int]:
    """Find names in a list: their numbers.

    Raises:
        BadParameter: One isn't there.
    """
    numbers = {one: number for number, one in enumerate(known)}
    for one in asked:
        if one not in numbers:
            shown = one[:MAX_NAME_CHARACTERS].encode(errors="replace").decode()
            more = f" and {len(known) - SHOWN:,} more" if len(known) > SHOWN else ""
            available = ", ".join(known[:SHOWN]) or "none"
            raise refuse(name, f"'{shown}' not found; available: {available}{more}")
    return [numbers[one] for one in asked]
