"""Whether a gateway lets pass what flows: events as they are made, and a WebSocket's frames.

A proxy that buffers holds an answer back until its end. Nobody sees that in a short answer. So a
recording is sent that takes the model a while, first to the model itself, then through the gateway:
the time from the first event to the last one has to be about the same.
"""

import asyncio
import base64
import io
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx2
import numpy as np
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from kong.admin import Gateway, say_why
from kong.errors import KongError, NotReady, Unwell
from kong.readiness import NO_AUTHORITIES
from kong.report import Reporter
from kong.samples import Sample
from kong.spec import Spec

SOUND_SECONDS = (60, 240)  # recordings, until one takes the model long enough
APART_SECONDS = 0.4  # from the first event to the last one; then a difference can be seen
LIVE_SECONDS = 10.0  # for each step of a live stream
HEADERS = {"Content-Type": "audio/wav", "Accept": "text/event-stream"}


def flows(
    gateway: Gateway,
    spec: Spec,
    target: str,
    sample: Sample,
    headers: Mapping[str, str],
    report: Reporter,
) -> None:
    """Raises unless the events of an answer come through as they are made.

    Args:
        gateway: the gateway.
        spec: the model.
        target: the model server that the way leads to.
        sample: has a recording.
        headers: the key, and what the way through the gateway wants.
        report: is told if the model is too fast to see a difference.

    Raises:
        Unwell: the gateway holds them back.
        NotReady: there is no such answer.
    """
    server = f"http://{target}/invocations"
    for seconds in SOUND_SECONDS:
        sound = recording(sample, seconds)
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


def recording(sample: Sample, seconds: int) -> bytes:
    """The recording of a sample again and again, WAV: what is speech to the model is work for it.

    Raises:
        KongError: the sample has none.
    """
    try:
        (row, *_) = json.loads(sample.body)["dataframe_split"]["data"]
        sound, rate = soundfile.read(io.BytesIO(base64.b64decode(row[0])), dtype="int16")
    except (ValueError, LookupError, TypeError, soundfile.LibsndfileError):
        raise KongError(
            "The sample's first column is no recording: give another --sample."
        ) from None
    file = io.BytesIO()
    many = -(-seconds * rate // len(sound))
    soundfile.write(file, np.concatenate([sound] * many), rate, format="WAV", subtype="PCM_16")
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
            client.stream("POST", url, content=sound, headers={**HEADERS, **headers}) as answer,
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
    try:
        asyncio.run(_talk(gateway, address, headers))
    except (WebSocketException, OSError) as error:
        said = str(error).rstrip(".") or type(error).__name__
        raise NotReady(f"No WebSocket goes through the gateway at {address}: {said}.") from None


async def _talk(gateway: Gateway, address: str, headers: Mapping[str, str]) -> None:
    """Opens a live stream, and hears an answer on it.

    In one thread: with TLS 1.3 a thread that reads can lose what another one sends at the start.
    """
    url = f"wss{gateway.proxy.rstrip('/').removeprefix('https')}{address}?intent=transcription"
    async with connect(
        url,
        ssl=gateway.context,
        additional_headers=headers,
        proxy=None,
        open_timeout=LIVE_SECONDS,
        close_timeout=1.0,
    ) as socket:
        await _hear(socket, "session.created", address)
        await socket.send(json.dumps({"type": "input_audio_buffer.clear"}))
        await _hear(socket, "input_audio_buffer.cleared", address)


async def _hear(socket: ClientConnection, wanted: str, address: str) -> None:
    """Raises NotReady unless the next message is the event that is wanted."""
    async with asyncio.timeout(LIVE_SECONDS):
        message = await socket.recv()
    try:
        kind = str(json.loads(message)["type"])
    except (ValueError, LookupError, TypeError):
        kind = "no event"
    if not kind.endswith(wanted):
        raise NotReady(f"The WebSocket at {address} says '{kind}' instead of '{wanted}'.")
