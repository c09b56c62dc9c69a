"""A saved model behind BentoML: `bentoml serve service:Peer`. Requests come one row each; its
adaptive batching puts them together."""

import base64
import os
from typing import Any

import bentoml
import mlflow
import pandas as pd

COLUMN = os.environ["PEER_COLUMN"]


@bentoml.service(workers=int(os.environ["PEER_WORKERS"]), traffic={"timeout": 300})
class Peer:
    """The service."""

    def __init__(self) -> None:
        self.model = mlflow.pyfunc.load_model(os.environ["PEER_MODEL"])

    @bentoml.api(batchable=True, max_batch_size=int(os.environ["PEER_BATCH"]))
    def predict(self, rows: list[str]) -> list[dict[str, Any]]:
        """The records of rows; files are base64."""
        values = rows if COLUMN == "text" else [base64.b64decode(row) for row in rows]
        answers: list[dict[str, Any]] = self.model.predict(pd.DataFrame({COLUMN: values}))
        return answers
