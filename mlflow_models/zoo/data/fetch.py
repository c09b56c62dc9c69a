"""Fetches photos by URL for batch jobs, from hosts that the operator names, and from nowhere else.

A URL in a request makes this machine open a connection for a stranger (server-side request
forgery). So the host must be allowed, and its address must be public (`zoo.data.connections`), or
the operator has named the host as a private one, also after each redirect. A proxy, which looks up
names itself, is used only if the operator names it.
"""

import email.utils
import fnmatch
import random
import ssl
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

import httpcore2

from zoo.data.connections import CheckedBackend, NotFetched, deadline
from zoo.data.images import is_image
from zoo.serving import runner
from zoo.settings import FetchSettings

MAX_URL_CHARACTERS = 4_000
CONNECTIONS, CONNECTIONS_PER_HOST = 32, 8  # at a time, each with a photo in memory
REDIRECTS = (301, 302, 303, 307, 308)
AGAIN = (408, 429, 500, 502, 503, 504)  # the next attempt may succeed
PORTS = {"http": 80, "https": 443}
PAGES = ("text/", "application/json", "application/xml", "application/xhtml")
HEADERS: dict[bytes | str, bytes | str] = {
    "User-Agent": "theresa (+image captions)",
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",  # photos are compressed already; more may be a bomb
}


class Fetcher:
    """Fetches photos; one object serves any number of threads, and keeps connections.

    Args:
        settings: The limits.
        private: Whether addresses that aren't public are allowed for all hosts, not only for those
            that the settings name: for tests, and for commands that a person runs.
        ssl_context: The certificates to trust. None: the system's.
    """

    def __init__(
        self,
        settings: FetchSettings | None = None,
        private: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = settings or FetchSettings()  # type: ignore[call-arg]
        own = _listed(self.settings.private_hosts)
        self._hosts = _listed(self.settings.hosts) + own
        self._own = {one.partition(":")[0] for one in own}
        options: dict[str, Any] = {
            "ssl_context": ssl_context,
            "max_connections": CONNECTIONS,
            "keepalive_expiry": 10.0,
        }
        checked = CheckedBackend(private or self._own)
        self._pool = httpcore2.ConnectionPool(**options, network_backend=checked)
        self._proxied = self._pool
        if self.settings.proxy:
            parts = urlsplit(self.settings.proxy)
            self._proxied = httpcore2.HTTPProxy(
                f"http://{parts.hostname}:{parts.port or 80}",
                (unquote(parts.username), unquote(parts.password or ""))
                if parts.username
                else None,
                **options,
                network_backend=CheckedBackend(private=True),
            )

    def __call__(self, url: str) -> bytes:
        """Fetch one photo.

        Returns:
            The file as it was sent; it may be something other than an image.

        Raises:
            NotFetched: The photo can't, or may not, be fetched.
        """
        if not self._hosts:
            raise NotFetched("is a URL, but no hosts are allowed here (THERESA_IMAGE_HOSTS)")
        deadline.set(time.monotonic() + self.settings.seconds)
        attempt = 0
        while True:
            runner.stop_if_cancelled()
            try:
                return self._follow(url)
            except _Again as error:
                attempt += 1
                wait = error.wait or random.uniform(0.2, 0.6) * 2**attempt
                if attempt >= self.settings.attempts or wait >= deadline.get() - time.monotonic():
                    raise NotFetched(str(error)) from None
                time.sleep(wait)

    def _follow(self, url: str) -> bytes:
        """Make one attempt, and follow redirects."""
        for _ in range(self.settings.redirects + 1):
            checked = self._check(url)
            answer = self._get(checked)
            if isinstance(answer, bytes):
                return answer
            try:
                url = urljoin(checked, answer)
            except ValueError:  # of brackets
                raise NotFetched("redirects to something that is not a URL") from None
        raise NotFetched(f"redirects more than {self.settings.redirects} times")

    def _check(self, url: str) -> str:
        """Check that a URL's form and host are allowed, and write it in ASCII."""
        try:
            parts = urlsplit(url if len(url) <= MAX_URL_CHARACTERS else "")
            host = (parts.hostname or "").rstrip(".").encode("idna").decode()
            port = parts.port or PORTS.get(parts.scheme, 0)
        except ValueError:  # of ports, brackets and labels
            host = ""
        if not host or parts.scheme not in PORTS or parts.username is not None:
            raise NotFetched("is not an http or https URL that can be fetched", permanent=True)
        if not any(_matches(host, port, pattern) for pattern in self._hosts):
            raise NotFetched("names a host or port that isn't allowed here (THERESA_IMAGE_HOSTS)")
        place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        return urlunsplit(
            (parts.scheme, place, path, quote(parts.query, safe="/%:@!$&'()*+,;=~?"), "")
        )

    def _get(self, url: str) -> bytes | str:
        """Get the body, or the address that the server redirects to."""
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self.settings.seconds)
        try:
            pool = self._pool if urlsplit(url).hostname in self._own else self._proxied
            with pool.stream(
                "GET", url, headers=HEADERS, extensions={"timeout": timeouts}
            ) as response:
                headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in response.headers
                }
                if response.status in REDIRECTS and "location" in headers:
                    return headers["location"]
                self._check_answer(response.status, headers)
                content = self._read(response.iter_stream())
        except httpcore2.TimeoutException:
            seconds = self.settings.seconds
            raise _Again(f"takes longer than {seconds:g} s to fetch") from None
        except (httpcore2.NetworkError, httpcore2.ProtocolError):
            raise _Again("can't be fetched: the connection failed") from None
        except httpcore2.ProxyError:
            raise NotFetched("can't be fetched: the proxy refuses it") from None
        except (OSError, ValueError, httpcore2.UnsupportedProtocol):
            raise NotFetched("can't be fetched") from None
        # some servers call every file a text
        if headers.get("content-type", "").lower().startswith(PAGES) and not is_image(content):
            raise NotFetched("leads to a page or a text, not to a photo", permanent=True)
        return content

    def _check_answer(self, status: int, headers: dict[str, str]) -> None:
        if status != 200:
            reason = f"can't be fetched: the server answered {status}"
            if status in AGAIN:
                raise _Again(reason, _retry_after(headers))
            raise NotFetched(reason, permanent=400 <= status < 500)
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise NotFetched("is sent compressed, which wasn't asked for")
        length = headers.get("content-length", "")
        if length.isdigit() and int(length) > self.settings.max_bytes:
            raise self._too_large()

    def _read(self, stream: Iterable[bytes]) -> bytes:
        parts, size = [], 0
        for part in stream:
            size += len(part)
            if size > self.settings.max_bytes:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _too_large(self) -> NotFetched:
        return NotFetched(f"leads to more than {self.settings.max_bytes:,} bytes")


class _Again(Exception):
    """A failure after which the next attempt may succeed; `wait` has the seconds until then."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def _retry_after(headers: dict[str, str]) -> float | None:
    """Read the seconds to wait from a header that has seconds or a date."""
    given = headers.get("retry-after", "")
    if given.isdigit():
        return float(given)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(given).timestamp() - time.time())
    except ValueError:
        return None


def _listed(text: str) -> list[str]:
    return [one.strip().lower() for one in text.split(",") if one.strip()]


def _matches(host: str, port: int, pattern: str) -> bool:
    """Tell whether an allowed host is meant; a pattern without a port stands for 80 and 443."""
    name, _, given = pattern.partition(":")
    ports = (given,) if given else ("80", "443")
    return fnmatch.fnmatchcase(host, name) and str(port) in ports
