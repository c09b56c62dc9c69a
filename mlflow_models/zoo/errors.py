"""The errors that a person causes and can mend. Each carries the HTTP status that it stands for.

Anything else that is raised is a fault of ours (500). Messages are one sentence, name the input at
fault and never repeat its content.
"""


class ZooError(Exception):
    """A refusal with a one-sentence message. `status` is its HTTP status."""

    status = 500


class BadInput(ZooError):
    """A request that can't be answered as it was sent."""

    status = 400


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
