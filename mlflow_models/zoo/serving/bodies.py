"""Reads a request's body within the limits of size and time."""

import asyncio
from pathlib import Path

from fastapi import Request
from starlette.requests import ClientDisconnect

from zoo.errors import Cancelled, TooLarge, TooSlow, UnsupportedMedia
from zoo.settings import Settings


async def read(request: Request, settings: Settings) -> bytes | Path:
    """Read a request's body.

    Args:
        request: The request; `is_gzipped` tells whether its body must be unpacked.
        settings: The limits.

    Returns:
        The body, as it was sent; or a file that has it.

    Raises:
        TooLarge: The body is larger than the limit.
        TooSlow: The body didn't arrive in time.
        Cancelled: The client went away.
    """
    limit = settings.max_body_bytes
    too_large = TooLarge(f"The body is larger than {limit:,} bytes.")
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > limit:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(settings.body_seconds):
            async for part in request.stream():
                size += len(part)
                if size > limit:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        raise TooSlow("The body didn't arrive in time.") from None
    except ClientDisconnect:
        raise Cancelled("The client went away.") from None
    return b"".join(parts)


def is_gzipped(request: Request) -> bool:
    """Tell whether a request's body is compressed by gzip.

    Raises:
        UnsupportedMedia: It is compressed by something else.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise UnsupportedMedia("Content-Encoding must be gzip or identity.")
    return encoding == "gzip"
