"""OpenAI's speech API in front of the speech models, so that the `openai` client works unchanged.

  client = openai.OpenAI(base_url="http://localhost:7860/v1", api_key="...")
  client.audio.transcriptions.create(model="whisper_asr", file=open("talk.wav", "rb"))

`POST /v1/audio/transcriptions` follows https://platform.openai.com/docs/api-reference/audio, with
`file`, `model`, `language`, `prompt`, `temperature`, `response_format`,
`timestamp_granularities[]`, `chunking_strategy`, `known_speaker_names[]` and
`known_speaker_references[]`; `GET /v1/models` names the speech models. The client's key goes on to
the gateway, where the service has none of its own. A language, prompt or temperature that a model
doesn't declare is left out. Errors have OpenAI's form, with the model's sentence.
"""

import math
import zlib
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

from test_models.calls import Refused, RowFailed, ServiceError, Unavailable
from test_models.openai_speakers import (
    CHUNKING,
    DIARIZED,
    MAX_KNOWN,
    MAX_REFERENCE_CHARACTERS,
    NAMES,
    REFERENCES,
    BadRequest,
    diarized,
    known_voices,
    speaker_params,
    vad,
    voices,
)
from test_models.services import Service, Services
from transcripts.answers import Segment, Transcript
from transcripts.formats import as_srt, as_text, as_vtt

FORMATS = ("json", "text", "srt", "verbose_json", "vtt", DIARIZED)
GRANULARITIES = ("segment", "word")
PROMPT = "initial_prompt"  # the model's name of OpenAI's `prompt`
FIELD_OF = {PROMPT: "prompt", "speakers": "response_format", "voices": REFERENCES,
            "return_voices": REFERENCES, "vad_threshold": CHUNKING}  # fmt: skip
FORM_BYTES = 100_000 + MAX_KNOWN * MAX_REFERENCE_CHARACTERS  # of the form's other fields
LANGUAGES = {"zh": "chinese", "th": "thai", "en": "english", "ja": "japanese", "yue": "cantonese"}
FIELDS = {"file", "model", "language", "prompt", "response_format", "temperature", "stream",
          "timestamp_granularities[]", "timestamp_granularities", "include[]",
          CHUNKING, *(f"{CHUNKING}[{one}]" for one in
                      ("type", "threshold", "prefix_padding_ms", "silence_duration_ms")),
          NAMES, f"{NAMES}[]", REFERENCES, f"{REFERENCES}[]"}  # fmt: skip


def router(services: Services, max_bytes: int) -> APIRouter:
    """The endpoint's routes."""
    routes = APIRouter(prefix="/v1")

    @routes.get("/models")
    async def models() -> JSONResponse:
        """The speech models."""
        named = [
            {"id": one.name, "object": "model", "created": 0, "owned_by": "theresa"}
            for one in await services.learned("asr")
        ]
        return JSONResponse({"object": "list", "data": named})

    @routes.post("/audio/transcriptions")
    async def transcriptions(request: Request) -> Response:
        """A recording's text."""
        try:
            return await _transcribe(services, request, max_bytes)
        except ServiceError as error:
            return _error(error)

    return routes


async def _transcribe(services: Services, request: Request, max_bytes: int) -> Response:
    limited = Request(request.scope, _limited(request.receive, max_bytes))
    try:
        async with limited.form(
            max_files=1, max_fields=30, max_part_size=MAX_REFERENCE_CHARACTERS
        ) as form:
            service = await _service(services, form)
            audio = await _audio(form, max_bytes)
            shape = _one_of(form, "response_format", FORMATS, "json")
            granularities = _granularities(form, shape)
            known = known_voices(_several(form, NAMES), _several(form, REFERENCES))
            params = _params(form, service)
    except HTTPException as error:
        raise BadRequest(None, f"The form can't be read: {error.detail}") from None
    if shape in ("srt", "vtt") or "word" in granularities:
        params |= service.described.only({"word_timestamps": True})
    if shape == DIARIZED:
        params |= speaker_params(service, known)
    elif known:
        raise BadRequest(NAMES, f"'{NAMES}' wants the response_format {DIARIZED}.")
    async with service.client(key=_key(request)) as client:
        if known:
            params["voices"] = await voices(client, known)
        transcript = await client.transcribe(audio, **params)
    if shape == DIARIZED:
        return JSONResponse(diarized(transcript))
    if shape == "json":
        return JSONResponse({"text": transcript.text})
    if shape == "verbose_json":
        return JSONResponse(verbose(transcript, granularities))
    return PlainTextResponse({"text": as_text, "srt": as_srt, "vtt": as_vtt}[shape](transcript))


def verbose(transcript: Transcript, granularities: list[str]) -> dict[str, Any]:
    """A transcript in the form of `verbose_json`."""
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": LANGUAGES.get(transcript.language or "", transcript.language or ""),
        "duration": transcript.duration,
        "text": transcript.text,
    }
    if "word" in granularities:
        answer["words"] = [
            {"word": word.text, "start": word.start, "end": word.end}
            for segment in transcript.segments
            for word in segment.words or []
        ]
    if "segment" in granularities:
        answer["segments"] = [_segment(segment) for segment in transcript.segments]
    return answer


