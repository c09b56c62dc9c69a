"""The errors that a person causes and can mend. Each carries the HTTP status that it stands for.

Anything else that is raised is a fault of ours (500). Messages are one sentence, name the input at
fault and never repeat its content.
"""


class ZooError(Exception):
    """A refusal with a one-sentence message. `status` is its HTTP status, `code` its name."""

    status = 500
    code = "INTERNAL_ERROR"


class BadInput(ZooError):
    """A request that can't be answered as it was sent."""

    status = 400
    code = "BAD_REQUEST"


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


class Busy(ZooError):
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


class BadRow(BadInput):
    """One row that can't be answered. `row` counts from 0 within the request."""

    def __init__(self, row: int, column: str, reason: str) -> None:
        super().__init__(f"Row {row}, column '{column}': {reason}.")
        self.row = row


class BadParameter(BadInput):
    """A parameter of the request (`params`) that is unknown or has a wrong type or value."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"Parameter '{name}': {reason}.")


class CheckpointError(ZooError):
    """A checkpoint that is missing, incomplete, or not safe to load."""
