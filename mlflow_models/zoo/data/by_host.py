"""Runs downloads side by side, so that a slow host delays its own downloads only."""

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar
from urllib.parse import urlsplit

Result = TypeVar("Result")


class HostQueues:
    """A pool of threads, of which each host may take a few at a time.

    Args:
        threads: Downloads at a time.
        per_host: Of these, from one host.
        name: Of the threads.
    """

    def __init__(self, threads: int, per_host: int, name: str = "download") -> None:
        self._pool, self._per_host = ThreadPoolExecutor(threads, name), per_host
        self._lock, self._running = threading.Lock(), Counter[str]()
        self._waiting: defaultdict[str, deque[Callable[[], None]]] = defaultdict(deque)

    def submit(self, host: str, work: Callable[[], Result]) -> "Future[Result]":
        """Run a download from a host, when it is the host's turn."""
        future: Future[Result] = Future()

        def step() -> None:
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:
                    future.set_exception(error)

        with self._lock:
            if self._running[host] == self._per_host:
                self._waiting[host].append(step)
                return future
            self._running[host] += 1
        self._pool.submit(self._run, host, step)
        return future

    def _run(self, host: str, step: Callable[[], None]) -> None:
        """Run a step. The host's next step then waits behind those of other hosts."""
        step()
        with self._lock:
            if not self._waiting[host]:
                del self._waiting[host]
                self._running -= Counter((host,))  # which forgets a host that has none
                return
            following = self._waiting[host].popleft()
        self._pool.submit(self._run, host, following)

    def close(self) -> None:
        """Leave out what hasn't begun, and wait for the rest."""
        with self._lock:
            self._waiting.clear()
        self._pool.shutdown(cancel_futures=True)


def place_of(url: str) -> str:
    """Give a URL's host, with its port if it has one, in lower case; empty for what is no URL."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        return f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return ""