def _segment(segment: Segment) -> dict[str, Any]:
    """A segment with all the fields that OpenAI's have; a CTC model has a confidence instead."""
    extra = segment.model_extra or {}
    confidence = math.log(max(segment.confidence, 1e-9)) if segment.confidence is not None else 0.0
    encoded = segment.text.encode()
    ratio = len(encoded) / len(zlib.compress(encoded)) if encoded else 0.0
    return {
        "id": segment.id,
        "seek": round(segment.start * 100),  # frames of 10 ms
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": extra.get("temperature", 0.0),
        "avg_logprob": confidence if segment.avg_logprob is None else segment.avg_logprob,
        "compression_ratio": extra.get("compression_ratio", ratio),
        "no_speech_prob": extra.get("no_speech_prob", 0.0),
    }


def _limited(receive: Receive, max_bytes: int) -> Receive:
    """The request's body, refused as soon as it is larger than a form with such a file."""
    left = max_bytes + FORM_BYTES

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large(max_bytes)
        return message

    return limited


async def _service(services: Services, form: FormData) -> Service:
    name = form.get("model")
    if not isinstance(name, str) or not name:
        raise BadRequest("model", "The field 'model' is missing.")
    known = [one.name for one in await services.learned("asr")]
    if name not in known:
        available = ", ".join(known) or "none"
        raise BadRequest("model", f"Model '{name}' not found; available: {available}.", 404)
    return services.named(name)


async def _audio(form: FormData, max_bytes: int) -> bytes:
    unknown = sorted(set(form) - FIELDS)
    if unknown:
        raise BadRequest(unknown[0], f"The field '{unknown[0]}' isn't known.")
    if str(form.get("stream", "false")).lower() == "true":
        raise BadRequest("stream", "The text isn't streamed; leave out 'stream'.")
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise BadRequest("file", "The field 'file' is missing, or isn't a file.")
    audio = await file.read()
    if not audio:
        raise BadRequest("file", "The file is empty.")
    if len(audio) > max_bytes:
        raise _too_large(max_bytes)
    return audio


def _too_large(max_bytes: int) -> BadRequest:
    return BadRequest("file", f"The file is larger than {max_bytes:,} bytes.", 413)


def _several(form: FormData, field: str) -> list[str]:
    """The items of a field that is a list; clients write its name with brackets, or without."""
    return [str(one) for name in (f"{field}[]", field) for one in form.getlist(name)]


def _one_of(form: FormData, field: str, known: tuple[str, ...], usual: str) -> str:
    given = str(form.get(field) or usual)
    if given not in known:
        raise BadRequest(field, f"'{field}' is none of {', '.join(known)}.")
    return given


def _granularities(form: FormData, shape: str) -> list[str]:
    """What `verbose_json` has times of."""
    given = _several(form, "timestamp_granularities")
    unknown = [one for one in given if one not in GRANULARITIES]
    if unknown:
        raise BadRequest("timestamp_granularities", f"'{unknown[0]}' is neither segment nor word.")
    if given and shape != "verbose_json":
        reason = "'timestamp_granularities' wants the response_format verbose_json."
        raise BadRequest("timestamp_granularities", reason)
    return given or ["segment"]


def _params(form: FormData, service: Service) -> dict[str, Any]:
    """The model's parameters, of those that it declares."""
    params = vad(form)
    if language := form.get("language"):
        params["language"] = language
    if prompt := form.get("prompt"):
        params[PROMPT] = prompt
    if temperature := form.get("temperature"):
        try:
            value = float(str(temperature))
        except ValueError:
            raise BadRequest("temperature", "'temperature' is not a number.") from None
        if not 0 <= value <= 1:
            raise BadRequest("temperature", "'temperature' isn't between 0 and 1.")
        if value:  # 0 is OpenAI's default: it then raises the temperature by itself, and so do we
            declared = service.described.takes("temperature")
            params["temperature"] = [value] if declared and declared.list else value
    return service.described.only(params)


def _key(request: Request) -> str | None:
    """The client's own key."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key or None if scheme.lower() == "bearer" else None


def _error(error: ServiceError) -> JSONResponse:
    """An error in OpenAI's form."""
    status, field, kind, message = 502, None, "server_error", str(error)
    if isinstance(error, BadRequest):
        status, field = error.status, error.field
    elif isinstance(error, RowFailed):
        status, field, message = 400, "file", f"The file: {error.reason}"
    elif isinstance(error, Refused):
        status, name = error.status, error.fields.get("parameter")
        field = FIELD_OF.get(str(name), name)
    elif isinstance(error, Unavailable):
        status = 503
    if status < 500:
        kind = "authentication_error" if status in (401, 403) else "invalid_request_error"
    content = {"message": message, "type": kind, "param": field, "code": None}
    return JSONResponse({"error": content}, status)
