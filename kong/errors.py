"""What can go wrong on the way to a route that works, each in one sentence for a person."""


class KongError(Exception):
    """Something that a person can mend; `code` is the exit status of the command."""

    code = 1


class NotOurs(KongError):
    """An object that is in the way and belongs to somebody else."""


class GatewayError(KongError):
    """The gateway refused a call, or can't be reached.

    Attributes:
        status: of HTTP; 0 where there was no answer.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class NotReady(KongError):
    """A model that doesn't answer, or not as it should."""


class Unwell(KongError):
    """A model that is not going to answer, whatever the patience."""


class NotRestored(KongError):
    """A change failed, and so did putting back what was there before."""

    code = 3


class Interrupted(BaseException):
    """Ctrl-C, or a signal to stop: not an error of the work, but a reason to put things back."""

    code = 130
