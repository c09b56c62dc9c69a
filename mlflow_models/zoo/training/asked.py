"""Asks saved models, such as `models:/NAME@champion`, for what evaluate.py scores."""

import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.building import saved
from zoo.data.audio import SAMPLE_RATE

if TYPE_CHECKING:
    from datasets import Dataset


def answers(
    model: str,
    tracking_uri: str,
    column: str,
    rows: Iterable[bytes | str],
    names: Sequence[str],
    params: Mapping[str, Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Ask a saved model; say on stderr how many rows it refuses, which count as unanswered.

    Args:
        model: Its directory, or an MLflow URI.
        tracking_uri: The registry.
        column: What the model reads.
        rows: Texts, or the bytes of files.
        names: Of the rows.
        params: The request's parameters.

    Yields:
        The record of each row, in order.
    """
    refused: list[str] = []
    found = saved.ask(model, tracking_uri, column, rows, params, len(names))
    for name, record in zip(names, found, strict=True):
        if record.get("error"):
            refused.append(f"'{name}': {record['error']}")
        yield record
    if refused:
        said = f"{model} refuses {len(refused)} of {len(names)} rows"
        print(f"{said}, which count as unanswered; the first is {refused[0]}", file=sys.stderr)


def recordings(data: "Dataset") -> Iterator[bytes]:
    """Yield each recording of a data set, int16 at 16 kHz, as a WAV file."""
    return (wav(row["audio"]) for row in data.with_format("numpy", columns=["audio"]))


def wav(samples: np.ndarray) -> bytes:
    """Return a WAV file of samples, int16 (samples,) at 16 kHz."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, np.asarray(samples, np.int16), SAMPLE_RATE, format="WAV")
    return file.getvalue()
