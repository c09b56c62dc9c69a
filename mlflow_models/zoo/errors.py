"""The errors that a person causes and can mend. Each carries the HTTP status that it stands for.

Anything else that is raised is a fault of ours (500). Messages are one sentence, name the input at
fault and never repeat its content. What a program needs of an error stands in fields, so that
nobody has to read the sentence.
"""

from typing import Any


class ZooError(Exception):
    """A refusal with a one-sentence message.

    Attributes:
        status: Its HTTP status.
        code: Its name.
    """

    status = 500
    code = "INTERNAL_ERROR"

    @property
    def fields(self) -> dict[str, Any]:
        """What a program is told besides: `row`, `column`, `parameter`, `reason`, as they apply."""
        return {}


class BadInput(ZooError):
    """A request that can't be answered as it was sent."""

    status = 400
    code = "BAD_REQUEST"


class NotFound(ZooError):
    """A model, or a version, that this server doesn't have."""

    status = 404
    code = "NOT_FOUND"


class TooLarge(BadInput):
    """A body, or a number of rows, over the server's limit."""

    status = 413
    code = "TOO_LARGE"


class TargetTooLong(TooLarge):
    """A request line over the server's limit."""

    status = 414
    code = "TARGET_TOO_LONG"


class HeadTooLarge(TooLarge):
    """A request's headers over the server's limit."""

    status = 431
    code = "HEAD_TOO_LARGE"


class UnsupportedMedia(BadInput):
    """A content type, or an encoding, that isn't taken."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class TooSlow(ZooError):
    """A request whose body didn't arrive in time."""

    status = 408
    code = "REQUEST_TIMEOUT"


class TooBusy(ZooError):
    """The server has as many requests as it takes at once."""

    status = 503
    code = "BUSY"


class TimedOut(ZooError):
    """A request that took longer than the server allows."""

    status = 504
    code = "TIMED_OUT"


class Cancelled(ZooError):
    """A request that nobody waits for any more."""

    status = 499  # as nginx has it; nobody reads it but the log
    code = "CANCELLED"


class RowError(ZooError):
    """What went wrong with one row.

    Attributes:
        row: Counts from 0 within the request.
        column: The column at fault; None where the fault is ours.
        reason: What is wrong, without row and column.
    """

    def __init__(self, row: int, column: str | None, reason: str) -> None:
        self.row, self.column, self.reason = row, column, reason
        place = f"row {row}" + (f", column '{column}'" if column else "")
        super().__init__(f"{place[0].upper()}{place[1:]}: {reason}.")

    @property
    def fields(self) -> dict[str, Any]:
        return {"row": self.row, "column": self.column, "reason": self.reason}

    @property
    def sentence(self) -> str:
        """The message without the row's number, for an answer that stands in the row's place."""
        place = f"column '{self.column}'" if self.column else "this row"
        return f"{place[0].upper()}{place[1:]}: {self.reason}."


class BadRow(RowError, BadInput):
    """One row that can't be answered."""

    status = BadInput.status
    code = BadInput.code


class FailedRow(RowError):
    """A row that the model failed on, which is a fault of ours."""

    def __init__(self, row: int) -> None:
        super().__init__(row, None, "the model failed on it")


class BadParameter(BadInput):
    """A parameter of the request (`params`) that is unknown or has a wrong type or value."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"Parameter '{name}': {reason}.")
        self.name, self.reason = name, reason

    @property
    def fields(self) -> dict[str, Any]:
        return {"parameter": self.name, "reason": self.reason}


class CheckpointError(ZooError):
    """A checkpoint that is missing, incomplete, or not safe to load."""
