"""Downloads photos once: in parallel, politely, restartable, into a folder by their addresses.

A file has its name only when it is complete, so that a run that was killed goes on where it was,
and leaves no half photo. What is gone for good (404, a page instead of a photo) is remembered, too;
what may be there at the next run is not (a server that is busy, a connection that breaks, a file
that is no photo though the server calls it one).
"""

import hashlib
import random
import threading
import time
from collections.abc import Iterable
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from zoo.data.by_host import HostQueues, place_of
from zoo.data.fetch import Fetcher, NotFetched
from zoo.data.images import is_image
from zoo.data.outputs import PART, whole_file, write_text
from zoo.errors import ZooError
from zoo.settings import FetchSettings


@dataclass(frozen=True)
class Manners:
    """How much is asked of a server.

    Args:
        connections: downloads at a time.
        per_host: downloads at a time from one host. One that asks to wait (Retry-After) keeps its
            place meanwhile, so that the host gets its rest.
        pause: seconds between the starts of two downloads from one host.
        attempts: for one photo, with pauses that double, or last as long as the server asks.
        seconds: for one photo, all attempts together.
        max_bytes: a larger photo is refused.
    """

    connections: int = 16
    per_host: int = 4
    pause: float = 0.1
    attempts: int = 5
    seconds: float = 120.0
    max_bytes: int = 50_000_000


class Pause:
    """A host's pause between the starts of two downloads."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._lock, self._next = seconds, threading.Lock(), 0.0

    def wait(self) -> None:
        """Wait until the host's next download may start."""
        with self._lock:
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + self._seconds * random.uniform(0.8, 1.2)
        time.sleep(start - now)


class Cache:
    """A folder of photos by the hashes of their addresses. One run at a time may use it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ZooError(f"--cache '{folder}' can't be made: {error.strerror}.") from error
        for left in folder.glob(f"*/{PART}*"):  # of a run that was killed
            left.unlink()

    def path(self, url: str) -> Path:
        """Where the photo of an address is, or will be."""
        name = hashlib.sha256(url.encode()).hexdigest()
        return self.folder / name[:2] / name

    def failure(self, url: str) -> str:
        """Why an address has no photo, as an earlier run found; empty where it isn't known."""
        path = self.path(url).with_suffix(".failed")
        return path.read_text(encoding="utf-8").strip() if path.is_file() else ""

    def keep(self, url: str, content: bytes) -> None:
        """Keeps a photo."""
        with whole_file(self.path(url)) as part:
            part.write_bytes(content)

    def give_up(self, url: str, reason: str) -> None:
        """Remembers that there is no photo."""
        write_text(self.path(url).with_suffix(".failed"), reason)

    def forget_failures(self) -> None:
        """Lets all that failed be tried again."""
        for path in self.folder.glob("*/*.failed"):
            path.unlink()


def download_all(
    urls: Iterable[str], cache: Cache, manners: Manners, private: bool = False
) -> dict[str, str]:
    """Downloads what the cache lacks.

    Args:
        urls: the addresses; each is fetched once, however often it is there.
        cache: where to.
        manners: how much is asked of the servers.
        private: whether addresses within this machine and its network are allowed.

    Returns:
        For each address without a photo, why there is none.
    """
    from tqdm import tqdm

    wanted = list(dict.fromkeys(urls))
    failed = {url: reason for url in wanted if (reason := cache.failure(url))}
    missing = [url for url in wanted if url not in failed and not cache.path(url).is_file()]
    if not missing:
        return failed
    places = {place for url in missing if (place := place_of(url))}
    pauses = {place: Pause(manners.pause) for place in {*places, ""}}
    settings = FetchSettings(
        hosts=",".join(["*", *sorted(place for place in places if ":" in place)]),
        max_bytes=manners.max_bytes,
        seconds=manners.seconds,
        attempts=manners.attempts,
        redirects=5,
    )
    fetch = Fetcher(settings, private)

    def download(url: str) -> str:
        pauses[place_of(url)].wait()
        try:
            content = fetch(url)
        except NotFetched as error:
            if error.permanent:
                cache.give_up(url, str(error))
            return str(error)
        if not is_image(content):
            return "leads to a file that is no photo" if content else "leads to an empty file"
        cache.keep(url, content)
        return ""

    queues = HostQueues(manners.connections, manners.per_host)
    try:
        started = {queues.submit(place_of(url), partial(download, url)): url for url in missing}
        done = tqdm(as_completed(started), total=len(started), desc="download", unit="photo")
        for future in done:
            if reason := future.result():
                failed[started[future]] = reason
    finally:
        queues.close()
    return failed
