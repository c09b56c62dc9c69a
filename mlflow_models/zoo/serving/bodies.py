"""Reads a request's body within the limits of size and time; a large file goes to THERESA_SPOOL.

A file there has no name: whatever happens to the worker, nothing is left behind. Its path is
`/proc/self/fd/N`, and it lives as long as the `Path` object, so that no thread that still reads can
come upon another request's file.
"""

import asyncio
import gzip
import io
import logging
import os
import tempfile
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path, PosixPath
from typing import IO

from fastapi import Request
from starlette.requests import ClientDisconnect

from zoo.errors import BadInput, Cancelled, NoRoom, TooLarge, TooSlow, UnsupportedMedia
from zoo.serving import runner
from zoo.settings import Settings

PIECE_BYTES = 1 << 20  # that are written, or unpacked, at a time
MEMORY_BYTES = 8_000_000  # a larger file costs more in memory than on a disk
AS_BODY = "; send a file as the body itself, which takes less and may be larger"
NO_SPOOL = "; larger files are taken only where THERESA_SPOOL is set on the server"
log = logging.getLogger("theresa.server")


class SpooledPath(PosixPath):
    """The path of a file without a name; the file is closed when this object is gone."""

    @classmethod
    def of(cls, file: IO[bytes]) -> "SpooledPath":
        """Give the path of an open file."""
        path = cls(f"/proc/self/fd/{file.fileno()}")
        weakref.finalize(path, file.close)
        return path


class Sink:
    """Takes a body piece by piece: into memory, or into a file of THERESA_SPOOL.

    Args:
        settings: The limits.
        file: Whether the body is a file, which may be spooled.
        way: What the refusal of too large a body says besides.

    Attributes:
        limit: How many bytes it takes.
    """

    def __init__(self, settings: Settings, file: bool, way: str = "") -> None:
        most = settings.max_body_bytes
        self._spool = settings.spool if file else ""
        self.limit = max(most, settings.spool_bytes) if self._spool else most
        self._in_memory = min(most, MEMORY_BYTES) if self._spool else most
        self._way = NO_SPOOL if file and not self._spool else way
        self._parts: list[bytes] = []
        self._size = 0
        self._file: IO[bytes] | None = None

    def expect(self, length: int) -> None:
        """Refuse a body by its length, before it is there.

        Raises:
            TooLarge: It is larger than the limit.
            NoRoom: The spool's disk is too full for it.
        """
        if length > self.limit:
            raise self.too_large()
        if length > self._in_memory:
            disk = os.statvfs(self._spool)
            if length > disk.f_bavail * disk.f_frsize:
                raise NoRoom()

    def write(self, piece: bytes) -> None:
        """Take the next piece; this may wait for a disk.

        Raises:
            TooLarge: The body is larger than the limit.
            NoRoom: The disk is full, or can't be written to.
        """
        self._size += len(piece)
        if self._size > self.limit:
            raise self.too_large()
        if self._size <= self._in_memory:
            self._parts.append(piece)
            return
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._spool)  # noqa: SIM115
                self._file.writelines(self._parts)
                self._parts.clear()
            self._file.write(piece)
        except OSError as error:
            raise self._no_room(error) from None

    def taken(self) -> bytes | Path:
        """Give the whole body, or the file that has it; nothing can be written any more.

        Raises:
            NoRoom: The disk is full, or can't be written to.
        """
        if self._file is None:
            return b"".join(self._parts)
        try:
            self._file.flush()
        except OSError as error:
            raise self._no_room(error) from None
        return SpooledPath.of(self._file)

    @property
    def spooled(self) -> bool:
        """Whether the body goes to a file."""
        return self._file is not None

    def drop(self) -> None:
        """Give up what was written; a thread that still writes ends first."""
        self._file = None
        self._parts = []

    def too_large(self) -> TooLarge:
        """Make the refusal of what is larger than the limit; it says what is possible."""
        return TooLarge(f"The body is larger than {self.limit:,} bytes{self._way}.")

    def _no_room(self, error: OSError) -> NoRoom:
        log.error("THERESA_SPOOL=%r can't be written to: %s", self._spool, error)
        self.drop()
        return NoRoom()


