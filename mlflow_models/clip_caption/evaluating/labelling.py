"""Scores labels without training on photos whose label a column has."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.building.labels import Phrasings
from clip_caption.evaluating import seeing
from clip_caption.evaluating.captioning import opened
from zoo.building import saved
from zoo.data.outputs import write_text
from zoo.data.tables import write_table
from zoo.errors import ZooError
from zoo.training import evaluation, plots
from zoo.training.reliability import Reliability

NONE = "none of these"
LEAST = 1e-6  # a probability of 0 would make the loss infinite
SHOWN = 8  # names of categories in a message


@dataclass(frozen=True)
class LabelScores:
    """Photos whose labels are known, and how likely each label was said to be.

    Attributes:
        names: Of the labels.
        ids: Of the photos.
        truth: Which labels a photo has, bool (photos, labels + 1); the last is `NONE`.
        probabilities: float64 (photos, labels + 1).
    """

    names: Sequence[str]
    ids: Sequence[str]
    truth: np.ndarray
    probabilities: np.ndarray

    @property
    def answers(self) -> np.ndarray:
        """The likeliest, int64 (photos,)."""
        best: np.ndarray = self.probabilities.argmax(axis=1)
        return best

    @property
    def right(self) -> np.ndarray:
        """Whether a photo has what was answered, bool (photos,)."""
        found: np.ndarray = self.truth[np.arange(len(self.truth)), self.answers]
        return found

    @property
    def loss(self) -> float:
        """The mean negative log likelihood, nats."""
        likely = (self.probabilities * self.truth).sum(axis=1)
        return float(-np.log(np.maximum(likely, LEAST)).mean())

    @property
    def reliability(self) -> Reliability:
        """The probabilities of the answers, and which are right."""
        return Reliability(self.probabilities.max(axis=1), self.right)

    @property
    def table(self) -> np.ndarray:
        """Counts of photos with one label, int64 (label that it has, label that was answered)."""
        single = self.truth.sum(axis=1) == 1
        found = np.zeros((self.truth.shape[1],) * 2, np.int64)
        np.add.at(found, (self.truth[single].argmax(axis=1), self.answers[single]), 1)
        return found

    def by_label(self) -> list[tuple[str, int, float, float]]:
        """Return each label's name, photos, recall and precision; NaN where there is none."""
        answered = np.eye(self.truth.shape[1], dtype=bool)[self.answers]
        both, true, given = (
            one.sum(axis=0) for one in (answered & self.truth, self.truth, answered)
        )
        shares = (np.where(n, both / np.maximum(n, 1), np.nan) for n in (true, given))
        columns = (true.tolist(), *(one.tolist() for one in shares))
        return list(zip([*self.names, NONE], *columns, strict=True))

    def figures(self) -> dict[str, float]:
        """Return the numbers that are logged."""
        recalls = [recall for _, photos, recall, _ in self.by_label() if photos]
        return {
            "photos": len(self.ids),
            "accuracy": float(self.right.mean()),
            "mean_recall": float(np.mean(recalls)),
            "none_share": float((self.answers == len(self.names)).mean()),
            "calibration_error": self.reliability.error,
            "log_loss": self.loss,
        }

    def markdown(self) -> str:
        """Write the scores for a person."""
        found = self.figures()
        lines = [
            f"accuracy {found['accuracy']:.4f}, mean of the labels' recalls "
            f"{found['mean_recall']:.4f}, on {len(self.ids):,} photos; {NONE}: "
            f"{found['none_share']:.2%}; log loss {found['log_loss']:.4f}",
            "",
            "| label | photos | recall | precision |",
            "|---|---:|---:|---:|",
        ]
        for name, photos, *shares in self.by_label():
            cells = ["–" if np.isnan(share) else f"{share:.3f}" for share in shares]
            lines.append(f"| {name} | {photos} | {' | '.join(cells)} |")
        return "\n".join([*lines, "", self.reliability.table()])

    def write(self, directory: Path) -> None:
        """Write scores.md, photos.csv (wrong and sure ones first), and the plots."""
        directory.mkdir(parents=True, exist_ok=True)
        write_text(directory / "scores.md", self.markdown())
        self.reliability.write(directory)
        names = [*self.names, NONE]
        sure, right = self.reliability.confidence, self.right
        rows = (
            [
                self.ids[row],
                names[self.answers[row]],
                f"{sure[row]:.4f}",
                ", ".join(names[place] for place in np.flatnonzero(self.truth[row])),
            ]
            for row in np.lexsort((-sure, right)).tolist()
        )
        write_table(directory / "photos.csv", ["id", "answered", "probability", "truth"], rows)
        title = f"{right.mean():.1%} of {len(right):,} photos are right"
        plots.draw_confusion(self.table, names, directory / "confusion.png", title, "answered")


