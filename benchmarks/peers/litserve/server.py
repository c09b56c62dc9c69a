"""A saved model behind LitServe: `python server.py PORT`. Requests come one row each; its batching
puts them together."""

import base64
import os
import sys
from typing import Any

import litserve
import mlflow
import pandas as pd

COLUMN = os.environ["PEER_COLUMN"]


class Peer(litserve.LitAPI):
    """The steps of a request."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the CPU
        """Loads the model, in every worker."""
        self.model = mlflow.pyfunc.load_model(os.environ["PEER_MODEL"])

    def decode_request(self, request: dict[str, str]) -> str | bytes:
        """A row's value; a file is base64."""
        row = request["row"]
        return row if COLUMN == "text" else base64.b64decode(row)

    def batch(self, inputs: list[Any]) -> pd.DataFrame:
        """Rows as a table."""
        return pd.DataFrame({COLUMN: inputs})

    def predict(self, table: pd.DataFrame) -> list[dict[str, Any]]:
        """The records of a batch."""
        answers: list[dict[str, Any]] = self.model.predict(table)
        return answers

    def unbatch(self, output: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The records as they are."""
        return output

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """The record as it is."""
        return output


if __name__ == "__main__":
    api = Peer(max_batch_size=int(os.environ["PEER_BATCH"]), batch_timeout=0.01)
    workers = int(os.environ["PEER_WORKERS"])
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers, timeout=300)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning"
    )
