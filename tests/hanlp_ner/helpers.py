"""A small step that several tests take."""

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


# The entity of 我爱中国; a confidence differs a little by machine.
CHINA = {
    "text": "中国",
    "type": "LOCATION",
    "start": 2,
    "end": 4,
    "confidence": pytest.approx(1, abs=0.1),
    "normalized": {"kind": "place", "path": ["中华人民共和国"], "country": "CN"},
}
