"""What came of classifying photos: scores, a table of every photo, the confusion matrix."""

import json
from collections.abc import Sequence
from pathlib import Path

from clip_caption.exploring.classification import OTHER, UNKNOWN, Outcome
from zoo.data.tables import write_table


def figures(outcome: Outcome, threshold: float) -> str:
    """The scores as JSON."""
    known = outcome.known()
    return json.dumps({
        "images": len(known),
        "accuracy": known.accuracy(),
        "balanced_accuracy": known.balanced(),
        "threshold": threshold,
        "rejected": known.rejected(threshold),
        "accuracy_of_kept": known.accuracy(threshold),
    })  # fmt: skip


def describe(outcome: Outcome, threshold: float, categories: Sequence[str]) -> str:
    """The scores as text, with a table of the categories."""
    known, lines = outcome.known(), []
    if len(known):
        lines += [
            f"accuracy {known.accuracy():.4f} on {len(known):,} images; mean of the categories' "
            f"recalls {known.balanced():.4f}",
            f"with the threshold {threshold:.4f}: {known.rejected(threshold):.2%} rejected, "
            f"accuracy of the others {known.accuracy(threshold):.4f}",
            "",
            "| category | images | recall | precision |",
            "|---|---:|---:|---:|",
        ]
        table = known.confusion(len(categories))
        for number, name in enumerate(categories):
            right, truly, taken = table[number, number], table[number].sum(), table[:, number].sum()
            shares = [f"{right / of:.3f}" if of else "-" for of in (truly, taken)]
            lines.append(f"| {name} | {truly} | {' | '.join(shares)} |")
    for kind, words in ((OTHER, "of categories that the collection hasn't"),
                        (UNKNOWN, "of no known category")):  # fmt: skip
        if len(some := outcome.select(outcome.truth == kind)):
            lines.append(f"{len(some):,} images {words}: {some.rejected(threshold):.1%} rejected")
    return "\n".join(lines)


def write(
    directory: Path,
    outcome: Outcome,
    threshold: float,
    categories: Sequence[str],
    ids: Sequence[str],
    text: str,
) -> None:
    """Writes scores.md, photos.csv (the least similar first) and confusion.png.

    Args:
        directory: made where it is missing.
        outcome: of the photos.
        threshold: below which a photo gets no category.
        categories: their names.
        ids: of the photos.
        text: of `describe`.
    """
    from clip_caption.exploring import plots

    directory.mkdir(parents=True, exist_ok=True)
    (directory / "scores.md").write_text(text + "\n", encoding="utf-8")
    names = [*categories, "", "?"]  # the last two are where UNKNOWN and OTHER point to
    rows = []
    for row in outcome.nearest.argsort(kind="stable").tolist():
        taken = names[outcome.voted[row]] if outcome.nearest[row] >= threshold else ""
        rows.append([ids[row], taken, f"{outcome.nearest[row]:.4f}", names[outcome.truth[row]]])
    write_table(directory / "photos.csv", ["id", "category", "nearest", "truth"], rows)
    known = outcome.known()
    if len(known):
        title = f"{known.accuracy():.1%} of {len(known):,} images are right"
        matrix = known.confusion(len(categories))
        plots.confusion(matrix, categories, directory / "confusion.png", title)
