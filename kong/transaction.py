"""All of a change to the gateway, or nothing: what was done before a failure is undone.

Every step's inverse is in the journal, a file, before the step is done. A run that fails, or is
told to stop, undoes its steps backwards; one that was killed leaves the journal, from which
`register.py rollback --journal` does the same.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from kong.admin import Admin
from kong.errors import GatewayError, Interrupted, KongError, NotRestored
from kong.lock import held
from kong.report import Reporter
from kong.steps import AdminCall, Step, to_json

PATIENCE = 60.0  # seconds that putting back goes on against a gateway that doesn't answer
FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0  # seconds between two attempts
STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Transaction:
    """The steps that were begun, and how to undo them.

    Args:
        admin: the gateway.
        journal: the file; there must be none yet.
        report: says what happens.
        patience: seconds that putting back goes on against a gateway that doesn't answer.
    """

    def __init__(
        self, admin: Admin, journal: Path, report: Reporter, patience: float = PATIENCE
    ) -> None:
        self._admin, self._journal, self._report = admin, journal, report
        self._patience = patience
        self._undo: list[AdminCall] = []

    def do(self, step: Step) -> None:
        """Does a step.

        Raises:
            GatewayError: it failed. If it may have been done all the same, it will be undone.
        """
        if step.undo:
            self._undo.append(step.undo)
            self._write()
        try:
            self._admin.call(step.do.method, step.do.path, step.do.body)
        except GatewayError as error:
            if step.undo and 400 <= error.status < 500:  # Kong says that it didn't
                self._undo.pop()
                self._write()
            raise
        self._report.say(step.says)

    def restore(self) -> None:
        """Undoes what was begun.

        Raises:
            NotRestored: the gateway wouldn't; the journal stays.
        """
        undo(self._admin, self._undo, self._patience, self._report)
        self.forget()

    @property
    def begun(self) -> bool:
        """Whether there is anything to undo."""
        return bool(self._undo)

    def forget(self) -> None:
        """Nothing is to be undone any more."""
        self._undo.clear()
        with suppress(FileNotFoundError):
            self._journal.unlink()

    def _write(self) -> None:
        """Replaces the journal at once, so that it is never half a file; only we may read it."""
        if not self._undo:
            self.forget()
            return
        fresh = self._journal.with_suffix(".new")
        with suppress(FileNotFoundError):
            fresh.unlink()
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(
                {"admin": self._admin.url, "undo": [to_json(one) for one in self._undo]}, file
            )
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._journal)


def undo(admin: Admin, calls: Sequence[AdminCall], patience: float, report: Reporter) -> None:
    """Undoes calls, last first, against a gateway that may not answer at once.

    Raises:
        NotRestored: not all could be undone in time.
    """
    end, refusals = time.monotonic() + patience, []
    for call in reversed(calls):
        wait = FIRST_WAIT
        while True:
            try:
                _undo_one(admin, call)
                break
            except GatewayError as error:
                if 400 <= error.status < 500:  # no use in asking again; the others may be undone
                    refusals.append(str(error))
                    break
                if time.monotonic() + wait > end:
                    raise NotRestored(str(error)) from error
            time.sleep(wait)  # the gateway tells nobody when it is back
            wait = min(LONGEST_WAIT, 2 * wait)
    if refusals:
        raise NotRestored(" ".join(refusals))
    if calls:
        report.say("the gateway is as it was before")


def _undo_one(admin: Admin, call: AdminCall) -> None:
    """What was never done, or is undone already, is fine."""
    try:
        admin.call(call.method, call.path, call.body, missing_is_fine=call.method == "DELETE")
    except GatewayError as error:
        there_again = call.method == "POST" and error.status == 409
        if not there_again:
            raise


@contextmanager
def transaction(
    admin: Admin,
    journal: Path,
    report: Reporter,
    patience: float = PATIENCE,
    snapshot: Callable[[], Any] | None = None,
) -> Iterator[Transaction]:
    """Undoes the block's steps if it fails, is interrupted or told to stop.

    Args:
        admin: the gateway.
        journal: where the inverses are kept meanwhile.
        report: says what happens.
        patience: seconds that putting back goes on against a gateway that doesn't answer.
        snapshot: reads what must be the same after putting back.

    Raises:
        KongError: another run is at work, or was killed and has left its journal.
        NotRestored: putting back failed as well.
    """
    with held(journal), stoppable(report) as restoring:
        if journal.exists():
            raise KongError(
                f"A run was killed and has left '{journal}': put back what was there before with "
                f"`python kong/register.py rollback --journal {journal}`."
            )
        work = Transaction(admin, journal, report, patience)
        before = snapshot() if snapshot else None
        try:
            yield work
        except BaseException as error:
            restoring.set()  # from here on, signals wait
            if work.begun:
                _put_back(work, error, journal, report)
                _compare(snapshot, before, error)
            raise
        work.forget()


def _put_back(work: Transaction, error: BaseException, journal: Path, report: Reporter) -> None:
    report.warn(f"putting back what was there before: {error}")
    try:
        work.restore()
    except NotRestored as trouble:
        raise NotRestored(
            f"{error} What was there before could not be put back: {trouble} Once the gateway "
            f"answers, `python kong/register.py rollback --journal {journal}` does it."
        ) from error


def _compare(snapshot: Callable[[], Any] | None, before: Any, error: BaseException) -> None:
    """Believes nobody that all is as before, unless the gateway can't be asked."""
    try:
        same = snapshot is None or snapshot() == before
    except GatewayError:
        return
    if not same:
        raise NotRestored(
            f"{error} Everything was undone, yet the gateway isn't as before: somebody else "
            "changed it meanwhile. See `python kong/register.py status`."
        ) from error


@contextmanager
def stoppable(report: Reporter) -> Iterator[threading.Event]:
    """Turns signals to stop into `Interrupted`, until the event is set: then they are held back."""
    restoring = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        if restoring.is_set():
            report.warn("wait: the gateway is being put back as it was")
            return
        restoring.set()
        raise Interrupted(f"Stopped by {signal.Signals(number).name}.")

    if threading.current_thread() is not threading.main_thread():
        yield restoring
        return
    old = {number: signal.signal(number, stop) for number in STOP}
    try:
        yield restoring
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def read_journal(path: Path) -> tuple[str, list[AdminCall]]:
    """The gateway's address and the calls to undo, first to last.

    Raises:
        KongError: it is no journal.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return str(document["admin"]), [AdminCall(**call) for call in document["undo"]]
    except (OSError, ValueError, LookupError, TypeError):
        raise KongError(f"'{path}' is not the journal of a run that was killed.") from None
