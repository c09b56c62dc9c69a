"""What goes to a running model and what comes back, without the network: `client` carries it.

MLflow's scoring protocol: POST `{"dataframe_split": {"columns", "data"}, "params"}`, answered by
`{"predictions": [...]}` with a record for each row, or a status of 4xx or 5xx and a message.
"""

import base64
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx2
import tenacity
from pydantic import ValidationError

from transcripts.answers import Answer

File = str | Path | bytes
"""A file's path, or what is in it."""

OnError = Literal["raise", "report"]
T = TypeVar("T", bound=Answer)

BUSY = (429, 503)  # asked again, after a pause
PASSING = (408, 425)  # may go better the next time, but the request itself was at fault
LONGEST_WAIT = 30.0  # seconds that a server may ask for
MAX_BYTES = 30_000_000  # of a request with several rows
FIRST_BACKOFF, LONGEST_BACKOFF = 0.5, 8.0  # seconds at most, if the server names none


class ServiceError(Exception):
    """Why a request can't be answered, in one sentence.

    Attributes:
        fields: what the server tells of it besides: `error_code`, `request_id`, `row`, `column`,
            `parameter`, `reason`, as they apply.
    """

    def __init__(self, said: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(said)
        self.fields = dict(fields or {})


class Refused(ServiceError):
    """The server won't take what is sent: it will be no better the next time.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, said: str, fields: Mapping[str, Any]) -> None:
        super().__init__(f"The server refused it with status {status}: {said}", fields)
        self.status = status


class Unavailable(ServiceError):
    """The server doesn't answer, takes too long, or failed."""


class Busy(Unavailable):
    """The server takes no more at the moment (429, 503).

    Attributes:
        wait: seconds after which it wants to be asked again, if it said so.
    """

    def __init__(
        self, said: str, wait: float | None = None, fields: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(said, fields)
        self.wait = wait


class RowFailed(ServiceError):
    """The server couldn't answer one of several rows.

    Attributes:
        row: its number among those that were given, from 0.
        reason: the server's sentence on that row.
    """

    def __init__(self, row: int, reason: str, fields: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"Item {row}: {reason}", fields)
        self.row, self.reason = row, reason


def of_file(reason: str, column: str) -> str:
    """A server's sentence on a row, for a person who dropped a file and knows of no columns."""
    place = f"Column '{column}': "
    return f"The file {reason.removeprefix(place)}" if reason.startswith(place) else reason


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request.

    Args:
        column: the model's.
        values: a JSON value per row.
        params: the model's parameters.
        answer: what a row's record is read as.
        first: number of the first row among all that were asked for.
    """

    column: str
    values: list[Any]
    params: Mapping[str, Any]
    answer: type[T]
    first: int = 0

    def body(self) -> bytes:
        """The request's JSON."""
        rows = [[value] for value in self.values]
        table = {"columns": [self.column], "data": rows}
        content = {"dataframe_split": table, "params": dict(self.params)}
        return json.dumps(content, ensure_ascii=False).encode()

    def read(self, response: httpx2.Response) -> list[T]:
        """The answers, one per row.

        Raises:
            RowFailed: a row has an error that was asked to be raised.
            ServiceError: see `records`.
        """
        found = records(response)
        if len(found) != len(self.values):
            raise ServiceError(f"The server sent {len(found)} answers to {len(self.values)} rows.")
        try:
            return [self.answer.model_validate(without_nulls(record)) for record in found]
        except (ValidationError, TypeError, AttributeError):
            kind = self.answer.__name__
            raise ServiceError(f"The server's answer isn't of the kind '{kind}'.") from None


def in_batches(
    column: str,
    values: Iterator[Any],
    params: Mapping[str, Any],
    answer: type[T],
    rows: int,
) -> Iterator[Call[T]]:
    """Requests of at most so many rows and about 30 MB; a larger value goes alone."""
    batch: list[Any] = []
    size, first = 0, 0
    params = {**params, "on_error": "report"}
    for value in values:
        length = len(value) if isinstance(value, str) else 0
        if batch and (len(batch) >= rows or size + length > MAX_BYTES):
            yield Call(column, batch, params, answer, first)
            first, batch, size = first + len(batch), [], 0
        batch.append(value)
        size += length
    if batch:
        yield Call(column, batch, params, answer, first)


def raise_first(answers: Sequence[Answer], first: int = 0) -> None:
    """Raises `RowFailed` for the first row with an error; `first` is the first row's number."""
    for row, answer in enumerate(answers, first):
        if answer.error is not None:
            raise RowFailed(row, answer.error)


def check(response: httpx2.Response) -> httpx2.Response:
    """The response, if it is one.

    Raises:
        Busy: with 429 and 503.
        Refused: with any other 4xx, and the server's sentence.
        Unavailable: with 5xx, 408 and 425.
    """
    if response.status_code != 200:
        raise failure(response.status_code, _said(response), _fields(response), _wait(response))
    return response


def failure(
    status: int, said: str, fields: Mapping[str, Any], wait: float | None = None
) -> ServiceError:
    """The error of an answer that isn't one.

    Args:
        status: of HTTP.
        said: the server's sentence.
        fields: what it tells besides.
        wait: seconds after which it wants to be asked again, if it said so.
    """
    if status in BUSY:
        return Busy(f"The server is busy, or not ready (status {status}).", wait, fields)
    if status >= 500 or status in PASSING:
        return Unavailable(f"The server failed with status {status}: {said}", fields)
    return Refused(status, said, fields)


def pause(state: tenacity.RetryCallState) -> float:
    """Seconds until a busy server is asked again: what it says, or longer each time."""
    return waiting(state.outcome.exception() if state.outcome else None, state.attempt_number)


def waiting(error: BaseException | None, attempt: int) -> float:
    """Seconds until the next attempt, after one (from 1) that ended in an error."""
    if isinstance(error, Busy) and error.wait:
        return error.wait
    return random.uniform(0, min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (attempt - 1)))


def records(response: httpx2.Response) -> list[Any]:
    """The records in a model's answer.

    Raises:
        ServiceError: it has another form.
    """
    try:
        found = response.json()["predictions"]
    except (ValueError, LookupError, TypeError):
        found = None
    if not isinstance(found, list):
        raise ServiceError("The server's answer isn't a model's; is the address right?")
    return found


def encoded(file: File) -> str:
    """A file in base64.

    Raises:
        ServiceError: it can't be read.
    """
    if isinstance(file, bytes):
        return base64.b64encode(file).decode()
    try:
        return base64.b64encode(Path(file).read_bytes()).decode()
    except OSError as error:
        raise unreadable(file, error) from None


def unreadable(file: str | Path, error: OSError) -> ServiceError:
    """The error of a file that can't be read."""
    return ServiceError(f"'{file}' can't be read: {error.strerror or error}.")


def address(url: str) -> str:
    """Where predictions are asked for: of a server that is named without a path, `/invocations`.

    Raises:
        ServiceError: it is no address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ServiceError(f"'{url}' is not an address such as http://localhost:8080.")
    if parts.path in ("", "/"):
        parts = parts._replace(path="/invocations")
    return urlunsplit(parts)


def _wait(response: httpx2.Response) -> float | None:
    """When the server wants to be asked again; a date, or 0, is left to us."""
    given = response.headers.get("retry-after", "")
    return min(float(given), LONGEST_WAIT) or None if given.isdecimal() else None


def _fields(response: httpx2.Response) -> dict[str, Any]:
    """An error's fields."""
    try:
        return dict(response.json())
    except (ValueError, TypeError):
        return {}


def _said(response: httpx2.Response) -> str:
    """The server's sentence, or the first line of what it says instead."""
    said = str(_fields(response).get("message", response.text))
    return (said.strip().splitlines() or [response.reason_phrase])[0][:300]


def without_nulls(record: dict[str, Any]) -> dict[str, Any]:
    """A record as it would be without `on_error`: a field that is null everywhere has a default."""
    return {name: value for name, value in record.items() if value is not None}
