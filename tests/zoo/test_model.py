"""The life cycle that every model shares, on a model that fails when it is told to."""

import logging
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from zoo.errors import BadInput
from zoo.serving.model import ZooModel
from zoo.serving.rows import read_texts


class Echo(ZooModel):
    """Answers with the text; fails on 'fault' and refuses 'bad'."""

    column = "text"
    fields = ("echo",)

    def read_params(self, params: dict[str, Any]) -> dict[str, Any]:
        return params

    def read_rows(self, table: pd.DataFrame) -> Sequence[Any]:
        return read_texts(table, self.column, 10)

    def answer(self, rows: list[Any], params: Any) -> Sequence[dict[str, Any] | Exception]:  # noqa: ARG002
        failures = {"fault": RuntimeError("secret"), "bad": BadInput("is bad.")}
        return [failures.get(row) or {"echo": row} for row in rows]


def predict(*texts: object, **params: str) -> list[dict[str, Any]]:
    table = pd.DataFrame({"text": pd.Series(list(texts), dtype=object)})
    return Echo().predict(None, table, params)


def test_good_rows_are_answered_in_order() -> None:
    assert predict("a", "b") == [{"echo": "a"}, {"echo": "b"}]
    assert predict() == []


def test_a_fault_of_the_engine_is_a_500_that_names_the_row_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(MlflowException) as caught:
        predict("a", "fault")
    assert caught.value.message == "Row 1: the model failed on it."
    assert caught.value.get_http_status_code() == 500
    assert "secret" in caplog.text  # the log has the trace


def test_what_the_engine_refuses_names_row_and_column() -> None:
    with pytest.raises(MlflowException) as caught:
        predict("a", "bad")
    assert caught.value.message == "Row 1, column 'text': is bad."
    assert caught.value.get_http_status_code() == 400


def test_reported_errors_stand_beside_the_good_rows() -> None:
    assert predict("a", None, "bad", "fault", on_error="report") == [
        {"echo": "a", "error": None},
        {"echo": None, "error": "Row 1, column 'text': is null; send a text."},
        {"echo": None, "error": "Row 2, column 'text': is bad."},
        {"echo": None, "error": "Row 3: the model failed on it."},
    ]
