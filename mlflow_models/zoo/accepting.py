"""Takes connections from a socket that several workers listen on, and shares them evenly.

asyncio's server takes all that wait as soon as it wakes, so that the worker that wakes first has
them all. Here each takes one at a time, and one that has more than another lets that one go first.
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any

from zoo.shared import shared

YIELD_SECONDS = 0.02  # within which a worker with fewer connections wakes, even on a busy host
PAUSE_SECONDS = 1.0  # when there is no file descriptor left for a connection
log = logging.getLogger("theresa.server")


class Acceptor:
    """Takes connections while it is open.

    Args:
        sockets: Listening sockets.
        protocol: Makes the protocol of one connection.
        ssl: For TLS.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], protocol: Callable[[], asyncio.Protocol], ssl: Any
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sockets, self._protocol, self._ssl = sockets, protocol, ssl
        self._open, self._has_yielded = True, False
        self._connecting: set[asyncio.Task[None]] = set()
        for one in sockets:
            one.setblocking(False)
            self._watch(one)

    def close(self) -> None:
        """Take what waits, and then no more: with the last worker's, the sockets are closed."""
        self._open = False
        for one in self._sockets:
            self._loop.remove_reader(one)
            while self._accept(one):
                pass
            one.close()

    def _watch(self, one: socket.socket) -> None:
        if self._open:
            self._loop.add_reader(one, self._take, one)

    def _take(self, one: socket.socket) -> None:
        if shared.is_ahead and not self._has_yielded:
            self._has_yielded = True
            self._pause(one, YIELD_SECONDS)
        else:
            self._has_yielded = False
            self._accept(one)

    def _accept(self, one: socket.socket) -> bool:
        """Take a connection; returns whether one was there."""
        try:
            connection, _ = one.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False  # another worker has it, or the client has gone
        except OSError as error:
            log.error("No connection can be taken: %s.", error.strerror)
            self._pause(one, PAUSE_SECONDS)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)
        return True

    def _pause(self, one: socket.socket, seconds: float) -> None:
        self._loop.remove_reader(one)
        self._loop.call_later(seconds, self._watch, one)

    async def _connect(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection, ssl=self._ssl)
        except OSError:  # its TLS handshake failed, or it went away meanwhile
            connection.close()
