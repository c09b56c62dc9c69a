"""The items of a live stream: stretches of speech, each with a text of its own."""

import uuid
from collections import deque
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
    def commit(self) -> None: ...
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
        self.items: deque[LiveItem] = deque()  # that aren't complete, in order
        self.numbers: dict[int, LiveItem] = {}

    def item(self, number: int) -> LiveItem:
        """Give an item by its number in `live`: the next one, if the number is new."""
        if number not in self.numbers:
            known = {id(one) for one in self.numbers.values()}
            found = next((one for one in self.items if id(one) not in known), None)
            if found is None:
                found = LiveItem()
                self.items.append(found)
            self.numbers[number] = found
        return self.numbers[number]

    def open(self) -> LiveItem:
        """Give the item that isn't committed yet."""
        found = next((one for one in self.items if not one.is_committed), None)
        if found is None:
            found = LiveItem()
            self.items.append(found)
        return found

    def drop(self, gone: LiveItem) -> None:
        """Forget an item."""
        self.items = deque(one for one in self.items if one is not gone)
        self.numbers = {number: one for number, one in self.numbers.items() if one is not gone}
