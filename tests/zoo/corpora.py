"""Small speech corpora, made of tones: enough to be read, cleaned and trained on."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from tests.zoo.sounds import RATE

if TYPE_CHECKING:
    from datasets import Dataset

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


def write_manifest(
    directory: Path,
    count: int,
    texts: Sequence[str] = TEXTS,
    seconds: float = 0.5,
    longer: float = 0.1,
) -> Path:
    """A manifest of so many recordings, no two alike, each with a text and a speaker; up to three
    times `longer` than `seconds`."""
    rows = []
    for index in range(count):
        name = f"{index:03}.wav"
        save(directory / name, tone(seconds + longer * (index % 4), 150 + 5 * index))
        rows.append((name, texts[index % len(texts)], f"speaker{index % 5}"))
    return write_table(directory / "manifest.csv", ("path", "text", "speaker"), rows)


def prepared(texts: Sequence[str]) -> "Dataset":
    """What prepare.py makes of tones of 1 to 2.5 seconds."""
    from datasets import Dataset

    waves = [(tone(1 + 0.5 * (i % 4)) * 32767).astype(np.int16) for i in range(len(texts))]
    durations = [len(wave) / RATE for wave in waves]
    return Dataset.from_dict({"audio": waves, "text": list(texts), "duration": durations})


def assert_drawn_by_seed_and_epoch(make: Callable[[int], Any]) -> None:
    """That examples with noise, some of them joined, depend on these alone; on the epoch, not in
    their length."""

    def waves(seed: int, epoch: int) -> list[np.ndarray]:
        examples = make(seed)
        examples.set_epoch(epoch)
        return [examples[i]["wave"] for i in range(len(examples))]

    first = waves(1, 0)
    assert all(map(np.array_equal, first, waves(1, 0)))
    assert not any(map(np.array_equal, first, waves(1, 1)))
    assert [len(wave) for wave in first] == [len(wave) for wave in waves(1, 1)]
    assert [len(wave) for wave in first] != [len(wave) for wave in waves(2, 0)]
