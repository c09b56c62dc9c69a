"""Asking again and again: until something is well, or whether it stays so."""

import time
from collections.abc import Callable

from kong.errors import GatewayError, NotReady
from kong.report import Reporter


def until(
    good: Callable[[], object],
    times: int,
    patience: float,
    every: float,
    report: Reporter,
    what: str,
) -> None:
    """Returns when a call has succeeded several times in a row.

    Raises:
        KongError: what it raised last, when patience is at an end.
    """
    end, row = time.monotonic() + patience, 0
    with report.waiting(what) as waiting:
        while True:
            try:
                good()
                row += 1
                if row >= times:
                    report.say(what)
                    return
            except (NotReady, GatewayError) as error:
                row = 0
                waiting.seen(str(error))
                if time.monotonic() >= end:
                    raise
            time.sleep(every)


def steady(
    good: Callable[[], object],
    seconds: float,
    every: float,
    report: Reporter,
    what: str,
    patience: float = 0.0,
) -> None:
    """Returns when a call has succeeded for so long, without one failure.

    Args:
        good: the call.
        seconds: for how long.
        every: seconds between two calls.
        report: says what happens.
        what: what is true then.
        patience: seconds in which a failure only means that the time begins anew.

    Raises:
        KongError: the first failure after that.
    """
    begun = time.monotonic()
    end = begun + seconds
    with report.waiting(what) as waiting:
        while True:
            try:
                good()
                if time.monotonic() >= end:
                    break
                waiting.seen("no failure")
            except (NotReady, GatewayError) as error:
                if time.monotonic() >= begun + patience:
                    raise
                waiting.seen(str(error))
                end = time.monotonic() + seconds
            time.sleep(every)
    report.say(what)
