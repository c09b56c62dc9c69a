"""Whether a gateway lets pass what flows: events as they are made, and a WebSocket's frames.

A proxy that buffers holds an answer back until its end. Nobody sees that in a short answer. So a
recording is sent that takes the model a while, first to the model itself, then through the gateway:
the time from the first event to the last one has to be about the same.
"""

import io
import json
import random
import time
import wave
from collections.abc import Mapping
from typing import Any

import httpx2
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.sync.client import connect

from kong.admin import Gateway, say_why
from kong.errors import NotReady, Unwell
from kong.readiness import NO_AUTHORITIES
from kong.report import Reporter
from kong.spec import Spec

SOFT = bytes(120 + value // 16 for value in range(256))  # from loud to soft
RATE = 8000  # samples a second, of 8 bits
SOUND_SECONDS = (60, 240, 960)  # recordings, until one takes the model long enough
APART_SECONDS = 0.4  # from the first event to the last one; then a difference can be seen
LIVE_SECONDS = 10.0  # for each step of a live stream
HEADERS = {"Content-Type": "audio/wav", "Accept": "text/event-stream"}
PARAMS = {"vad": "false"}  # all of a recording is work for the model, even where nobody speaks


def flows(
    gateway: Gateway, spec: Spec, target: str, headers: Mapping[str, str], report: Reporter
) -> None:
    """Raises unless the events of an answer come through as they are made.

    Args:
        gateway: the gateway.
        spec: the model.
        target: the model server that the way leads to.
        headers: the key, and what the way through the gateway wants.
        report: is told if the model is too fast to see a difference.

    Raises:
        Unwell: the gateway holds them back.
        NotReady: there is no such answer.
    """
    server = f"http://{target}/invocations"
    for seconds in SOUND_SECONDS:
        sound = recording(seconds)
        apart = _apart(server, spec, sound, {}, NO_AUTHORITIES, "the model")
        if apart >= APART_SECONDS:
            break
    else:
        report.warn(
            f"{target} answers so fast that nobody can see whether the gateway holds events back."
        )
        return
    url = f"{gateway.proxy.rstrip('/')}{spec.path}"
    found = _apart(url, spec, sound, headers, gateway.context, "the gateway")
    if found < apart / 2:
        raise Unwell(
            f"The gateway holds an answer's events back: from {target} they come within "
            f"{apart:.1f} s, at {spec.path} within {found:.1f} s, at the end. Something between, "
            "such as a plugin or another proxy, buffers answers."
        )


def recording(seconds: int) -> bytes:
    """A recording of soft noise, WAV; the same each time."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(RATE)
        noise = random.Random(seconds).randbytes(RATE * seconds)
        writer.writeframes(noise.translate(SOFT))
    return file.getvalue()


def _apart(
    url: str, spec: Spec, sound: bytes, headers: Mapping[str, str], context: Any, what: str
) -> float:
    """Seconds from the first event of an answer to the last one."""
    times: list[float] = []
    last = ""
    timeout = httpx2.Timeout(spec.read_seconds, connect=10.0)

    def ask() -> httpx2.Response:
        nonlocal last
        with (
            httpx2.Client(verify=context, timeout=timeout, trust_env=False) as client,
            client.stream(
                "POST", url, params=PARAMS, content=sound, headers={**HEADERS, **headers}
            ) as answer,
        ):
            if answer.status_code == 200:
                for line in answer.iter_lines():
                    if line.startswith("event:"):
                        times.append(time.monotonic())
                        last = line.removeprefix("event:").strip()
            return answer

    answer = say_why(ask, url, what)
    if answer.status_code != 200 or last != "done":
        said = f"status {answer.status_code}" if answer.status_code != 200 else f"event '{last}'"
        raise NotReady(f"The answer of {url} doesn't flow to its end ({said}).")
    return times[-1] - times[0]


def live(gateway: Gateway, spec: Spec, headers: Mapping[str, str]) -> None:
    """Raises unless a live stream goes through the gateway, both ways.

    Raises:
        NotReady: it doesn't.
    """
    address = f"{spec.path}/v1/realtime"
    url = f"wss{gateway.proxy.rstrip('/').removeprefix('https')}{address}?intent=transcription"
    try:
        with connect(
            url,
            ssl=gateway.context,
            additional_headers=headers,
            proxy=None,
            open_timeout=LIVE_SECONDS,
            close_timeout=1.0,
        ) as socket:
            _heard(socket.recv(LIVE_SECONDS), "session.created", address)
            socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
            _heard(socket.recv(LIVE_SECONDS), "input_audio_buffer.cleared", address)
    except (InvalidHandshake, WebSocketException, OSError) as error:
        said = str(error).rstrip(".") or type(error).__name__
        raise NotReady(f"No WebSocket goes through the gateway at {address}: {said}.") from None


def _heard(message: str | bytes, wanted: str, address: str) -> None:
    """Raises NotReady unless a message is the event that is wanted."""
    try:
        kind = str(json.loads(message)["type"])
    except (ValueError, LookupError, TypeError):
        kind = "no event"
    if not kind.endswith(wanted):
        raise NotReady(f"The WebSocket at {address} says '{kind}' instead of '{wanted}'.")
