"""What came of classifying photos: scores, a table of every photo, the confusion matrix."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.exploring.classification import OTHER, UNKNOWN, Labelled, Outcome
from clip_caption.searching.voting import likely
from zoo.data.tables import write_table
from zoo.training import plots

SHOWN = 5  # categories that are named in a sentence


@dataclass(frozen=True)
class CategoryScores:
    """How well each category is found; `None` where there is nothing to count.

    Args:
        images: how many photos have it, int64 (c,).
        recall, precision, f1: float64 (c,), NaN where there is none.
        average_precision: of the ranking by its chance, float64 (c,), NaN where no photo has it.
        micro: F1 of all categories' decisions together.
    """

    images: np.ndarray
    recall: np.ndarray
    precision: np.ndarray
    f1: np.ndarray
    average_precision: np.ndarray
    micro: float

    @classmethod
    def of(cls, outcome: Outcome, several: bool) -> "CategoryScores":
        """Count.

        Args:
            outcome: of photos whose categories are known.
            several: whether a photo may have several; otherwise the best counts alone.
        """
        from sklearn.metrics import average_precision_score

        truth = _table(outcome.truth, outcome.chances.shape[1])
        taken = np.zeros_like(truth)
        for row, best in enumerate(outcome.voted.tolist()):
            taken[row, likely(best, outcome.chances[row]) if several else [best]] = True
        right, true, given = (truth & taken).sum(0), truth.sum(0), taken.sum(0)
        ranked = [average_precision_score(t, c) if t.any() else np.nan
                  for t, c in zip(truth.T, outcome.chances.T, strict=True)]  # fmt: skip
        micro = 2 * right.sum() / max(1, true.sum() + given.sum())
        return cls(true, _share(right, true), _share(right, given), _share(2 * right, true + given),
                   np.array(ranked), float(micro))  # fmt: skip

    def never_found(self, categories: Sequence[str]) -> list[str]:
        """Name the categories none of whose photos was recognised."""
        return [name for name, recall in zip(categories, self.recall, strict=True) if recall == 0]


def _table(truth: np.ndarray, categories: int) -> np.ndarray:
    """Which photo has which category, bool (m, c), of places, int32 (m, most)."""
    found = np.zeros((len(truth), categories), bool)
    rows, columns = np.nonzero(truth >= 0)
    found[rows, truth[rows, columns]] = True
    return found


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole, part / np.maximum(whole, 1), np.nan)


def figures(outcome: Outcome, threshold: float, data: Labelled) -> str:
    """The scores as JSON."""
    known = outcome.known()
    found: dict[str, Any] = {
        "images": len(known),
        "in_groups": in_groups(data)[0],
        "threshold": threshold,
    }
    if len(known):
        scores = CategoryScores.of(known, data.several)
        found |= {
            "accuracy": known.accuracy(),
            "balanced_accuracy": float(np.nanmean(scores.recall)),
            "never_found": scores.never_found(data.categories),
            "rejected": known.rejected(threshold),
            "accuracy_of_kept": known.accuracy(threshold),
        }
        if data.several:
            f1 = {name: None if np.isnan(one) else float(one)
                  for name, one in zip(data.categories, scores.f1, strict=True)}  # fmt: skip
            found |= {
                "mean_average_precision": float(np.nanmean(scores.average_precision)),
                "f1_micro": scores.micro,
                "f1_macro": float(np.nanmean(scores.f1)),
                "f1": f1,
            }
    return json.dumps(found, ensure_ascii=False)


def in_groups(data: Labelled) -> tuple[int, int]:
    """How many labelled photos aren't alone in their group, and how many such groups there are."""
    counts = Counter(data.groups[data.labelled].tolist()).values()
    sizes = [size for size in counts if size > 1]
    return sum(sizes), len(sizes)


