"""The life cycle that every model shares, on a model that fails when it is told to."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from pydantic import BaseModel

from zoo.errors import BadInput
from zoo.serving.declaration import Column, Declaration, Options
from zoo.serving.model import ZooModel


class Record(BaseModel):
    echo: str


@dataclass
class Said:
    text: str

    def record(self) -> dict[str, Any]:
        return {"echo": self.text}


class Engine:
    """Answers with the text; fails on 'fault' and refuses 'bad'."""

    options, languages = Options, ()

    def __init__(self, directory: Path) -> None:
        pass

    def __call__(self, items: Sequence[str], options: Options) -> list[Said | Exception]:  # noqa: ARG002
        failures = {"fault": RuntimeError("secret"), "bad": BadInput("is bad.")}
        return [failures.get(item) or Said(item) for item in items]


ECHO = Declaration(
    name="echo",
    task="text2text-generation",
    summary="Says what it was told.",
    languages=(),
    columns=(Column("text", "text", "Anything.", 10),),
    options=Options,
    record=Record,
)


def predict(*texts: object, **params: str) -> list[dict[str, Any]]:
    table = pd.DataFrame({"text": pd.Series(list(texts), dtype=object)})
    model = ZooModel(ECHO, Engine)
    model.engine = Engine(Path())
    return model.predict(None, table, params)


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
        {"echo": None, "error": "Column 'text': is null; send a text."},
        {"echo": None, "error": "Column 'text': is bad."},
        {"echo": None, "error": "This row: the model failed on it."},
    ]