async def read(
    request: Request, settings: Settings, file: bool = False, way: str = ""
) -> bytes | Path:
    """Read a request's body.

    Args:
        request: The request; `is_gzipped` tells whether its body must be `unpacked`.
        settings: The limits.
        file: Whether the body is a file. A large one is spooled, where THERESA_SPOOL is set.
        way: What the refusal of too large a body says besides, such as `AS_BODY`.

    Returns:
        The body, as it was sent; or the path of a file that has it.

    Raises:
        TooLarge: The body is larger than the limit.
        NoRoom: The spool's disk is full.
        TooSlow: The body didn't arrive in time.
        Cancelled: The client went away.
    """
    sink = Sink(settings, file, way)
    try:
        await receive(request, settings, sink.expect, sink.write)
        return await asyncio.to_thread(sink.taken) if sink.spooled else sink.taken()
    finally:
        sink.drop()


async def receive(
    request: Request,
    settings: Settings,
    expect: Callable[[int], None],
    take: Callable[[bytes], None],
) -> None:
    """Receive a request's body piece by piece.

    The event loop goes on meanwhile: but for a small body, `take` is called in a thread.

    Args:
        request: The request.
        settings: The limits of time: THERESA_BODY_SECONDS for each THERESA_MAX_BODY_BYTES.
        expect: Called with the body's length, where the client tells it; raises a refusal.
        take: Called with each piece; raises a refusal.

    Raises:
        TooSlow: The body didn't arrive in time.
        Cancelled: The client went away.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        expect(int(length))
    start, size = asyncio.get_running_loop().time(), 0
    parts: list[bytes] = []
    waiting = 0
    try:
        async with asyncio.timeout(settings.body_seconds) as deadline:
            async for part in request.stream():
                size += len(part)
                allowed = settings.body_seconds * (1 + size // settings.max_body_bytes)
                deadline.reschedule(start + allowed)
                parts.append(part)
                waiting += len(part)
                if waiting >= PIECE_BYTES:
                    piece, parts, waiting = b"".join(parts), [], 0
                    await asyncio.to_thread(take, piece)
            piece = b"".join(parts)
            if size > PIECE_BYTES:
                await asyncio.to_thread(take, piece)
            else:
                take(piece)
    except TimeoutError:
        raise TooSlow("The body didn't arrive in time.") from None
    except ClientDisconnect:
        raise Cancelled("The client went away.") from None


def is_gzipped(request: Request) -> bool:
    """Tell whether a request's body is compressed by gzip.

    Raises:
        UnsupportedMedia: It is compressed by something else.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("Content-Encoding must be gzip or identity.")
    return encoding == "gzip"


def unpacked(body: bytes | Path, settings: Settings, file: bool = False) -> bytes | Path:
    """Unpack a body that is compressed by gzip, in the thread of its request.

    Args:
        body: As `read` gives it.
        settings: The limits, which hold for what is unpacked, too.
        file: As `read` takes it.

    Raises:
        BadInput: The body is not valid gzip.
        TooLarge: What is unpacked is larger than the limit.
        NoRoom: The spool's disk is full.
        Cancelled: Nobody waits for it any more.
    """
    sink = Sink(settings, file)
    try:
        with gzip.open(body if isinstance(body, Path) else io.BytesIO(body)) as packed:
            while piece := packed.read(PIECE_BYTES):
                runner.stop_if_cancelled()
                sink.write(piece)
        return sink.taken()
    except (OSError, EOFError, zlib.error):
        raise BadInput("The body is not valid gzip.") from None
    except TooLarge as error:
        reason = str(error).replace(" bytes", " bytes when it is unpacked", 1)
        raise TooLarge(reason) from None
    finally:
        sink.drop()
