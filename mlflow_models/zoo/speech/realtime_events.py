"""The events of OpenAI's realtime protocol, as far as it transcribes: the client's and ours.

Both of its forms are known: the present one, and the older beta, whose session is flat and has
other names. Fields that we don't know are ignored: the protocol grows.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from zoo.data.pcm import TELEPHONE_RATE, Encoding
from zoo.errors import BadInput

MAX_TEXT_CHARACTERS = 10_000
MAX_PARAMS_CHARACTERS = 50_000  # of JSON
Keyword = Annotated[str, Field(max_length=200)]
MAX_NAME_CHARACTERS = 512  # of an event's id, as the protocol says
TRANSCRIPTION = "conversation.item.input_audio_transcription"
BETA_FORMATS: dict[str, Encoding] = {
    "pcm16": "audio/pcm",
    "g711_ulaw": "audio/pcmu",
    "g711_alaw": "audio/pcma",
}
BETA_FIELDS = {  # names in the flat session, and in the present one
    "input_audio_format": "format",
    "input_audio_transcription": "transcription",
    "input_audio_noise_reduction": "noise_reduction",
    "turn_detection": "turn_detection",
}


class BadEvent(BadInput):
    """An event of the client that can't be done; the stream goes on.

    Attributes:
        name: What is wrong, for programs: the error's `code`.
        parameter: The field, such as `session.audio.input.format`, or None.
    """

    def __init__(self, message: str, name: str = "invalid_value", parameter: str | None = None):
        super().__init__(message)
        self.name, self.parameter = name, parameter


class Format(BaseModel):
    """How the sound is written."""

    type: Encoding = "audio/pcm"
    rate: int = Field(24_000, ge=8_000, le=48_000)  # Hz

    @property
    def hertz(self) -> int:
        """Samples per second."""
        return self.rate if self.type == "audio/pcm" else TELEPHONE_RATE


class Transcription(BaseModel):
    """How to transcribe; `params` are the model's own, by name, which the protocol doesn't have."""

    model: str | None = Field(None, max_length=200)
    language: str | None = Field(None, max_length=200)
    prompt: str | None = Field(None, max_length=MAX_TEXT_CHARACTERS)
    keywords: tuple[Keyword, ...] | None = Field(None, max_length=1_000)
    params: dict[str, Any] | None = None

    @field_validator("params")
    @classmethod
    def _small(cls, params: dict[str, Any] | None) -> dict[str, Any] | None:
        """Bound them: they are in the answer, too."""
        if len(json.dumps(params)) > MAX_PARAMS_CHARACTERS:
            raise ValueError(f"has more than {MAX_PARAMS_CHARACTERS:,} characters")
        return params


class ServerVad(BaseModel):
    """When the server ends an item: after speech, and so much silence."""

    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(0.5, ge=0, le=1)
    prefix_padding_ms: int = Field(300, ge=0, le=5_000)
    silence_duration_ms: int = Field(500, ge=100, le=10_000)


class NoiseReduction(BaseModel):
    """Of the client's microphone. The models hear noise anyway, so it changes nothing."""

    type: Literal["near_field", "far_field"] | None = None


class SoundInput(BaseModel):
    """A session's settings: `audio.input` of the protocol."""

    format: Format = Format()
    transcription: Transcription = Transcription()
    turn_detection: ServerVad | None = ServerVad()
    noise_reduction: NoiseReduction | None = None

    def updated(self, given: Any, place: str) -> "SoundInput":
        """Change the fields that are given, and what they have inside; null resets a field.

        Args:
            given: From JSON.
            place: Where it was, for an error's `param`.

        Raises:
            BadEvent: A value isn't allowed.
        """
        if not isinstance(given, dict):
            raise BadEvent(f"'{place}' is not an object.", "invalid_type", place)
        merged = self.model_dump(exclude_unset=True)
        for name in type(self).model_fields.keys() & given.keys():
            value, before = given[name], merged.get(name)
            if value is None and name != "turn_detection":
                merged.pop(name, None)
            elif isinstance(value, dict) and isinstance(before, dict):
                merged[name] = {**before, **value}
            else:
                merged[name] = value
        try:
            return SoundInput.model_validate(merged)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join([place, *map(str, first["loc"])])
            said = first["msg"].replace("Input should", "should")
            raise BadEvent(f"'{where}': {said}.", "invalid_value", where) from None


