"""One run: scores the rows of a source, part by part, into an output."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

from batching.executor import BatchJob
from batching.model import SavedModel
from batching.output import Output
from batching.source import Source
from zoo.errors import ZooError

Scored = TypeVar("Scored", bound=Source)


class BatchRun(ABC, Generic[Scored]):
    """A source and the model that scores it.

    Args:
        source: What is scored.
        scorer: The model.
        prefix: Comes before the names of the answer's columns.
        params: The request's parameters.

    Raises:
        ZooError: Two columns of the output would have one name.
    """

    def __init__(
        self, source: Scored, scorer: SavedModel, prefix: str, params: dict[str, Any]
    ) -> None:
        self._source, self._scorer, self._params = source, scorer, params
        self._fields = {prefix + field: field for field in scorer.answers}
        self._error = f"{prefix}error"
        kept = {name.lower() for name in source.kept}  # Spark's names have no case
        if taken := [name for name in self._fields if name.lower() in kept]:
            raise ZooError(
                f"The input has a column '{taken[0]}', and so has the answer; --prefix PREFIX "
                "renames the answer's."
            )

    @abstractmethod
    def prepare(self, work: Path) -> None:
        """Load the model where it scores, and let it check the parameters.

        Args:
            work: A directory for what is sent; it must exist until the run is done.

        Raises:
            ZooError: The model refuses the parameters.
        """

    @abstractmethod
    def write(self, output: Output) -> None:
        """Score and write the parts that are left, and show the progress."""

    @abstractmethod
    def count(self, output: Output) -> tuple[int, int]:
        """Count the rows that are written, and those with an error."""

    def close(self) -> None:
        """End what `prepare` has started."""

    def check(self, output: Output) -> int:
        """Check that all rows are there, and count those with an error.

        Raises:
            ZooError: There are too few or too many rows.
        """
        count, errors = self.count(output)
        if count != self._source.total:
            raise ZooError(
                f"'{output.partial}' has {count:,} rows, and the input {self._source.total:,}: "
                "has the input changed? Delete the directory, and run again."
            )
        return errors

    def _job(self, model: str, shipped: bool) -> BatchJob:
        """Say what every worker process does with the model in a directory, or an archive."""
        reads, columns = self._source.reading.columns, self._scorer.columns
        answers = self._scorer.answers
        return BatchJob(
            model=model,
            shipped=shipped,
            reads=reads,
            texts=self._source.files and all(columns[name] == "string" for name in reads),
            wrong=self._source.wrong,
            keep=self._source.kept,
            params=self._params,
            answers={name: (field, answers[field]) for name, field in self._fields.items()},
            free=self._scorer.free,
        )