def score(
    photos: seeing.SeenPhotos, names: Sequence[str], probabilities: np.ndarray, with_none: bool
) -> tuple[LabelScores, list[str]]:
    """Hold probabilities against what photos show.

    Args:
        photos: With the cells of the column of their labels.
        names: Of the labels.
        probabilities: Of the photos, float64 (photos, labels + 1).
        with_none: Whether "none of these" can be answered. If not, photos that have no label of
            the set are left out.

    Returns:
        The scores, and what was left out, in sentences.

    Raises:
        ZooError: No photo has a label of the set.
    """
    places = {name.casefold(): place for place, name in enumerate(names)}
    truth = np.zeros((len(photos.ids), len(names) + 1), bool)
    for row, cell in enumerate(photos.cells):
        found = [places[name.casefold()] for name in cell if name.casefold() in places]
        truth[row, found or ([len(names)] if cell else [])] = True
    if not truth[:, :-1].any():
        there = sorted({name for cell in photos.cells for name in cell})
        raise ZooError(
            f"No photo has a label of the set: {_some(names)}; the column has: {_some(there)}."
        )
    empty, other = ~truth.any(axis=1), truth[:, -1] & (not with_none)
    notes = [
        f"{count:,} photos {why}; they aren't scored."
        for count, why in (
            (int(empty.sum()), "have an empty cell"),
            (int(other.sum()), "have another label, and the set has no threshold"),
        )
        if count
    ]
    kept = np.flatnonzero(~(empty | other))
    ids = [photos.ids[row] for row in kept]
    return LabelScores(names, ids, truth[kept], probabilities[kept]), photos.notes + notes


def add_options(group: argparse._ActionsContainer) -> None:
    """Add the options of labels to evaluate.py."""
    group.add_argument("--labels", type=Path, metavar="FILE", help="score labels without training, "
                       "not captions: the file that build.py packs. MODEL and DATA may be what "
                       "explore.py embed wrote. A saved model is asked for the labels' names; "
                       "what it has packed decides")  # fmt: skip
    group.add_argument("--label-column", default="type", metavar="COLUMN",
                       help="of the photos' labels")  # fmt: skip


def run(args: argparse.Namespace) -> None:
    """Score a model's labels, as the options of evaluate.py say.

    Raises:
        ZooError: Two models are given, or one that has nothing to say of labels.
    """
    if args.compare or not args.model:
        raise ZooError("--labels scores one MODEL on DATA.")
    given = Phrasings.read(args.labels)
    source = seeing.PhotoSource(args.data, args.label_column, args.image_column, args.limit)
    if saved.is_saved(args.model):
        photos, found = seeing.ask(args.model, args.tracking_uri, source, given.names)
        with_none = bool((found[:, -1] > 0).any())
    else:
        with opened(args.model, args.clip, args.threads, args.normalize_prefix) as captioner:
            labels, with_none = given.features(captioner), given.calibration.threshold is not None
            photos = seeing.see(captioner, source, args.batch_size)
            found = given.calibration.probabilities(photos.features, labels, captioner.logit_scale)
    scores, notes = score(photos, given.names, found, with_none)
    figures: dict[str, Any] = scores.figures()
    text = "\n\n".join([*notes, scores.markdown()])
    evaluation.finish(args, args.model, text, figures, scores.write)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown}, …" if len(names) > SHOWN else shown