def parse(text: str | None) -> dict[str, Any]:
    """Read a client's event; a JSON object with a `type`.

    Args:
        text: The message; None if it was none in UTF-8.

    Raises:
        BadEvent: It isn't one.
    """
    if text is None:
        raise BadEvent("A message is JSON in a text frame, in UTF-8.", "invalid_message")
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):
        raise BadEvent("The message is not JSON.", "invalid_json") from None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise BadEvent("The message is not an object with a 'type'.", "missing_type", "type")
    return event


def id_of(event: Mapping[str, Any]) -> str | None:
    """Give a client's event's own id."""
    given = event.get("event_id")
    return given[:MAX_NAME_CHARACTERS] if isinstance(given, str) else None


def from_beta(session: Any) -> Any:
    """Turn the flat session of the beta into `audio.input`.

    Raises:
        BadEvent: The format is unknown.
    """
    if not isinstance(session, dict):
        return session
    found = {now: session[old] for old, now in BETA_FIELDS.items() if old in session}
    if isinstance(name := found.get("format"), str):
        if name not in BETA_FORMATS:
            raise BadEvent(
                f"'session.input_audio_format' not found; available: {', '.join(BETA_FORMATS)}.",
                parameter="session.input_audio_format",
            )
        found["format"] = {"type": BETA_FORMATS[name]}
    return found


def made(kind: str, **fields: Any) -> dict[str, Any]:
    """Make an event of the server, with an id of its own."""
    return {"type": kind, "event_id": f"event_{uuid.uuid4().hex}", **fields}


def described(settings: SoundInput, session_id: str, expires_at: int, beta: bool) -> dict[str, Any]:
    """Describe a session as the protocol does.

    Args:
        settings: The session's.
        session_id: The session's.
        expires_at: When it ends at the latest, in seconds since 1970.
        beta: Whether in the beta's form.
    """
    told = settings.model_dump()
    if settings.format.type != "audio/pcm":
        del told["format"]["rate"]
    told["transcription"] = settings.transcription.model_dump(exclude_none=True)
    about = {"id": session_id, "object": "realtime.transcription_session", "expires_at": expires_at}
    if not beta:
        return {**about, "type": "transcription", "audio": {"input": told}, "include": None}
    names = {new: old for old, new in BETA_FORMATS.items()}
    flat = {old: told[now] for old, now in BETA_FIELDS.items()}
    return {**about, **flat, "input_audio_format": names[settings.format.type]}


def committed(item_id: str, previous: str | None, beta: bool) -> list[dict[str, Any]]:
    """Make the events that tell that an item is whole, and where in the conversation it is."""
    message = {"id": item_id, "object": "realtime.item", "type": "message", "role": "user"}
    content = [{"type": "input_audio", "transcript": None}]
    return [
        made("input_audio_buffer.committed", item_id=item_id, previous_item_id=previous),
        made(
            "conversation.item.created" if beta else "conversation.item.added",
            previous_item_id=previous,
            item={**message, "status": "completed", "content": content},
        ),
    ]


def failure(
    message: str,
    code: str,
    kind: str = "server_error",
    parameter: str | None = None,
    event_id: str | None = None,
) -> dict[str, Any]:
    """Make the event `error`.

    Args:
        message: One sentence.
        code: For programs.
        kind: `invalid_request_error`, or `server_error`.
        parameter: The client's field that is wrong.
        event_id: The id of the client's event that caused it.
    """
    about = {"type": kind, "code": code, "message": message}
    return made("error", error={**about, "param": parameter, "event_id": event_id})


def refusal(error: BadEvent, event_id: str | None) -> dict[str, Any]:
    """Make the event that tells a client what was wrong with its event, which had that id."""
    return failure(str(error), error.name, "invalid_request_error", error.parameter, event_id)
