"""Reads a form with a file (multipart/form-data); the file goes where a body would."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from zoo.errors import BadInput, TooLarge, UnsupportedMedia
from zoo.serving import bodies
from zoo.settings import Settings

FRAME_BYTES = 1_000_000  # that fields and heads may have beside the file


@dataclass
class Form:
    """A form.

    Attributes:
        fields: The values of each field, by its name, in order.
        file: The file, or the path of a spooled one; None if there is none.
        file_field: The name of the file's field.
        file_name: The file's name, as the client tells it: never a place on the server.
        file_type: The file's content type.
    """

    fields: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    file: bytes | Path | None = None
    file_field: str = ""
    file_name: str = ""
    file_type: str = ""


async def read_form(
    request: Request, settings: Settings, max_fields: int = 64, frame_bytes: int = FRAME_BYTES
) -> Form:
    """Read a form that has at most one file.

    Args:
        request: The request.
        settings: The limits of size and time; a file may be as large as one that is the body.
        max_fields: How many fields the form may have.
        frame_bytes: What a field may have, and what the form may have beside its file.

    Raises:
        UnsupportedMedia: The body isn't a form, or it is compressed.
        BadInput: The form is malformed, has two files, or too many fields.
        TooLarge: The file, or a field, is larger than the limit.
        NoRoom: The spool's disk is full.
        TooSlow: The body didn't arrive in time.
        Cancelled: The client went away.
    """
    if bodies.is_gzipped(request):
        raise UnsupportedMedia("A form must not be compressed.")
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise UnsupportedMedia("Content-Type must be multipart/form-data, with its boundary.")
    reader = _PartReader(options[b"boundary"], settings, max_fields, frame_bytes)
    try:
        await bodies.receive(request, settings, reader.expect, reader.take)
        return await asyncio.to_thread(reader.form)
    finally:
        reader.sink.drop()


class _PartReader:
    """Takes a form piece by piece."""

    def __init__(
        self, boundary: bytes, settings: Settings, max_fields: int, frame_bytes: int
    ) -> None:
        self.sink = bodies.Sink(settings, file=True)
        self._max_fields, self._frame, self._size = max_fields, frame_bytes, 0
        self._form, self._complete = Form(), False
        self._head: dict[bytes, bytes] = {}
        self._name, self._value = bytearray(), bytearray()  # of a header; of a field the value
        self._field: str | None = None  # the name of the field that arrives; None for the file
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_head,
                    "on_part_data": self._take_data,
                    "on_part_end": self._end,
                    "on_end": self._finish,
                },
            )
        except FormParserError:
            raise _malformed() from None

    def expect(self, length: int) -> None:
        """Refuse a form by its length."""
        self.sink.expect(max(0, length - self._frame))

    def take(self, piece: bytes) -> None:
        """Take the next piece."""
        self._size += len(piece)
        if self._size > self.sink.limit + self._frame:
            raise self.sink.too_large()
        try:
            self._parser.write(piece)
        except FormParserError:
            raise _malformed() from None

    def form(self) -> Form:
        """Give the whole form."""
        if not self._complete:
            raise _malformed()
        if self._form.file_field:
            self._form.file = self.sink.taken()
        return self._form

    def _begin(self) -> None:
        self._head = {}
        self._name.clear()
        self._value.clear()

    def _end_header(self) -> None:
        self._head[bytes(self._name).lower()] = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _end_head(self) -> None:
        _, options = parse_options_header(self._head.get(b"content-disposition"))
        name = options.get(b"name")
        if not name:
            raise _malformed()
        if b"filename" not in options:
            self._field = _text(name)
            if sum(map(len, self._form.fields.values())) == self._max_fields:
                raise BadInput(f"The form has more than {self._max_fields:,} fields.")
            return
        if self._form.file_field:
            raise BadInput("The form has more than one file; send one.")
        self._field = None
        self._form.file_field = _text(name)
        self._form.file_name = options[b"filename"].decode(errors="replace")
        self._form.file_type = self._head.get(b"content-type", b"").decode("latin-1")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self.sink.write(data[start:end])
        elif len(self._value) + end - start > self._frame:
            raise TooLarge(f"A field of the form is larger than {self._frame:,} bytes.")
        else:
            self._value.extend(data[start:end])

    def _end(self) -> None:
        if self._field is not None:
            self._form.fields[self._field].append(_text(self._value))

    def _finish(self) -> None:
        self._complete = True


def _text(value: bytes | bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise BadInput("A field of the form is not in UTF-8.") from None


def _malformed() -> BadInput:
    return BadInput("The form is not valid multipart/form-data.")
