"""Small steps that several tests take."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from hanlp_ner.text.layout import BLANKS


def bare(text: str, spans: Iterable[Sequence[Any]]) -> list[tuple[int, int, str]]:
    """HanLP's entities without the blanks at their edges, which ours don't have."""
    found = []
    for start, end, type_ in spans:
        word = text[start:end].rstrip(BLANKS)
        if own := word.lstrip(BLANKS):
            found.append((start + len(word) - len(own), start + len(word), type_))
    return found


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def changed(tiny: list[str], start: list[str], **sources: Path) -> list[str]:
    """The arguments of `tiny` with another start, and other data."""
    place = tiny.index("--from-scratch")
    arguments = [*tiny[:place], *start, *tiny[place + 1 :], "--tracking-uri", ""]
    for option, path in sources.items():
        arguments[arguments.index(f"--{option}") + 1] = str(path)
    return arguments


def epochs(output: Path) -> list[dict[str, float]]:
    """The learning curves, but for the empty cells."""
    with (output / "epochs.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [{name: float(cell) for name, cell in row.items() if cell} for row in rows]


# The entity of 我爱中国; a confidence differs a little by machine.
CHINA = {
    "text": "中国",
    "type": "LOCATION",
    "start": 2,
    "end": 4,
    "confidence": pytest.approx(1, abs=0.1),
    "normalized": {"kind": "place", "path": ["中华人民共和国"], "country": "CN"},
}
