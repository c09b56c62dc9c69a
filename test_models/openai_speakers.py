"""What OpenAI's speech API has for speakers: `diarized_json`, and voices that the client knows.

A known voice comes as a recording. The model hears it first, alone, and answers its embedding; the
transcript is then asked for with these embeddings.
"""

import base64
import binascii
import json
import string
from collections.abc import Mapping, Sequence
from typing import Any

from test_models.calls import RowFailed, ServiceError
from test_models.client import AsyncClient
from test_models.services import Service
from transcripts.answers import Transcript

DIARIZED = "diarized_json"
NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"
CHUNKING = "chunking_strategy"
MAX_KNOWN = 4  # voices, as OpenAI's API has it
MAX_REFERENCE_CHARACTERS = 4_000_000  # of a data URL: 15 s of stereo at 48 kHz
VAD = "server_vad"


class BadRequest(ServiceError):
    """A field of the request that can't be honoured.

    Attributes:
        field: its name.
        status: of HTTP.
    """

    def __init__(self, field: str | None, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.field, self.status = field, status


def diarized(transcript: Transcript) -> dict[str, Any]:
    """A transcript in the form of `diarized_json`: who isn't known by name is A, B, C ..."""
    letters = iter(_letters(len(transcript.speakers or ())))
    labels = {one.speaker: one.name or next(letters) for one in transcript.speakers or ()}
    return {
        "task": "transcribe",
        "duration": transcript.duration,
        "text": transcript.text,
        "segments": [
            {
                "type": "transcript.text.segment",
                "id": f"seg_{one.id}",
                "start": one.start,
                "end": one.end,
                "text": one.text,
                "speaker": labels.get(one.speaker or "", one.speaker or ""),
            }
            for one in transcript.segments
        ],
    }


def _letters(count: int) -> list[str]:
    """A to Z, then AA, AB ..."""
    found: list[str] = []
    for number in range(count):
        before, last = divmod(number, len(string.ascii_uppercase))
        found.append((found[before - 1] if before else "") + string.ascii_uppercase[last])
    return found


def known_voices(names: Sequence[str], references: Sequence[str]) -> dict[str, bytes]:
    """The recordings of known voices, by name.

    Raises:
        BadRequest: there are as many as the API doesn't take, or one is no data URL in base64.
    """
    if len(names) != len(references):
        reason = f"'{NAMES}' has {len(names)} items, and '{REFERENCES}' {len(references)}."
        raise BadRequest(REFERENCES, reason)
    if len(names) > MAX_KNOWN:
        raise BadRequest(NAMES, f"'{NAMES}' has more than {MAX_KNOWN} items.")
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise BadRequest(NAMES, f"'{NAMES}' has an empty name, or one twice.")
    return {name: _content(one) for name, one in zip(names, references, strict=True)}


def _content(reference: str) -> bytes:
    head, comma, content = reference.partition(",")
    try:
        if not (comma and head.startswith("data:") and head.endswith(";base64")):
            raise ValueError
        return base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        reason = f"'{REFERENCES}' has an item that isn't a data URL in base64."
        raise BadRequest(REFERENCES, reason) from None


def speaker_params(service: Service, known: Mapping[str, bytes]) -> dict[str, Any]:
    """The model's parameters with which it says who speaks.

    Raises:
        BadRequest: the model has no such parameters.
    """
    asked: dict[str, Any] = {"speakers": "auto"}
    needed = ["speakers", *(["voices", "return_voices"] if known else [])]
    if any(service.described.takes(name) is None for name in needed):
        field = REFERENCES if service.described.takes("speakers") else "response_format"
        raise BadRequest(field, f"Model '{service.name}' can't tell speakers apart.")
    return asked


async def voices(client: AsyncClient, known: Mapping[str, bytes]) -> str:
    """The embeddings of known voices, in the form of the models' parameter `voices`.

    Raises:
        BadRequest: the model hears no voice in a recording.
        ServiceError: as the client does.
    """
    found: dict[str, Any] = {}
    network = ""
    for name, recording in known.items():
        try:
            heard = await client.transcribe(recording, speakers=1, return_voices=True)
        except RowFailed as error:
            raise BadRequest(REFERENCES, f"The reference of '{name}': {error.reason}") from None
        gallery = json.loads(heard.voices or "{}")
        embeddings = list(gallery.get("voices", {}).values())
        if not embeddings:
            raise BadRequest(REFERENCES, f"The reference of '{name}' has no speech.")
        network, found[name] = gallery["network"], embeddings[0]
    return json.dumps({"network": network, "voices": found}, ensure_ascii=False)


def vad(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The model's parameters for a `chunking_strategy`; ours is always by speech.

    Args:
        fields: the form's; the strategy is `auto`, or `chunking_strategy[type]` is `server_vad`,
            with a `[threshold]` if it is given. Its padding and silence are the model's own.

    Raises:
        BadRequest: it is another one.
    """
    kind = fields.get(f"{CHUNKING}[type]")
    if fields.get(CHUNKING, "auto") != "auto" or (kind is not None and kind != VAD):
        raise BadRequest(CHUNKING, f"'{CHUNKING}' is neither auto nor of the type {VAD}.")
    given = fields.get(f"{CHUNKING}[threshold]")
    if given is None:
        return {}
    try:
        return {"vad_threshold": float(given)}
    except (TypeError, ValueError):
        raise BadRequest(CHUNKING, f"The threshold of '{CHUNKING}' is not a number.") from None
