"""A client of the realtime protocol that says what no client library would."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

WAIT_SECONDS = 30.0  # a test that waits so long has failed


class Talk:
    """One stream; its first event has been read.

    Attributes:
        socket: The connection.
        session: As the server described it.
    """

    def __init__(self, socket: Connection) -> None:
        self.socket = socket
        self.first = self.read()

    def say(self, kind: str, **fields: Any) -> None:
        """Send an event."""
        self.socket.send(json.dumps({"type": kind, **fields}))

    def update(self, **sound: Any) -> dict[str, Any]:
        """Change the session's settings; returns the answer."""
        self.say("session.update", session={"type": "transcription", "audio": {"input": sound}})
        return self.read()

    def append(self, sound: bytes, **fields: Any) -> None:
        """Send sound."""
        self.say("input_audio_buffer.append", audio=base64.b64encode(sound).decode(), **fields)

    def read(self) -> dict[str, Any]:
        """The next event."""
        event = json.loads(self.socket.recv(WAIT_SECONDS))
        assert isinstance(event, dict)
        return event

    def until(self, kind: str) -> list[dict[str, Any]]:
        """The events up to the first whose type ends so."""
        found = [self.read()]
        while not found[-1]["type"].endswith(kind):
            found.append(self.read())
        return found

    def end(self) -> tuple[list[dict[str, Any]], int]:
        """The events that are left, and the code by which the server closes."""
        found = []
        with suppress(ConnectionClosed):
            while True:
                found.append(self.read())
        return found, self.socket.close_code or 0


@contextmanager
def talk(host: str, query: str = "intent=transcription", **options: Any) -> Iterator[Talk]:
    """Open a stream."""
    with connect(f"ws://{host}/v1/realtime?{query}", proxy=None, **options) as socket:
        yield Talk(socket)


def speech(seconds: float, rate: int = 24_000, pause: float = 0.0) -> bytes:
    """Sound that the model `murmur` takes for speech, and a pause after it; 16-bit PCM."""
    loud, silent = np.full(round(seconds * rate), 1000), np.zeros(round(pause * rate))
    return np.concatenate([loud, silent]).astype("<i2").tobytes()
