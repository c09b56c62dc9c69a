"""How usual a photo is: how near it is to photos that the model knows, as a percentile.

The distance is the mean of those to the nearest of a sample of known photos (nearest neighbours
find unknown photos well: Sun and others 2022, arXiv 2204.06507), in CLIP's features of length 1
after whitening, which makes it Mahalanobis' distance (Lee and others 2018, arXiv 1807.03888). The
percentile is a conformal p-value (Bates and others 2021, arXiv 2104.08279): of photos like those
that the model knows, at most p % have a percentile of p or less. The card compares the statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from clip_caption.answering.describing import Record
from clip_caption.options import Options
from clip_caption.searching.index import normalised
from zoo.data.outputs import whole_file
from zoo.errors import CheckpointError

FILE = "usual.npz"
NEAREST = 5  # of the known photos, to which the distances are taken
MIN_USUAL = 4.0  # percentile: of unseen usual photos 2 to 5 % are below it, by the known ones


@dataclass(frozen=True)
class Known:
    """A sample of the photos that a model knows, and how far photos like them are from it.

    Attributes:
        middle: The mean of the features, float32 (d,).
        whitening: Makes the variance of all directions 1, float32 (d, d).
        step: What 1 in `photos` stands for.
        photos: Whitened features of the sample, in steps, int8 (n, d).
        distances: Of such photos to others of the sample, ascending, float32 (m,).
    """

    middle: np.ndarray
    whitening: np.ndarray
    step: np.ndarray
    photos: np.ndarray
    distances: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Known":
        """Read what `write` wrote.

        Raises:
            CheckpointError: The file is missing, damaged, or something else.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                known = cls(**file)
            fits = known.photos.shape[1:] == known.middle.shape == known.whitening.shape[1:]
            if not (fits and len(known.photos) >= NEAREST and len(known.distances)):
                raise ValueError("the sizes don't fit")
        except (OSError, EOFError, ValueError, TypeError, BadZipFile) as error:
            raise CheckpointError(
                f"'{path}' doesn't hold the photos that a model knows, or is damaged; write it "
                "again with finetune.py, explore.py index or build.py --usual."
            ) from error
        return known

    def write(self, path: Path) -> None:
        """Write a file that `read` reads."""
        with whole_file(path) as part, part.open("wb") as file:
            np.savez(file, **{one.name: getattr(self, one.name) for one in fields(self)})

    @cached_property
    def vectors(self) -> np.ndarray:
        """The sample's whitened features, float32 (n, d)."""
        return np.asarray(self.photos * self.step, np.float32)

    def usual(self, features: np.ndarray) -> np.ndarray:
        """Tell how usual photos are.

        Args:
            features: CLIP's, normalised or not, float32 (rows, d).

        Returns:
            Percentiles, above 0 and at most 100, float64 (rows,).
        """
        found = mean_distances(self.vectors, self.whitened(features))
        as_far = len(self.distances) - np.searchsorted(self.distances, found)
        return np.asarray(100 * (1 + as_far) / (1 + len(self.distances)))

    def whitened(self, features: np.ndarray) -> np.ndarray:
        """Whiten features of any length: float32 (rows, d) to float32 (rows, d)."""
        return np.asarray((normalised(features) - self.middle) @ self.whitening)


def mean_distances(known: np.ndarray, photos: np.ndarray) -> np.ndarray:
    """Give the mean distance of each photo to the nearest of the known ones.

    Args:
        known: Whitened, float32 (n, d).
        photos: Whitened, float32 (rows, d).

    Returns:
        float32 (rows,).
    """
    own, others = (np.einsum("ij,ij->i", one, one) for one in (photos, known))
    squares = own[:, None] + others - 2 * photos @ known.T  # (rows, n)
    nearest = np.partition(squares, NEAREST - 1, axis=1)[:, :NEAREST]
    return np.asarray(np.sqrt(nearest.clip(0)).mean(axis=1))


class Usual:
    """How usual a photo is, as a part of the answer; it comes after those that name a photo.

    Below `MIN_USUAL` the photo has no name: neighbours have to vote for some category, and words
    have to fit some more than others, but a model that doesn't know such pictures can't judge.

    Args:
        known: What the model knows; None: not packed, nothing is added.
    """

    def __init__(self, known: Known | None) -> None:
        self._known = known
        if known:
            known.vectors  # noqa: B018 - before workers fork, which then share them

    def check(self, options: Options) -> None:
        """Refuse nothing."""

    def __call__(
        self,
        features: np.ndarray,
        options: Options,  # noqa: ARG002 - every answer has it
        records: Sequence[Record],
    ) -> None:
        """Add `usual`, and take names away, as `describing.AnswerPart` says."""
        if not self._known:
            return
        for record, percentile in zip(records, self._known.usual(features), strict=True):
            record["usual"] = round(float(percentile), 1)
            if record["usual"] < MIN_USUAL:
                record.update({name: None for name in ("category", "label") if name in record})
                record.update({name: [] for name in ("categories",) if name in record})


def packed(*directories: Path) -> Known | None:
    """Read what the first of some directories has of `FILE`; None if none of them has it."""
    found = (path / FILE for path in directories if (path / FILE).is_file())
    return next((Known.read(path) for path in found), None)
