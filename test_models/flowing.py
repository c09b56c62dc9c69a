"""How a long recording goes to a model and its transcript comes back, without the network.

The recording is the body of the request, as it is. The answer flows (server-sent events): `segment`
as soon as one is final, `progress`, and at the end `done` with the whole record, or `error`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from pydantic import ValidationError

from test_models.calls import (
    File,
    Refused,
    RowFailed,
    ServiceError,
    Unavailable,
    failure,
    unreadable,
    without_nulls,
)
from transcripts.answers import Part, Segment, Transcript
from transcripts.speakers import attributed

EVENTS = "text/event-stream"
FILE = "application/octet-stream"  # the content decides what it is
LONG_SECONDS = 60.0  # a longer recording's answer flows
COMPRESSED = 3000  # bytes of a second of speech at 24 kbit/s; few recordings have fewer
HEAD_BYTES = 4096  # of a file, in which its header is looked for
PIECE_BYTES = 1 << 18
MAX_QUERY = 3000  # characters; a server takes about 4000 for the whole line
# The status that a plain answer would have had; of any other code it is 400.
STATUS = {"INTERNAL_ERROR": 500, "BUSY": 503, "STOPPING": 503, "OUT_OF_MEMORY": 503,
          "TIMED_OUT": 504}  # fmt: skip


class Progress(Part):
    """How far the model is: `seconds` of the recording's `duration`, where that is known."""

    seconds: float
    duration: float | None = None


Step = Segment | Progress | Transcript
"""A part of an answer that flows; the transcript is the last one, and whole."""

KINDS: dict[str, type[Step]] = {"segment": Segment, "progress": Progress, "done": Transcript}


class Broken(Unavailable):
    """The connection broke before the transcript was whole."""


def is_long(audio: File) -> bool:
    """Whether a recording may be longer than a minute: by its header (WAV, FLAC), or its size.

    Raises:
        ServiceError: it can't be read.
    """
    head, size = audio[:HEAD_BYTES] if isinstance(audio, bytes) else _head(audio), size_of(audio)
    if head[:4] in (b"RIFF", b"RF64") and (place := head.find(b"fmt ")) > 0:
        rate = int.from_bytes(head[place + 16 : place + 20], "little")
    elif head[:4] == b"fLaC" and (samples := (packed := _packed(head)) & (1 << 36) - 1):
        return samples > LONG_SECONDS * (packed >> 44)
    else:
        rate = 0
    return size > LONG_SECONDS * (rate or COMPRESSED)


def _packed(head: bytes) -> int:
    """FLAC's rate (20 bits), channels (3), bits per sample (5) and number of samples (36)."""
    return int.from_bytes(head[18:26], "big")


def _head(audio: str | Path) -> bytes:
    try:
        with Path(audio).open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise unreadable(audio, error) from None


def size_of(audio: File) -> int:
    """A recording's size in bytes.

    Raises:
        ServiceError: it isn't there.
    """
    if isinstance(audio, bytes):
        return len(audio)
    try:
        return Path(audio).stat().st_size
    except OSError as error:
        raise unreadable(audio, error) from None


async def pieces(audio: File) -> AsyncIterator[bytes]:
    """What is in a file; no more than a piece of it is in memory.

    Raises:
        ServiceError: it can't be read.
    """
    if isinstance(audio, bytes):
        yield audio
        return
    try:
        with Path(audio).open("rb") as file:
            while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
                yield piece
    except OSError as error:
        raise unreadable(audio, error) from None


def with_speakers(params: dict[str, Any], speakers: str | int | None) -> dict[str, Any]:
    """A model's parameters; it takes the number of speakers as a text."""
    return params if speakers is None else {**params, "speakers": str(speakers)}


def query(params: Mapping[str, Any]) -> str | None:
    """A model's parameters for the address; None: they are too long for one."""
    texts = {
        name: ",".join(value) if _are_texts(value) else _text(value)
        for name, value in params.items()
    }
    found = urlencode(texts)
    return found if len(found) <= MAX_QUERY else None


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def step(event: str, data: str) -> Step | None:
    """What an event says; None for a kind of event that this client doesn't know.

    Raises:
        RowFailed: the model can't hear the recording.
        ServiceError: the model failed, or the event isn't one of a transcript.
    """
    if event != "error" and event not in KINDS:
        return None
    try:
        fields = dict(json.loads(data))
        if event in KINDS:
            return named(KINDS[event].model_validate(without_nulls(fields)))
    except (ValidationError, ValueError, TypeError):
        raise ServiceError(f"The server's event '{event}' isn't one of a transcript.") from None
    said = str(fields.get("message", "it doesn't say why."))
    raise of_row(failure(STATUS.get(str(fields.get("error_code")), 400), said, fields))


def named(part: Step) -> Step:
    """A part whose channels, where they are heard apart, are speakers."""
    if isinstance(part, Segment):
        return attributed(Transcript(segments=[part])).segments[0]
    return attributed(part) if isinstance(part, Transcript) else part


def of_row(error: ServiceError, row: int = 0) -> ServiceError:
    """The error on the recording itself, as a request for several rows tells it; or any other."""
    fields = error.fields
    if not isinstance(error, Refused | Unavailable) or "row" not in fields:
        return error
    column, reason = fields.get("column"), fields.get("reason")
    return RowFailed(row, f"Column '{column}': {reason}." if column else str(error), fields)
