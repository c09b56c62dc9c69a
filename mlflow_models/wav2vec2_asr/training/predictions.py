"""Reads tables of references and predictions, as other people's programs write them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.tables import TableError, open_table


@dataclass(frozen=True)
class Predictions:
    """A table of predictions.

    Args:
        names: of the utterances: the column `name` or `path`, else their lines' numbers.
        references: what was said.
        predictions: what each system heard, by its column.
        seconds: how long each is; None where the table doesn't say.
    """

    names: list[str]
    references: list[str]
    predictions: dict[str, list[str]]
    seconds: list[float] | None


def read_predictions(path: Path, columns: Sequence[str]) -> Predictions:
    """Reads a table of one row for each utterance.

    Args:
        path: the file, UTF-8.
        columns: that of the references, and those of the predictions.

    Raises:
        TableError: the file can't be read, a column is missing, or a line hasn't its cells.
    """
    table = open_table(path)
    reference, *systems = [table.column(column) for column in columns]
    name, duration = table.find(None, ("name", "path")), table.find("duration")
    rows = list(table.strict_rows())
    if not rows:
        raise TableError(f"'{path}' has no predictions.")
    return Predictions(
        [cells[name] if name else f"line {line}" for line, cells in rows],
        [cells[reference] for _, cells in rows],
        {system: [cells[system] for _, cells in rows] for system in systems},
        [_number(cells[duration], path, line) for line, cells in rows] if duration else None,
    )


def _number(cell: str, path: Path, line: int) -> float:
    try:
        return float(cell)
    except ValueError:
        reason = "the duration is not a number of seconds"
        raise TableError(f"'{path}', line {line}: {reason}.") from None
