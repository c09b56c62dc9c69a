"""The life cycle of every model of the zoo: set up, decode the request, answer, encode.

A capability's `model.py` fills in three methods; what becomes of bad rows is decided here, once.
"""

import logging
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR
from mlflow.pyfunc import PythonModel  # type: ignore[attr-defined]

from zoo.errors import BadInput, BadParameter, BadRow, ZooError

log = logging.getLogger(__name__)


class ZooModel(PythonModel):
    """A pyfunc that answers each row of a request with one record.

    Attributes:
        column: The name of the column that is read.
        fields: The names of a record's fields. With `params={"on_error": "report"}` each record
            has them all, and `error`, which is null where the row was answered.
    """

    column: str
    fields: tuple[str, ...]

    @abstractmethod
    def read_params(self, params: dict[str, Any]) -> Any:
        """Checks the request's parameters; raises `BadParameter`. Returns what `answer` takes."""

    @abstractmethod
    def read_rows(self, table: pd.DataFrame) -> Sequence[Any]:
        """The request's rows, each a value or the exception that says why it is none."""

    @abstractmethod
    def answer(self, rows: list[Any], params: Any) -> Sequence[dict[str, Any] | Exception]:
        """One record, or exception, per row; `rows` holds good rows only."""

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow passes it
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Answers a request.

        Raises:
            MlflowException: The request is refused (400), or the model failed (500); its message is
                one sentence.
        """
        try:
            return self._predict(model_input, dict(params or {}))
        except ZooError as error:
            code = BAD_REQUEST if error.status < 500 else INTERNAL_ERROR
            raise MlflowException(str(error), error_code=code) from error

    def _predict(self, table: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
        on_error = params.pop("on_error", "raise")
        if on_error not in ("raise", "report"):
            raise BadParameter("on_error", "is neither 'raise' nor 'report'")
        for name, value in params.items():
            if value is None or (isinstance(value, list | tuple | np.ndarray) and None in [*value]):
                raise BadParameter(name, "is null, or has a null in it")
        options = self.read_params(params)
        outcomes: list[Any] = list(self.read_rows(table))
        good = [row for row, value in enumerate(outcomes) if not isinstance(value, Exception)]
        if on_error == "raise":
            _raise_first(outcomes)  # refuse before anything is computed
        answers = self.answer([outcomes[row] for row in good], options)
        for row, answer in zip(good, answers, strict=True):
            outcomes[row] = self._blame(row, answer) if isinstance(answer, Exception) else answer
        if on_error == "raise":
            _raise_first(outcomes)
            return outcomes
        return [self._report(outcome) for outcome in outcomes]

    def _report(self, outcome: dict[str, Any] | Exception) -> dict[str, Any]:
        if isinstance(outcome, Exception):
            return {**dict.fromkeys(self.fields), "error": str(outcome)}
        return {**dict.fromkeys(self.fields), **outcome, "error": None}

    def _blame(self, row: int, error: Exception) -> ZooError:
        """What a row's failure tells the client; a fault of ours goes to the log in full."""
        if isinstance(error, BadInput):
            return BadRow(row, self.column, str(error).rstrip("."))
        log.error("The model failed on row %d.", row, exc_info=error)
        return ZooError(f"Row {row}: the model failed on it.")


def _raise_first(outcomes: Sequence[Any]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
