"""A transcript as a file, with the names that a person has given its speakers on the page."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from test_models.calls import ServiceError
from transcripts.answers import Transcript
from transcripts.formats import FORMATS
from transcripts.speakers import SpeakersUnknown

MAX_BYTES = 50_000_000  # a day's transcript, with words


def router() -> APIRouter:
    """`POST /asr/transcript?form=srt&file=NAME`, with a transcript in JSON; nothing is kept."""
    routes = APIRouter()

    @routes.post("/asr/transcript")
    async def transcript(request: Request, form: str = "txt", file: str = "") -> Response:
        try:
            body = await _body(request)
            return PlainTextResponse(await asyncio.to_thread(_file, body, form, file))
        except (ServiceError, SpeakersUnknown) as error:
            return PlainTextResponse(str(error), 400)

    return routes


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            raise ServiceError(f"The transcript is larger than {MAX_BYTES:,} bytes.")
    return bytes(body)


def _file(body: bytes, form: str, name: str) -> str:
    if form not in FORMATS:
        raise ServiceError(f"Format '{form[:40]}' not found; available: {', '.join(FORMATS)}.")
    try:
        return FORMATS[form](Transcript.model_validate_json(body), name)
    except (ValueError, OverflowError):  # of another form, or with times that are no numbers
        raise ServiceError("The request isn't a transcript.") from None
