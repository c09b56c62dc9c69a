"""The errors that a person causes and can mend. Each has its HTTP status.

Any other exception is a fault of ours (500). A message is one sentence: it names the wrong input,
and never repeats its content. Fields have what a program needs, so that no program has to read the
sentence.
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
        """What a program gets beside the message: `row`, `column`, `parameter`, `reason`."""
        return {}


class BadInput(ZooError):
    """A request that can't be answered as it was sent."""

    status = 400
    code = "BAD_REQUEST"


class NotFound(ZooError):
    """A model, or a version, that this server doesn't have."""

    status = 404
    code = "NOT_FOUND"


class NotAcceptable(BadInput):
    """An answer is asked for in a form that the model can't give."""

    status = 406
    code = "NOT_ACCEPTABLE"


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
    """A content type, or an encoding, that the server doesn't accept."""

    status = 415
    code = "UNSUPPORTED_MEDIA_TYPE"


class TooSlow(ZooError):
    """A request whose body didn't arrive in time."""

    status = 408
    code = "REQUEST_TIMEOUT"


class TooBusy(ZooError):
    """The server has as many requests as it accepts at a time."""

    status = 503
    code = "BUSY"


class Stopping(ZooError):
    """The server stops before the answer is complete."""

    status = 503
    code = "STOPPING"


class NoRoom(ZooError):
    """A file that doesn't fit into the server's spool."""

    status = 503
    code = "NO_ROOM"

    def __init__(self) -> None:
        super().__init__("The server has no room for a large file now; try again later.")


class OutOfMemory(ZooError):
    """A request that doesn't fit into the free memory, even in smaller batches."""

    status = 503
    code = "OUT_OF_MEMORY"

    def __init__(self) -> None:
        super().__init__(
            "The memory is too small for this request now; send fewer rows, or try again later."
        )


class TimedOut(ZooError):
    """A request that took longer than the server allows."""

    status = 504
    code = "TIMED_OUT"


class Cancelled(ZooError):
    """A request that nobody waits for any more."""

    status = 499  # nginx's number; only the log has it
    code = "CANCELLED"


class RowError(ZooError):
    """What went wrong with one row.

    Attributes:
        row: Counts from 0 within the request.
        column: The column that is wrong; None if the fault is ours.
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
        """The message without the row's number, for the row's own answer."""
        place = f"column '{self.column}'" if self.column else "this row"
        return f"{place[0].upper()}{place[1:]}: {self.reason}."


class BadRow(RowError, BadInput):
    """One row that can't be answered."""

    status = BadInput.status
    code = BadInput.code


class FailedRow(RowError):
    """A row on which the model failed, which is a fault of ours."""

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
