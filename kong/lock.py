"""Whether a run of this machine is at work on a model: the kernel's lock on a file.

The kernel lets go of it when the process ends, however it ends. So a journal whose lock is held
belongs to a run that lives, and one whose lock is free to a run that was killed.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kong.errors import KongError


@contextmanager
def held(journal: Path) -> Iterator[None]:
    """Holds the lock of a journal for as long as the block runs.

    Raises:
        KongError: another run holds it, or the folder can't be written.
    """
    file = journal.with_suffix(".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise KongError(f"The journal's folder '{file.parent}' can't be used: {error}.") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            writer = os.pread(descriptor, 20, 0).decode(errors="replace").strip()
            raise KongError(
                f"Another run works on {journal.stem} at this moment (process {writer}): wait for "
                "it, or stop it by Ctrl-C; then it puts back what it has changed."
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
