"""A small step that several tests take."""

from pathlib import Path

import pytest


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
