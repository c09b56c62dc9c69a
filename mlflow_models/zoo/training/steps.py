"""The table of a training run's losses, `steps.csv`."""

from pathlib import Path

from zoo.data.tables import open_table, write_table

HEADER = ("step", "loss")


class Steps:
    """Every step's loss, exact: a row is there as soon as its step is taken.

    Args:
        path: The table; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def resume(self, step: int) -> None:
        """Begin the table, or drop the steps after `step`, which a resumed run takes again."""
        rows = open_table(self.path).rows() if self.path.exists() else ()
        kept = [(row["step"], row["loss"]) for _, row in rows if row]  # a kill may cut the last one
        write_table(self.path, HEADER, (one for one in kept if one[1] and int(one[0]) <= step))

    def losses(self, after: int) -> list[float]:
        """Read the losses of the steps after `after`."""
        rows = open_table(self.path).strict_rows()
        return [float(row["loss"]) for _, row in rows if int(row["step"]) > after]

    def add(self, step: int, loss: float) -> None:
        """Add a step's loss."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{step},{loss!r}\n")
