"""The learning curves of a training run: a table, `epochs.csv`, and a plot, `curves.png`."""

from collections.abc import Sequence
from pathlib import Path

from hanlp_ner.training.trainer import Evaluated
from zoo.data.tables import open_table, write_table
from zoo.training import plots

EPOCHS, PLOT = "epochs.csv", "curves.png"
MEASURES = ("precision", "recall", "f1")
# Losses are per sentence, scores in percent. MLflow has them under the same names.
SCORES = ("epoch_loss", "dev_loss", *(f"dev_{name}" for name in MEASURES))
KEPT = "dev_kept_f1"  # empty where no label is kept

Row = dict[str, float | None]


class Curves:
    """One row for each epoch.

    Args:
        directory: Of the run.
        labels: Those that the dev set has; each has a column of its F1, `dev_f1_LABEL`.
    """

    def __init__(self, directory: Path, labels: Sequence[str]) -> None:
        self.path, self.plot, self.labels = directory / EPOCHS, directory / PLOT, labels
        self.rows: list[Row] = []

    def resume(self, epoch: int) -> None:
        """Read the table, if there is one, but for the epochs that a resumed run takes again."""
        rows = open_table(self.path).strict_rows() if self.path.exists() else ()
        read = [{name: float(cell) if cell else None for name, cell in row.items()}
                for _, row in rows]  # fmt: skip
        self.rows = [row for row in read if (row["epoch"] or 0) <= epoch]

    def add(self, epoch: int, step: int, loss: float, evaluated: Evaluated) -> None:
        """Add an epoch, and write the table and the plot."""
        scores, micro = evaluated.scores, evaluated.scores["micro"]
        values = [loss, evaluated.loss, *(micro[name] for name in MEASURES)]
        self.rows.append(
            {"epoch": epoch, "step": step, **dict(zip(SCORES, values, strict=True))}
            | {KEPT: evaluated.kept}
            | {f"dev_f1_{name}": scores[name]["f1"] for name in self.labels}
        )
        cells = (["" if cell is None else f"{cell!r}" for cell in one.values()]
                 for one in self.rows)  # fmt: skip
        write_table(self.path, list(self.rows[0]), cells)
        self.draw()

    def draw(self) -> None:
        """Draw the losses on the left, the scores of the dev set on the right."""
        epochs = [row["epoch"] for row in self.rows]

        def values(name: str) -> list[float | None]:
            return [row[name] for row in self.rows]

        best = max(range(len(epochs)), key=lambda place: self.rows[place]["dev_f1"] or 0)
        with plots.drawing(self.plot, (8, 3.2)) as figure:
            losses, scores = figure.subplots(1, 2)
            losses.plot(epochs, values("epoch_loss"), "o-", markersize=3, label="training")
            losses.plot(epochs, values("dev_loss"), "o-", markersize=3, label="dev set")
            losses.set(xlabel="epoch", ylabel="loss per sentence", ylim=(0, None))
            scores.plot(epochs, values("dev_f1"), "ko-", markersize=3, label="all labels")
            for name in self.labels:
                scores.plot(epochs, values(f"dev_f1_{name}"), linewidth=0.9, label=name)
            if None not in values(KEPT):
                scores.plot(epochs, values(KEPT), "k:", label="kept labels")
            scores.axvline(epochs[best], color="0.8", zorder=0)
            scores.set(xlabel="epoch", ylabel="F1 on the dev set, percent", ylim=(0, 100))
            for axes in (losses, scores):
                axes.xaxis.get_major_locator().set_params(integer=True)
                axes.legend(fontsize=7, frameon=False)
