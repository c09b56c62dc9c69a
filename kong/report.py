"""What a run says while it works: lines for a person on stderr, one JSON document for scripts."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape

REMIND = 15.0  # seconds between two lines of a wait, where there is no terminal to write over


class Reporter:
    """Tells what happens.

    Args:
        as_json: whether the result goes to stdout as JSON.
    """

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(stderr=True, highlight=False)
        self.events: list[str] = []

    def say(self, text: str) -> None:
        """Something that has happened."""
        self.events.append(text)
        self.console.print(f"[green]✓[/green] {escape(text)}", soft_wrap=True)

    def warn(self, text: str) -> None:
        """Something that a person should know."""
        self.events.append(text)
        self.console.print(f"[yellow]![/yellow] {escape(text)}", soft_wrap=True)

    def show(self, text: str) -> None:
        """A line of a plan, a table: what was asked for."""
        if not self.as_json:
            Console(highlight=False, soft_wrap=True).print(escape(text))

    def result(self, document: dict[str, Any]) -> None:
        """The result, for scripts."""
        if self.as_json:
            print(json.dumps(document, ensure_ascii=False, indent=2))

    @contextmanager
    def waiting(self, text: str) -> "Iterator[Waiting]":
        """While something is waited for."""
        if not self.console.is_terminal:
            yield Waiting(self, text)
            return
        with self.console.status(escape(text)) as status:
            yield Waiting(self, text, status)


class Waiting:
    """A wait that shows how long it takes and what was seen last."""

    def __init__(self, report: Reporter, text: str, status: Any = None) -> None:
        self._report, self._text, self._status = report, text, status
        self._began = self._said = time.monotonic()

    def seen(self, last: str) -> None:
        """What the latest look has shown."""
        now = time.monotonic()
        line = f"{self._text}: {now - self._began:.0f} s, {last}"
        if self._status:
            self._status.update(escape(line))
        elif now - self._said >= REMIND:
            self._said = now
            self._report.console.print(f"… {escape(line)}", soft_wrap=True)
