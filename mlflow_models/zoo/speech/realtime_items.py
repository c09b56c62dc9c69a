"""The items of a live stream: stretches of speech, each with a text of its own."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class LiveSound(Protocol):
    """What a session needs of `zoo.speech.live.LiveSession`."""

    @property
    def due(self) -> bool: ...
    @property
    def complete(self) -> bool: ...
    @property
    def waiting_seconds(self) -> float: ...
    def feed(self, sound: np.ndarray) -> None: ...
    def commit(self) -> int | None: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...
    def step(self) -> Sequence[Any]: ...


@dataclass
class LiveItem:
    """An item of the conversation; times in seconds since the stream's beginning."""

    id: str = field(default_factory=lambda: f"item_{uuid.uuid4().hex[:24]}")
    start: float = 0.0
    end: float = 0.0
    is_committed: bool = False


class LivePart:
    """The stream between two changes of the settings.

    Args:
        live: Hears it.
        begins: Where it begins, in samples since the stream's beginning.
        detects: Whether the server makes the items.
    """

    def __init__(self, live: LiveSound, begins: int, detects: bool) -> None:
        self.live, self.begins, self.detects = live, begins, detects
        self.committed = begins  # samples up to the last commit
        self.items: dict[int, LiveItem] = {}  # that aren't complete, by their numbers in `live`
        self._newest = -1  # the number of the last item

    def item(self, number: int) -> LiveItem | None:
        """Give an item by its number in `live`; None if it was forgotten."""
        if number > self._newest:
            self._newest, self.items[number] = number, LiveItem()
        return self.items.get(number)

    def drop_open(self) -> None:
        """Forget the item that isn't committed."""
        self.items = {number: one for number, one in self.items.items() if one.is_committed}
