"""gunicorn's settings that a command line can't say."""

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


# gunicorn doesn't handle this signal while the model loads. A usual exit removes the folder.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def when_ready(_server: Any) -> None:
    """Have `/ready` say 503 from the moment at which the whole server is told to stop."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _stopping(signal.getsignal(number)))


def _stopping(then: Any) -> Any:
    """Wrap a signal's handler, so that it first marks the server as stopping."""

    def handle(number: int, frame: FrameType | None) -> None:
        shared.stopping = True
        then(number, frame)

    return handle


def nworkers_changed(_server: Any, new: int, _old: int | None) -> None:
    """Tell the workers how many they are."""
    shared.workers = new


def pre_fork(_server: Any, worker: Any) -> None:
    """Give a worker its slot of what they share."""
    worker.slot = shared.take()


def post_fork(_server: Any, worker: Any) -> None:
    """Tell a worker its slot."""
    shared.slot = worker.slot


def worker_exit(_server: Any, _worker: Any) -> None:
    """End a worker, when all is done, without the destructors of the engine's libraries.

    These wait for threads of the parent that a fork doesn't take along: for ever, or until they
    abort.
    """
    error = sys.exc_info()[1]
    code = error.code if isinstance(error, SystemExit) else int(error is not None)
    logging.shutdown()
    os._exit(code if isinstance(code, int) else 0)


def child_exit(_server: Any, worker: Any) -> None:
    """Forget the numbers of a worker that has gone."""
    multiprocess.mark_process_dead(f"slot{worker.slot}")
    shared.release(worker.slot)
