"""gunicorn's settings that a command line can't have."""

import atexit
import logging
import os
import shutil
import signal
import sys
import tempfile
from types import FrameType
from typing import Any

# prometheus_client reads this when it is imported. Workers skip `atexit` when they end.
METRICS, MASTER = tempfile.mkdtemp(prefix="theresa-"), os.getpid()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS


@atexit.register
def _clean_up() -> None:
    if os.getpid() == MASTER:
        shutil.rmtree(METRICS, ignore_errors=True)


from prometheus_client import multiprocess, values  # noqa: E402

from zoo.serving.shared import shared  # noqa: E402

# Name the files of counts by slot, not by process: the file of a replaced worker would stay.
values.ValueClass = values.MultiProcessValue(lambda: f"slot{shared.slot}")

# One JSON line per request comes from the app; gunicorn's own log says when workers come and go.
logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
logging.getLogger("theresa").setLevel(logging.INFO)


# While the model loads, gunicorn doesn't handle this signal. A normal exit removes the folder.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def when_ready(_server: Any) -> None:
    """Make `/ready` answer 503 from the moment that the server is told to stop."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _stopping(signal.getsignal(number)))


def _stopping(then: Any) -> Any:
    """Wrap a signal's handler, so that it first marks the server as stopping."""

    def handle(number: int, frame: FrameType | None) -> None:
        shared.stopping = True
        then(number, frame)

    return handle


def nworkers_changed(_server: Any, new: int, _old: int | None) -> None:
    """Tell the workers how many of them there are."""
    shared.workers = new


def pre_fork(_server: Any, worker: Any) -> None:
    """Give a worker its slot in the shared memory."""
    worker.slot = shared.take()


def post_fork(_server: Any, worker: Any) -> None:
    """Tell a worker its slot."""
    shared.slot = worker.slot


def worker_exit(_server: Any, _worker: Any) -> None:
    """End a worker without the destructors of the engine's libraries.

    These destructors wait for threads that existed only before the fork: they hang, or abort.
    """
    error = sys.exc_info()[1]
    code = error.code if isinstance(error, SystemExit) else int(error is not None)
    logging.shutdown()
    os._exit(code if isinstance(code, int) else 0)


def child_exit(_server: Any, worker: Any) -> None:
    """Clear the numbers of a worker that has gone."""
    multiprocess.mark_process_dead(f"slot{worker.slot}")
    shared.release(worker.slot)
