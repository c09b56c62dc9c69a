"""A form that goes on to a model as it comes; what it names as its model is read on the way."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from typing import IO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from test_models.calls import ServiceError

OTHER_BYTES = 17_000_000  # of a form's other fields: four voices that the client knows
MEMORY_BYTES = 1_000_000  # of a form that are kept in memory until its model is known
PIECE_BYTES = 1 << 16
MAX_NAME_BYTES = 200


class BadRequest(ServiceError):
    """A request that goes to no model.

    Attributes:
        field: of the form, that is at fault.
        status: of HTTP.
    """

    def __init__(self, field: str | None, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.field, self.status = field, status


class PassedForm:
    """A request's form.

    Args:
        max_bytes: that its file may have, when its other fields are as large as they may be.

    Attributes:
        sent: set when all of it has gone on.

    Raises:
        BadRequest: it is none.
    """

    def __init__(self, request: Request, max_bytes: int) -> None:
        kind, options = parse_options_header(request.headers.get("content-type"))
        if kind != b"multipart/form-data" or not options.get(b"boundary"):
            reason = "Content-Type must be multipart/form-data, with its boundary."
            raise BadRequest(None, reason, 415)
        self.sent = asyncio.Event()
        self._field = _ModelField(options[b"boundary"])
        self._stream = _limited(request, max_bytes)
        self._kept: IO[bytes] = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115

    async def model(self) -> str:
        """The model that the form names; what comes before that is kept.

        Raises:
            BadRequest: it names none, or isn't well formed.
        """
        async for piece in self._stream:
            self._kept.write(piece)
            name = self._field.take(piece)
            if name is not None:
                return name
        raise BadRequest("model", "The field 'model' is missing.")

    async def pieces(self) -> AsyncIterator[bytes]:
        """The whole form."""
        with self._kept:
            self._kept.seek(0)
            while piece := self._kept.read(PIECE_BYTES):
                yield piece
        async for piece in self._stream:
            yield piece
        self.sent.set()


async def _limited(request: Request, max_bytes: int) -> AsyncIterator[bytes]:
    """The body, refused as soon as it is larger than a form with such a file."""
    left = max_bytes + OTHER_BYTES
    async for piece in request.stream():
        left -= len(piece)
        if left < 0:
            raise BadRequest("file", f"The file is larger than {max_bytes:,} bytes.", 413)
        yield piece


class _ModelField:
    """Finds a form's field `model`."""

    def __init__(self, boundary: bytes) -> None:
        self._name, self._value = bytearray(), bytearray()
        self._head: dict[bytes, bytes] = {}
        self._takes = False
        self._found: str | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._head.clear,
                "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_head,
                "on_part_data": self._take,
                "on_part_end": self._end,
            },
        )

    def take(self, piece: bytes) -> str | None:
        """The field's value, once it is known after a piece of the form.

        Raises:
            BadRequest: the form isn't well formed.
        """
        try:
            self._parser.write(piece)
        except FormParserError:
            raise BadRequest(None, "The form is not valid multipart/form-data.") from None
        return self._found

    def _end_header(self) -> None:
        self._head[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end_head(self) -> None:
        _, options = parse_options_header(self._head.get(b"content-disposition"))
        self._takes = options.get(b"name") == b"model" and b"filename" not in options

    def _take(self, data: bytes, start: int, end: int) -> None:
        if self._takes and len(self._value) < MAX_NAME_BYTES:
            self._value.extend(data[start:end])

    def _end(self) -> None:
        if self._takes and self._found is None:
            self._found = self._value[:MAX_NAME_BYTES].decode(errors="replace")
        self._value.clear()
