"""The report of a `prepare` run as one HTML page that needs no network: for a person, first."""

import base64
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.data.outputs import write_text

PAGE = "report.html"
MIMES = {".png": "image/png", ".jpg": "image/jpeg", ".svg": "image/svg+xml"}
TEMPLATE = Path(__file__).with_suffix(".html")
LOOK = "Look first: "


@dataclass(frozen=True)
class PageSample:
    """One row to look at, or to hear.

    Args:
        name: The row's name.
        text: Its transcript, caption or sentence.
        media: The file of an image or a sound; may be empty.
        mime: Its type, as in image/jpeg or audio/wav.
    """

    name: str
    text: str
    media: bytes = b""
    mime: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page: a text, a table, a picture and samples, each of which may be missing.

    Args:
        title: Its heading.
        text: Sentences; line breaks stay.
        header: The table's columns.
        rows: The table's cells: texts, or numbers, which are set to the right.
        picture: A PNG, JPEG or SVG file, which is put into the page.
        samples: Rows to look at, or to hear.
    """

    title: str
    text: str = ""
    header: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()
    picture: Path | None = None
    samples: Sequence[PageSample] = ()


@dataclass(frozen=True)
class ReportPage:
    """The page.

    Args:
        title: Its heading.
        verdict: Of `verdict`.
        sections: Its parts.
    """

    title: str
    verdict: str
    sections: Sequence[Section] = field(default_factory=tuple)

    def html(self) -> str:
        """Return the page; all that people wrote is escaped."""
        import jinja2

        environment = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        shown = {"look": LOOK, "uri": _uri, "of_file": _of_file, "shown": _shown}
        return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
            page=self, **shown
        )

    def write(self, directory: Path) -> None:
        """Write `report.html` to a directory, whole or not at all."""
        write_text(directory / PAGE, self.html())


def verdict(problems: Sequence[str], ready: str) -> str:
    """Say in one line whether a person should look before training.

    Args:
        problems: What to look at, as in "12 near copies are in two parts"; may be empty.
        ready: What there is if nothing is wrong, as in "300 recordings, 2.10 hours".
    """
    return f"{LOOK}{'; '.join(problems)}." if problems else f"Ready: {ready}."


def left_out(counts: Mapping[str, int], first: Mapping[str, str]) -> str:
    """Say how many rows were left out, by reason, with the name of one: "silence: 3 ('a.wav')"."""
    found = sorted(counts, key=lambda reason: -counts[reason])
    said = (f"{reason}: {counts[reason]:,} ('{first[reason]}')" for reason in found)
    return "; ".join(said) or "the source is empty"


def draw(items: Sequence[Any], count: int = 10, seed: int = 1) -> list[Any]:
    """Draw some items at random, the same on every machine, in their order."""
    rows = random.Random(seed).sample(range(len(items)), min(count, len(items)))
    return [items[row] for row in sorted(rows)]


def _uri(media: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(media).decode()}"


def _of_file(path: Path) -> str:
    return _uri(path.read_bytes(), MIMES[path.suffix])


def _shown(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"
