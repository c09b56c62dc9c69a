"""gunicorn's settings that a command line can't say."""

import asyncio
import logging
import os
import sys
from typing import Any

from prometheus_client import multiprocess

from zoo.server import Observed

# One JSON line per request comes from the app; gunicorn's own log says when workers come and go.
logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
logging.getLogger("theresa").setLevel(logging.INFO)


def post_worker_init(worker: Any) -> None:
    """Lets a worker that was told to stop leave as soon as no request is in flight."""
    worker.leaving = worker.loop.create_task(_leave_when_idle(worker))  # kept, or it is collected


async def _leave_when_idle(worker: Any) -> None:
    # gunicorn 26.2 waits for idle connections too, such as a gateway keeps, and never closes them.
    while worker.alive:
        await asyncio.sleep(0.1)
    idle = 0
    while idle < 5:  # half a second, for the last answers to leave their buffers
        await asyncio.sleep(0.1)
        idle = 0 if Observed.in_progress else idle + 1
    worker.handle_quit_signal()


def worker_exit(_server: Any, _worker: Any) -> None:
    """Ends a worker, when all is done, without the destructors of the engine's libraries.

    These wait for threads of the parent that a fork doesn't take along: for ever, or until they
    abort.
    """
    error = sys.exc_info()[1]
    code = error.code if isinstance(error, SystemExit) else int(error is not None)
    logging.shutdown()
    os._exit(code if isinstance(code, int) else 0)


def child_exit(_server: Any, worker: Any) -> None:
    """Forgets the gauges of a worker that has gone."""
    multiprocess.mark_process_dead(worker.pid)
