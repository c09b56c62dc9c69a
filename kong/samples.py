"""A request that works, and whether an answer to it is right."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from kong.errors import KongError, NotReady


@dataclass(frozen=True)
class Sample:
    """A request that works, and how many rows its answer must have.

    Attributes:
        body: JSON.
        rows: None where there is no such request: then any answer of the model is right, even a
            refusal of this body.
    """

    body: bytes = field(repr=False)
    rows: int | None

    @classmethod
    def read(cls, path: Path) -> "Sample":
        """Reads a model's `sample.json`.

        Raises:
            KongError: the file is not a sample.
        """
        try:
            body = path.read_bytes()
            return cls(body, _rows(json.loads(body)))
        except OSError as error:
            said = f"The sample '{path}' can't be read ({error.strerror})"
            raise KongError(f"{said}: give --sample, the sample.json of the model.") from None
        except (ValueError, LookupError, TypeError):
            raise KongError(f"'{path}' is not a request in the form dataframe_split.") from None

    @classmethod
    def told(cls, openapi: Any) -> "Sample | None":
        """The example in what a model server says of its paths; None where there is none."""
        try:
            request = openapi["paths"]["/invocations"]["post"]["requestBody"]
            example = request["content"]["application/json"]["example"]
            return cls(json.dumps(example).encode(), _rows(example))
        except (LookupError, TypeError):
            return None

    def check(self, response: httpx2.Response, whose: str) -> list[Any]:
        """The predictions of an answer.

        Raises:
            NotReady: they aren't what this sample's have to be.
        """
        status = response.status_code
        if self.rows is None and status in (200, 400, 415, 422):
            return []
        if status != 200:
            raise NotReady(f"{whose} answers its sample with {status}.")
        try:
            predictions = response.json()["predictions"]
        except (ValueError, LookupError, TypeError):
            raise NotReady(f"{whose} answers its sample, but not with predictions.") from None
        if not isinstance(predictions, list) or len(predictions) != self.rows:
            raise NotReady(f"{whose} answers {self.rows} sample rows with another number of rows.")
        for number, record in enumerate(predictions):
            if not record or (isinstance(record, dict) and record.get("error")):
                raise NotReady(f"{whose} has no prediction for row {number} of its sample.")
        return predictions


ANY = Sample(b'{"dataframe_split": {"columns": [], "data": []}}', None)  # where none is at hand


def _rows(request: Any) -> int:
    return len(request["dataframe_split"]["data"])
