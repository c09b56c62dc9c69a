"""Reads the data sets that prepare.py writes."""

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.data.tables import ColumnNotFound
from zoo.errors import ZooError
from zoo.speech.snr import estimate_snr
from zoo.training.leaks import normalised

if TYPE_CHECKING:
    from datasets import Dataset

MARK = "dataset_info.json"  # of a data set; a directory of several has none
SPEECH = ("audio", "text", "duration")
NAMED = 3  # recordings
FULL_SCALE = np.float32(32768)


def open_data(path: Path, columns: Sequence[str] = SPEECH) -> "Dataset":
    """Open what prepare.py wrote.

    Args:
        path: A data set, or one of its parts if it has some.
        columns: What it must have.

    Raises:
        ColumnNotFound: A column is missing.
        ZooError: It is no such data set, one of several parts, or empty.
    """
    from datasets import load_from_disk

    parts = sorted(str(info.parent) for info in path.glob(f"*/{MARK}"))
    if parts and not (path / MARK).is_file():
        raise ZooError(f"'{path}' has parts; give one of them: {', '.join(parts)}.")
    try:
        data: Dataset = load_from_disk(str(path))
    except IndexError as error:  # no row, as an earlier prepare.py wrote it
        raise ZooError(f"'{path}' is empty.") from error
    except (OSError, ValueError) as error:
        raise ZooError(f"'{path}' is not a data set that prepare.py wrote.") from error
    for name in columns:
        if name not in data.column_names:
            raise ColumnNotFound(path, name, data.column_names)
    if len(data) == 0:
        raise ZooError(f"'{path}' is empty.")
    return data


def open_all(paths: Sequence[Path]) -> "Dataset":
    """Opens several data sets of speech as one."""
    from datasets import concatenate_datasets

    opened = [open_data(path) for path in paths]
    named = all("name" in data.column_names for data in opened)
    columns = [*SPEECH, *(["name"] if named else [])]
    return concatenate_datasets([data.select_columns(columns) for data in opened])


def known_already(train: "Dataset", dev: "Dataset") -> list[str]:
    """Say how many recordings of a dev set are in the training set: by sound, and by text."""
    heard, read = set(sounds(train)), {normalised(text) for text in train["text"]}
    known = [name for name, sound in zip(names(dev), sounds(dev), strict=True) if sound in heard]
    texts = sum(normalised(text) in read for text in dev["text"])
    said = []
    if known:
        named = ", ".join(known[:NAMED]) + (", ..." if len(known) > NAMED else "")
        said.append(
            f"Look first: {len(known)} of {len(dev)} dev recordings are in the training set, too "
            f"({named}): scores are too good."
        )
    if texts:
        said.append(f"{texts} of {len(dev)} dev texts are in the training set.")
    return said


class Waves:
    """The sounds of a data set, read as they are asked for: (samples,) float32 at 16 kHz."""

    def __init__(self, data: "Dataset") -> None:
        self._data = data.with_format("numpy", columns=["audio"], dtype=np.int16)

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> np.ndarray:
        """float32 (samples,) at 16 kHz, from -1 to 1."""
        wave: np.ndarray = self._data[index]["audio"].astype(np.float32) / FULL_SCALE
        return wave


def sounds(data: "Dataset") -> list[str]:
    """Each recording's fingerprint: equal samples, int16 at 16 kHz, have equal ones."""
    found = []
    for table in data.select_columns(["audio"]).with_format("arrow").iter(batch_size=64):
        for lists in table["audio"].chunks:
            ends, values = lists.offsets.to_numpy(), lists.values.to_numpy()
            for start, end in itertools.pairwise(ends):
                samples = values[start:end].astype("<i2")
                found.append(hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest())
    return found


def ratios(data: "Dataset", column: str) -> list[float | None]:
    """Each recording's signal-to-noise ratio in dB: the column's, or an estimate."""
    if column in data.column_names:
        return [
            _decibels(value, name) for value, name in zip(data[column], names(data), strict=True)
        ]
    waves = Waves(data)
    return [estimate_snr(waves[index]) for index in range(len(waves))]


def _decibels(value: object, name: str) -> float | None:
    """A signal-to-noise ratio in a cell; an empty one is of a clean recording."""
    try:
        return None if value in (None, "") else float(str(value))
    except ValueError:
        raise ZooError(f"The signal-to-noise ratio of '{name}' is not a number of dB.") from None


def names(data: "Dataset") -> list[str]:
    """What each recording is called: the column `name`, or its number."""
    return [str(n) for n in (data["name"] if "name" in data.column_names else range(len(data)))]
