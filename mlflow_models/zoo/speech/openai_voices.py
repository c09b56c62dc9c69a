"""Voices that a client of OpenAI's speech API knows: a recording of each goes with the request.

The model hears such a recording first, alone, and gives the voice's embedding; the transcript is
then made with these embeddings.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from zoo.errors import BadInput
from zoo.serving.declaration import read
from zoo.speech.openai_errors import BadField

NAMES, REFERENCES = "known_speaker_names", "known_speaker_references"
MAX_KNOWN = 4  # voices, as OpenAI's API has it
MAX_REFERENCE_BYTES = 4_000_000  # of a data URL: 15 s of stereo at 48 kHz


def known_voices(names: Sequence[str], references: Sequence[str]) -> dict[str, bytes]:
    """Read the recordings of known voices, by name.

    Args:
        names: The names.
        references: A data URL in base64 for each.

    Raises:
        BadField: There are more than the API takes, or one is no such data URL.
    """
    if len(names) != len(references):
        reason = f"'{NAMES}' has {len(names)} items, and '{REFERENCES}' {len(references)}."
        raise BadField(REFERENCES, reason)
    if len(names) > MAX_KNOWN:
        raise BadField(NAMES, f"'{NAMES}' has more than {MAX_KNOWN} items.")
    if len(set(names)) < len(names) or not all(name.strip() for name in names):
        raise BadField(NAMES, f"'{NAMES}' has an empty name, or one twice.")
    return {name: _content(one) for name, one in zip(names, references, strict=True)}


def _content(reference: str) -> bytes:
    head, comma, content = reference.partition(",")
    try:
        if not (comma and head.startswith("data:") and head.endswith(";base64")):
            raise ValueError
        return base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        reason = f"'{REFERENCES}' has an item that isn't a data URL in base64."
        raise BadField(REFERENCES, reason) from None


def gallery(engine: Any, known: Mapping[str, bytes]) -> str:
    """Embed known voices; give them in the form of the models' parameter `voices`.

    Args:
        engine: A `SpeechEngine` that tells speakers apart.
        known: A recording of each voice, by name.

    Raises:
        BadField: The model hears no voice in a recording.
        BadParameter: The model can't tell speakers apart.
    """
    found: dict[str, Any] = {}
    network = ""
    options = read(engine.options, {"speakers": "1", "return_voices": True})
    for name, recording in known.items():
        (heard,) = engine([recording], options)
        if isinstance(heard, BadInput):
            sentence = f"'{REFERENCES}': the recording of '{name[:40]}' {str(heard).rstrip('.')}."
            raise BadField(REFERENCES, sentence)
        if isinstance(heard, Exception):
            raise heard
        voices = json.loads(heard.record()["voices"])
        embeddings = list(voices["voices"].values())
        if not embeddings:
            sentence = f"'{REFERENCES}': the recording of '{name[:40]}' has no speech."
            raise BadField(REFERENCES, sentence)
        network, found[name] = voices["network"], embeddings[0]
    return json.dumps({"network": network, "voices": found}, ensure_ascii=False)
