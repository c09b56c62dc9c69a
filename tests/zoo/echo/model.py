"""The pyfunc: it says what it was told."""

import time
from typing import Any

import pandas as pd
from mlflow.models import set_model

from zoo.errors import BadRow
from zoo.serving.model import ZooModel
from zoo.serving.rows import read_texts


class Echo(ZooModel):
    """Column `text`; parameter `seconds` is how long it takes; the text "boom" is a fault."""

    column = "text"
    fields = ("text", "words", "numbers")

    def load_context(self, context: Any) -> None:
        pass

    def read_params(self, params: dict[str, Any]) -> dict[str, Any]:
        return params

    def read_rows(self, table: pd.DataFrame) -> list[str | BadRow]:
        return read_texts(table, self.column, 1_000_000)

    def answer(self, rows: list[str], params: dict[str, Any]) -> list[dict[str, Any] | Exception]:
        time.sleep(params["seconds"])
        if "boom" in rows:
            raise RuntimeError("a fault, as an engine may have one")
        lists = {name: [*params[name]] for name in ("words", "numbers")}
        return [{"text": row, **{name: one for name, one in lists.items() if one}} for row in rows]


set_model(Echo())