def describe(outcome: Outcome, threshold: float, data: Labelled) -> str:
    """The scores as text, with a table of the categories."""
    known, lines = outcome.known(), []
    photos, groups = in_groups(data)
    if photos:
        lines.append(f"{photos:,} images are near copies of others, or of one source with them "
                     f"(groups: {groups:,}); they don't vote for their own group")  # fmt: skip
    if len(known):
        scores = CategoryScores.of(known, data.several)
        lines.append(_headline(known, scores, data.several))
        if lost := scores.never_found(data.categories):
            sizes = dict(zip(data.categories, scores.images.tolist(), strict=True))
            named = [f"{name} ({sizes[name]:,} images)" for name in lost[:SHOWN]]
            more = f" and {len(lost) - SHOWN:,} more" if len(lost) > SHOWN else ""
            lines.append(f"Look first: never recognised: {', '.join(named)}{more}")
        lines.append(
            f"with the threshold {threshold:.4f}: {known.rejected(threshold):.2%} rejected, "
            f"accuracy of the others {known.accuracy(threshold):.4f}"
        )
        columns = {"recall": scores.recall, "precision": scores.precision}
        if data.several:
            columns |= {"F1": scores.f1, "average precision": scores.average_precision}
        lines += ["", f"| category | images | {' | '.join(columns)} |",
                  f"|---|---:|{'---:|' * len(columns)}"]  # fmt: skip
        for number, name in enumerate(data.categories):
            cells = [one[number] for one in columns.values()]
            shown = ["-" if np.isnan(cell) else f"{cell:.3f}" for cell in cells]
            lines.append(f"| {name} | {scores.images[number]} | {' | '.join(shown)} |")
    for kind, words in ((OTHER, "of categories that the collection hasn't"),
                        (UNKNOWN, "of no known category")):  # fmt: skip
        if len(some := outcome.select(outcome.truth[:, 0] == kind)):
            lines.append(f"{len(some):,} images {words}: {some.rejected(threshold):.1%} rejected")
    return "\n".join(lines)


def _headline(known: Outcome, scores: CategoryScores, several: bool) -> str:
    balanced = np.nanmean(scores.recall)
    if not several:
        return (f"accuracy {known.accuracy():.4f}, balanced (the mean of the categories' recalls) "
                f"{balanced:.4f}, on {len(known):,} images")  # fmt: skip
    return (f"mAP {np.nanmean(scores.average_precision):.4f}, F1 {scores.micro:.4f} (mean of the "
            f"categories' {np.nanmean(scores.f1):.4f}), the best category is right for "
            f"{known.accuracy():.4f} of {len(known):,} images, which have "
            f"{scores.images.sum() / len(known):.2f} categories each")  # fmt: skip


def write(
    directory: Path,
    outcome: Outcome,
    threshold: float,
    data: Labelled,
    ids: Sequence[str],
    text: str,
) -> None:
    """Writes scores.md, photos.csv (the least similar first) and, of one category, confusion.png.

    Args:
        directory: made where it is missing.
        outcome: of the photos.
        threshold: below which a photo gets no category.
        data: the collection that they were classified by.
        ids: of the photos.
        text: of `describe`.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "scores.md").write_text(text + "\n", encoding="utf-8")
    names = {**dict(enumerate(data.categories)), OTHER: "?", UNKNOWN: ""}
    rows = []
    for row in outcome.nearest.argsort(kind="stable").tolist():
        best, truth = int(outcome.voted[row]), outcome.truth[row].tolist()
        taken = likely(best, outcome.chances[row]) if data.several else [best]
        taken = taken if outcome.nearest[row] >= threshold else []
        truly = [place for number, place in enumerate(truth) if not number or place >= 0]
        rows.append([
            ids[row],
            ", ".join(names[place] for place in taken),
            f"{outcome.nearest[row]:.4f}",
            ", ".join(names[place] for place in truly),
        ])  # fmt: skip
    write_table(directory / "photos.csv", ["id", "category", "nearest", "truth"], rows)
    known = outcome.known()
    if len(known) and not data.several:
        title = f"{known.accuracy():.1%} of {len(known):,} images are right"
        count = len(data.categories)
        matrix = np.zeros((count, count), int)  # (truth, taken for)
        np.add.at(matrix, (known.truth[:, 0], known.voted), 1)
        file = directory / "confusion.png"
        plots.draw_confusion(matrix, data.categories, file, title, "by its neighbours")
