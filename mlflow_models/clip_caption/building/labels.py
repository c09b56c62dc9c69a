"""Sets of labels: read, checked, embedded, and packed beside the network.

A set is a JSON object of labels, each with one phrasing or several:

    {"flood": ["a flooded street", "cars in brown water"], "fallen tree": "a fallen tree"}

`calibrate.py` writes it as {"labels": {...}} with what it has fitted: the values of
`LabelCalibration`, the checkpoint's features of `PROBE`, and what they were fitted to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.answering.zero_shot import FEATURES, SETTINGS, LabelCalibration
from clip_caption.captioner import Captioner
from clip_caption.options import Options
from clip_caption.searching.index import PROBE, normalised, same_encoder
from clip_caption.translating.languages import why_unread
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import BadParameter, CheckpointError
from zoo.serving.declaration import read as checked

MAX_PHRASINGS = 1_000  # of a label; the paper's ensembles have 80


@dataclass(frozen=True)
class Phrasings:
    """A set of labels.

    Attributes:
        labels: The phrasings of each.
        values: What `calibrate.py` has added, as it is written.
    """

    labels: dict[str, list[str]]
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "Phrasings":
        """Read a set.

        Raises:
            CheckpointError: The file isn't such a JSON object, or a label or phrasing can't be one.
        """
        content = read_object(path, CheckpointError)
        values = dict(content) if isinstance(content.get("labels"), dict) else {}
        given = values.pop("labels") if values else content
        labels = {name.strip(): _phrasings(path, name, found) for name, found in given.items()}
        if not labels or len(labels) < len(given):
            raise CheckpointError(f"'{path}' has no label, or one label twice.")
        every = [text for texts in labels.values() for text in texts]
        for some in (list(labels), *([text] for text in every)):
            try:
                checked(Options, {"labels": some})
            except BadParameter as error:
                raise CheckpointError(f"'{path}' {error.reason}.") from None
        try:
            LabelCalibration.of(values)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"The numbers in '{path}' are damaged.") from error
        return cls(labels, values)

    @property
    def names(self) -> list[str]:
        """The labels."""
        return list(self.labels)

    @property
    def calibration(self) -> LabelCalibration:
        """What was fitted, if anything."""
        return LabelCalibration.of(self.values)

    def features(self, captioner: Captioner) -> np.ndarray:
        """Embed the labels: the mean of the phrasings' features, each of length 1.

        Returns:
            L2-normalised, float32 (labels, d).

        Raises:
            CheckpointError: A phrasing has too many tokens or isn't in a language that CLIP reads,
                or the set was calibrated with another CLIP.
        """
        for name, texts in self.labels.items():
            for text in texts:
                if why := why_unread(text, captioner.reads, "write its phrasings in English"):
                    raise CheckpointError(f"Label '{name}': '{text}' {why}.")
            if long := [text for text in texts if not captioner.reads_all_of(text)]:
                raise CheckpointError(
                    f"Label '{name}': '{long[0]}' has more than the {captioner.text_length} tokens "
                    "that the checkpoint reads, two at the ends included."
                )
        if self.values and not same_encoder(
            probe_of(captioner), np.array(self.values.get("probe"))
        ):
            raise CheckpointError(
                "The labels were calibrated with another CLIP than this checkpoint's; run "
                "calibrate.py with this checkpoint."
            )
        means = [
            normalised(captioner.embed_texts(texts)).mean(axis=0) for texts in self.labels.values()
        ]
        return normalised(np.stack(means))


def probe_of(captioner: Captioner) -> np.ndarray:
    """Give the features that tell one CLIP from another, L2-normalised, float32 (d,)."""
    unit: np.ndarray = normalised(captioner.embed_texts([PROBE]))[0]
    return unit


def pack(given: Path, directory: Path) -> None:
    """Write a set of labels beside the network, as `LabelSet.read` reads it.

    Args:
        given: The set's file.
        directory: What `convert` wrote.

    Raises:
        CheckpointError: The set can't be read, or doesn't fit the checkpoint.
    """
    labels = Phrasings.read(given)
    np.save(directory / FEATURES, labels.features(Captioner(directory)))
    write_json(directory / SETTINGS, {"labels": labels.labels, **labels.values})


def _phrasings(path: Path, name: str, given: Any) -> list[str]:
    """Check the phrasings of a label."""
    found: Sequence[Any] = [given] if isinstance(given, str) else given
    if (
        not isinstance(found, list)
        or not 0 < len(found) <= MAX_PHRASINGS
        or not all(isinstance(text, str) for text in found)
    ):
        raise CheckpointError(
            f"'{path}', label '{name}': give a text or a list of at most {MAX_PHRASINGS:,} texts."
        )
    return [text.strip() for text in found]
