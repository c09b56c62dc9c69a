"""The pyfunc of every capability: a request in, a record for each row out.

A capability's `model.py` names its declaration and its engine. What happens to every request is
here, once.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from zoo.serving.rows import RequestRow, columns_of, read_rows

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
        """Answer a request: a DataFrame.

        Raises:
            MlflowException: The request is refused (400), memory has run out (503), or the model
                failed (500). The message is one sentence.
        """
        with _refusing():
            return self.answer(columns_of(model_input, self.declaration.columns), params or {})

    def answer(
        self, columns: Mapping[str, Sequence[Any]], params: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """Answer a request, as `predict` does. The zoo's server asks here.

        It has checked types itself, and neither a DataFrame nor MLflow's own checks of it are free:
        for one row they take longer than the rest of the way to the engine.

        Args:
            columns: The request's values by column.
            params: The request's parameters; what is missing has its default.

        Raises:
            ZooError: The request can't be answered; any other exception is a fault of ours.
        """
        with _noting():
            return self._answer(columns, params)

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
        with _refusing():
            columns = {name: [value] for name, value in model_input.items()}
            for event, data in self.answer_stream(columns, params or {}):
                yield {"event": event, "data": data}

    def answer_stream(
        self, columns: Mapping[str, Sequence[Any]], params: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        """Answer a request of one row in parts, as `predict_stream` does, and as `answer` is asked.

        Yields:
            Each event's name and data.

        Raises:
            ZooError: The request can't be answered; any other exception is a fault of ours.
        """
        with _noting():
            yield from self._stream(columns, params)

    def _stream(
        self, columns: Mapping[str, Sequence[Any]], params: Mapping[str, Any]
    ) -> Iterator[tuple[str, Any]]:
        engine: Any = self.engine
        if not streams(engine):
            raise NotAcceptable(WHOLE)
        options = self._options(params)
        (row,) = read_rows(columns, self.declaration.columns)
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

    def _options(self, params: Mapping[str, Any]) -> Options:
        for name, value in params.items():
            if value is None or (isinstance(value, list | tuple | np.ndarray) and None in [*value]):
                raise BadParameter(name, "is null, or has a null in it")
        return read(self.engine.options, params)

    def _answer(
        self, columns: Mapping[str, Sequence[Any]], params: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        options = self._options(params)
        rows = read_rows(columns, self.declaration.columns)
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
def _noting() -> Iterator[None]:
    """Give the lack of memory its own error; tell of a fault of ours."""
    try:
        yield
    except Exception as error:
        if failures.memory_ran_out(error):
            raise OutOfMemory() from error
        if not isinstance(error, ZooError):
            observers.failed(error)
        raise


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Turn the zoo's errors into those that MLflow's own server tells its clients."""
    try:
        yield
    except ZooError as error:
        code = BAD_REQUEST if error.status < 500 else INTERNAL_ERROR
        code = TEMPORARILY_UNAVAILABLE if isinstance(error, OutOfMemory) else code
        raise MlflowException(str(error), error_code=code) from error


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
