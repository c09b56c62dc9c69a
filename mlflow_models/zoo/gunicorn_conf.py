"""gunicorn's settings that a command line can't say."""

import logging
import sys
from typing import Any

from prometheus_client import multiprocess

# One JSON line per request comes from the app; gunicorn's own log says when workers come and go.
logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
for name in ("theresa.access", "theresa.server"):
    logging.getLogger(name).setLevel(logging.INFO)


def child_exit(_server: Any, worker: Any) -> None:
    """Forgets the gauges of a worker that has gone."""
    multiprocess.mark_process_dead(worker.pid)
