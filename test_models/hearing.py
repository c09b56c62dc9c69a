"""What a client says and hears of OpenAI's realtime protocol, as far as it transcribes."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from test_models.calls import ServiceError
from test_models.sound import SAMPLE_RATE

TRANSCRIPTION = "conversation.item.input_audio_transcription"
LATER = ("too_many_streams", "server_stopping")  # codes of errors after which one asks again
REFUSED = (1003, 1007, 1008, 1009)  # WebSocket's codes after which nothing gets better


@dataclass(frozen=True)
class LiveText:
    """What is known so far. Times in seconds from the beginning of the stream.

    Args:
        stable: the text from the beginning on that stays as it is; it only grows.
        tail: the newest guess at what follows it.
        start: up to where the sound's words are stable.
        end: up to where its words are shown: where the tail's last one ends.
    """

    stable: str = ""
    tail: str = ""
    start: float = 0.0
    end: float = 0.0


class StreamText(Protocol):
    """Told of what the server says."""

    def show(self, stable: str, tail: str, start: float, end: float) -> None:
        """An item has more stable text, and another tail; up to where each is, in seconds."""

    def end_item(self, until: float) -> None:
        """An item is complete; it ends at that second."""

    def end(self) -> None:
        """All is told."""


def session(asked: Mapping[str, str]) -> dict[str, Any]:
    """A session's settings; `asked` has `language` and `prompt`, where they are given."""
    sound = {
        "format": {"type": "audio/pcm", "rate": SAMPLE_RATE},
        "transcription": dict(asked),
        "turn_detection": {"type": "server_vad"},
    }
    return {"type": "transcription", "audio": {"input": sound}}


async def put(socket: ClientConnection, kind: str, **fields: Any) -> None:
    """Sends an event."""
    await socket.send(json.dumps({"type": kind, **fields}))


async def append(socket: ClientConnection, sound: np.ndarray) -> None:
    """Sends sound, int16 (samples,)."""
    audio = base64.b64encode(sound.astype("<i2").tobytes()).decode()
    await put(socket, "input_audio_buffer.append", audio=audio)


class Hearing:
    """Hears what the server says on one connection.

    Args:
        listener: told of it.
        begin: where the connection's sound begins, in seconds of the stream.
    """

    def __init__(self, listener: StreamText, begin: float) -> None:
        self._listener, self._begin = listener, begin
        self._ends: dict[str, float] = {}  # of items that the server found, in seconds
        self._begun = False  # whether the server has taken the settings

    async def run(self, socket: ClientConnection) -> None:
        """Hears until the connection ends.

        Raises:
            ServiceError: the server refuses the stream, or failed on it.
            ConnectionClosed: the connection is lost, or the server wants to be asked again.
        """
        last: dict[str, Any] = {}
        try:
            async for message in socket:
                event = json.loads(message)
                if event["type"] != "error":
                    self._take(event)
                elif self._begun or event["error"].get("code") in LATER:
                    last = event["error"]
                else:  # it doesn't take the settings
                    raise ServiceError(str(event["error"]["message"]))
        except ConnectionClosed as error:
            if last and error.rcvd and error.rcvd.code in REFUSED:
                raise ServiceError(str(last["message"])) from None
            raise
        except (ValueError, LookupError, TypeError, AttributeError):
            raise ServiceError("The server doesn't speak the realtime protocol.") from None

    def _take(self, event: dict[str, Any]) -> None:
        kind, item = event["type"], event.get("item_id", "")
        if kind == "session.updated":
            self._begun = True
        elif kind == "input_audio_buffer.speech_started":
            self._ends[item] = self._begin
        elif kind == "input_audio_buffer.speech_stopped":
            self._ends[item] = self._begin + event["audio_end_ms"] / 1000
        elif kind == f"{TRANSCRIPTION}.delta":
            times = (self._begin + event.get(name, 0.0) for name in ("stable_end", "tail_end"))
            self._listener.show(event["delta"], event.get("tail", ""), *times)
        elif kind == f"{TRANSCRIPTION}.failed":
            raise ServiceError(str(event["error"]["message"]))
        elif kind == f"{TRANSCRIPTION}.completed":
            self._listener.end_item(self._ends.pop(item, self._begin))
        elif kind == "session.closed":
            self._listener.end()


def said(error: Exception) -> str:
    """Why a connection is lost, for the end of a sentence."""
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return str(error).rstrip(".") or type(error).__name__
