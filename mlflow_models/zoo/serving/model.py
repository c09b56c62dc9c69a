"""The pyfunc of every capability: a request in, a record for each row out.

A capability's `model.py` names its declaration and its engine. What happens to every request is
here, once.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
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
    NotAcceptable,
    OutOfMemory,
    RowError,
    ZooError,
)
from zoo.serving import failures, identity, observers
from zoo.serving.declaration import Declaration, Options, read
from zoo.serving.rows import RequestRow, read_rows

WHOLE = "This model gives an answer as a whole; don't ask for text/event-stream."
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

    An engine may also have `stream(item, options)`, which yields the name and data of events of one
    item's answer as they are found, the last one `done` with the record. And `routes(server)`,
    which gives the Starlette routes of protocols of its own; `server` is a
    `zoo.serving.server.Server`.
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
        with _refusing():
            return self._predict(model_input, dict(params or {}))

    def predict_stream(
        self,
        context: Any,  # noqa: ARG002 - MLflow passes it
        model_input: dict[str, Any],
        params: dict[str, Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Answer a request of one row in parts, as they are found.

        Args:
            context: MLflow's.
            model_input: The row, by its columns; MLflow makes it of a DataFrame.
            params: As for `predict`.

        Yields:
            `event`, a name, and `data`. The last event is `done`; its data is the record that
            `predict` gives.

        Raises:
            MlflowException: As `predict` does.
        """
        table = pd.DataFrame({name: [value] for name, value in model_input.items()}, dtype=object)
        with _refusing():
            for event, data in self._stream(table, dict(params or {})):
                yield {"event": event, "data": data}

    def _stream(self, table: pd.DataFrame, params: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        engine: Any = self.engine
        if not streams(engine):
            raise NotAcceptable(WHOLE)
        options = self._options(params)
        (row,) = read_rows(table, self.declaration.columns)
        if isinstance(row, BadRow):
            yield from self._end(row, options)
            return
        try:
            for event, data in engine.stream(row.value, options):
                reported = event == "done" and options.on_error == "report"
                yield event, self._answered(data) if reported else data
        except Exception as error:
            if isinstance(error, Cancelled | BadParameter) or failures.memory_ran_out(error):
                raise  # it isn't about the row
            yield from self._end(_blame(0, row.column, error), options)

    def _end(self, error: RowError, options: Options) -> Iterator[tuple[str, Any]]:
        """Refuse a stream's row, or report it."""
        if options.on_error == "raise":
            raise error
        yield "done", self._failed(error)

    def _options(self, params: dict[str, Any]) -> Options:
        for name, value in params.items():
            if value is None or (isinstance(value, list | tuple | np.ndarray) and None in [*value]):
                raise BadParameter(name, "is null, or has a null in it")
        return read(self.engine.options, params)

    def _predict(self, table: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
        options = self._options(params)
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
        return [
            self._failed(one) if isinstance(one, RowError) else self._answered(one.record())
            for one in outcomes
        ]

    def _answered(self, record: dict[str, Any]) -> dict[str, Any]:
        """Report a row's record."""
        return {**dict.fromkeys(self.declaration.fields), **record, "error": None}

    def _failed(self, error: RowError) -> dict[str, Any]:
        """Report what is wrong with a row."""
        return {**dict.fromkeys(self.declaration.fields), "error": error.sentence}


def streams(engine: Any) -> bool:
    """Tell whether an engine can answer in parts."""
    return hasattr(engine, "stream")


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turn errors into those that MLflow's own server tells its clients."""
    try:
        yield
    except Exception as error:
        cause = OutOfMemory() if failures.memory_ran_out(error) else error
        if not isinstance(cause, ZooError):
            observers.failed(error)
            raise
        code = BAD_REQUEST if cause.status < 500 else INTERNAL_ERROR
        code = TEMPORARILY_UNAVAILABLE if isinstance(cause, OutOfMemory) else code
        raise MlflowException(str(cause), error_code=code) from cause


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
