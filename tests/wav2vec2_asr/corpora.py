"""Corpora of tones with Thai transcripts, and what prepare.py makes of them."""

import json
from pathlib import Path
from typing import Any

from datasets import load_from_disk

from tests.zoo.corpora import write_manifest
from wav2vec2_asr import prepare

TEXTS = [
    "อากาศวันนี้ดีมาก ๆ ครับ",
    "รถไฟออกเวลา 10.30 น. จาก จ.ตาก",
    "ราคา 1,250.50 บาท ลด 50%",
    "สวัสดีครับ ยินดีที่ได้รู้จัก",
]


def manifest(directory: Path, count: int, texts: list[str] = TEXTS) -> Path:
    """Recordings of three seconds."""
    return write_manifest(directory, count, texts, seconds=3.0, longer=0.0)


def run(corpus: Path, output: Path, *options: str) -> dict[str, Any]:
    prepare.main([str(corpus), "-o", str(output), *options])
    report: dict[str, Any] = json.loads((output / "report.json").read_text(encoding="utf-8"))
    return report


def rows(path: Path, column: str = "text") -> list[Any]:
    values: list[Any] = load_from_disk(str(path))[column][:]
    return values
