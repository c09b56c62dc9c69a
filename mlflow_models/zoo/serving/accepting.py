"""Accepts connections from a socket that several workers listen on, and shares them evenly.

asyncio's server accepts every waiting connection when it wakes, so one worker gets them all. Here a
worker accepts one at a time. A worker that has more connections than another waits a moment first.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from zoo.serving.shared import shared

WAIT_SECONDS = 0.02  # so a worker with fewer connections may take this one; enough on a busy host
STEP_SECONDS = 0.001  # between two checks of the other workers
MAX_WAITS_IN_VAIN = 10  # in a row
PAUSE_SECONDS = 1.0  # without waits, after these; without accepting, at the limit of open files
log = logging.getLogger("theresa.server")


class Acceptor:
    """Accepts connections while it is open.

    Args:
        sockets: Listening sockets.
        protocol: Makes the protocol of a connection.
        ssl: The context for TLS; None without TLS.
        handshake_seconds: How long TLS's handshake may take.
        shares: Whether other workers accept from these sockets, too.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        protocol: Callable[[], asyncio.Protocol],
        ssl: Any,
        handshake_seconds: float,
        shares: bool,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets, self._protocol, self._shares = sockets, protocol, shares
        self._tls: dict[str, Any] = {}
        if ssl is not None:
            self._tls = {"ssl": ssl, "ssl_handshake_timeout": handshake_seconds}
            self._tls["ssl_shutdown_timeout"] = PAUSE_SECONDS
        self._open, self._in_vain, self._next_wait = True, 0, 0.0
        self._connecting: set[asyncio.Task[None]] = set()
        for one in sockets:
            one.setblocking(False)
            self._watch(one)

    def close(self) -> None:
        """Accept the waiting connections, then close the sockets."""
        self._open = False
        for one in self._sockets:
            self._loop.remove_reader(one)
            while self._accept(one):
                pass
            one.close()

    @property
    def is_connecting(self) -> bool:
        """Whether an accepted connection has no protocol yet."""
        return bool(self._connecting)

    def _watch(self, one: socket.socket) -> None:
        if self._open:
            self._loop.add_reader(one, self._take, one)

    def _take(self, one: socket.socket) -> None:
        """Accept one connection; if another worker has fewer, first give it time to do so."""
        now = self._loop.time()
        if self._shares and shared.is_ahead and now >= self._next_wait:
            self._loop.remove_reader(one)
            self._wait(one, now + WAIT_SECONDS)
        else:
            self._accept(one)

    def _wait(self, one: socket.socket, until: float) -> None:
        if not self._open:
            return
        now, ahead = self._loop.time(), shared.is_ahead
        if ahead and now < until:
            self._loop.call_later(STEP_SECONDS, self._wait, one, until)
            return
        self._watch(one)
        in_vain = self._accept(one) and ahead
        self._in_vain = self._in_vain + 1 if in_vain else 0
        if self._in_vain >= MAX_WAITS_IN_VAIN:  # the other worker hangs: stop waiting for a while
            self._in_vain, self._next_wait = 0, now + PAUSE_SECONDS

    def _accept(self, one: socket.socket) -> bool:
        """Accept a connection; return whether one was waiting."""
        try:
            connection, _ = one.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another worker has it, or the client has gone
        except OSError as error:
            log.error("No connection can be accepted: %s.", error.strerror)
            self._pause(one, PAUSE_SECONDS)
            return False
        connection.setblocking(False)
        shared.connect(1)  # at once, or this worker would take all that come together
        task = self._loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return True

    def _pause(self, one: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(one)
        self._loop.call_later(seconds, self._watch, one)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, **self._tls)
        except OSError:  # the TLS handshake failed, or the client went away
            connection.close()
        finally:
            shared.connect(-1)
