"""The pyfunc of every capability: a request in, a record for each row out.

A capability's `model.py` names its declaration and its engine. What happens to every request is
here, once.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import BAD_REQUEST, INTERNAL_ERROR, TEMPORARILY_UNAVAILABLE
from mlflow.pyfunc import PythonModel  # type: ignore[attr-defined]

from zoo.errors import (
    BadInput,
    BadParameter,
    BadRow,
    Cancelled,
    FailedRow,
    OutOfMemory,
    RowError,
    ZooError,
)
from zoo.serving import failures, identity, observers
from zoo.serving.declaration import Declaration, Options, read
from zoo.serving.rows import RequestRow, read_rows

ARTIFACT = "model"  # the directory that the builder packs for the engine
log = logging.getLogger(__name__)


class Result(Protocol):
    """An engine's answer to one item."""

    def record(self) -> dict[str, Any]:
        """Give the answer to the row, in JSON's types, with the declaration's fields."""


class Engine(Protocol):
    """The model itself; one object serves any number of threads, and has its own queue.

    Attributes:
        options: The parameters, with this checkpoint's defaults, bounds and choices.
        languages: Codes of this checkpoint's languages.

    An engine may also have `routes(server)`, which gives the Starlette routes of protocols of its
    own; `server` is a `zoo.serving.server.Server`.
    """

    @property
    def options(self) -> type[Options]: ...

    @property
    def languages(self) -> tuple[str, ...]: ...

    def __call__(self, items: Sequence[Any], options: Any) -> Sequence[Result | Exception]:
        """Answer items.

        Args:
            items: The rows' values.
            options: The request's parameters.

        Returns:
            For each item, in order, its answer or its exception. A `BadInput` says why an item
            can't be answered; any other exception is a fault of ours.

        Raises:
            BadParameter: The checkpoint can't do what the options ask for.
        """


EngineClass = Callable[[Path], Engine]
"""Makes an engine from the directory that the builder packed."""


class ZooModel(PythonModel):
    """A pyfunc that answers each row of a request with one record.

    Args:
        declaration: What the capability says of itself.
        engine_class: Makes the engine.
    """

    def __init__(self, declaration: Declaration, engine_class: EngineClass) -> None:
        self.declaration, self._engine_class = declaration, engine_class

    def load_context(self, context: Any) -> None:
        """Open the packed checkpoint.

        Raises:
            ZooError: This process runs the code of another build.
        """
        directory = Path(context.artifacts[ARTIFACT])
        identity.check(directory, self.declaration.name)
        self.engine = self._engine_class(directory)

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow passes it
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Answer a request.

        Raises:
            MlflowException: The request is refused (400), memory has run out (503), or the model
                failed (500). The message is one sentence.
        """
        try:
            return self._predict(model_input, dict(params or {}))
        except Exception as error:
            cause = OutOfMemory() if failures.memory_ran_out(error) else error
            if not isinstance(cause, ZooError):
                observers.failed(error)
                raise
            code = BAD_REQUEST if cause.status < 500 else INTERNAL_ERROR
            code = TEMPORARILY_UNAVAILABLE if isinstance(cause, OutOfMemory) else code
            raise MlflowException(str(cause), error_code=code) from cause

    def _predict(self, table: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
        for name, value in params.items():
            if value is None or (isinstance(value, list | tuple | np.ndarray) and None in [*value]):
                raise BadParameter(name, "is null, or has a null in it")
        options = read(self.engine.options, params)
        rows = read_rows(table, self.declaration.columns)
        if options.on_error == "raise":
            _raise_first(rows)  # refuse before anything is computed
        good = [(number, row) for number, row in enumerate(rows) if isinstance(row, RequestRow)]
        answers = self.engine([row.value for _, row in good], options)
        outcomes: list[Any] = list(rows)
        for (number, row), answer in zip(good, answers, strict=True):
            if isinstance(answer, Cancelled | OutOfMemory):  # neither is about a row
                raise answer
            outcomes[number] = (
                _blame(number, row.column, answer) if isinstance(answer, Exception) else answer
            )
        if options.on_error == "raise":
            _raise_first(outcomes)
            return [outcome.record() for outcome in outcomes]
        return [self._report(outcome) for outcome in outcomes]

    def _report(self, outcome: Any) -> dict[str, Any]:
        record, error = dict.fromkeys(self.declaration.fields), None
        if isinstance(outcome, RowError):
            error = outcome.sentence
        else:
            record |= outcome.record()
        return {**record, "error": error}


def _blame(row: int, column: str, error: Exception) -> RowError:
    """Make the error that the client gets for a row; tell of a fault of ours."""
    if isinstance(error, BadInput):
        return BadRow(row, column, str(error).rstrip("."))
    log.error("The model failed on row %d.", row, exc_info=error)
    observers.failed(error)
    return FailedRow(row)


def _raise_first(outcomes: Sequence[Any]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
