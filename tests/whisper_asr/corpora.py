"""Small speech corpora, made of tones: enough to be read, cleaned and trained on."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

RATE = 16_000
TEXTS = ["今天天气很好。", "我们去公园吧。", "现在几点了？", "请给我一杯茶。"]


def tone(seconds: float, pitch: float = 220.0, rate: int = RATE) -> np.ndarray:
    """A tone that swells and fades four times a second, as syllables do."""
    time = np.arange(round(seconds * rate)) / rate
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * time)
    return (0.3 * swell * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def save(path: Path, wave: np.ndarray, rate: int = RATE) -> Path:
    """Writes a recording in the format of its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)
    return path


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Writes a CSV or TSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",")
        table.writerows([header, *rows])
    return path


def write_manifest(directory: Path, count: int, seconds: float = 0.5) -> Path:
    """A manifest of so many recordings, each with one of `TEXTS` and a speaker."""
    rows = []
    for index in range(count):
        wave = tone(seconds + 0.1 * (index % 4), 150 + 20 * (index % 10))
        save(directory / f"{index:04}.wav", wave)
        rows.append((f"{index:04}.wav", TEXTS[index % 4], f"speaker{index % 5}"))
    return write_table(directory / "manifest.csv", ("path", "text", "speaker"), rows)
