"""A running speech model, over HTTP: sound in, transcript out, or why not."""

import base64
import io
import wave
from collections.abc import Mapping
from typing import Any

import httpx2
import numpy as np

SAMPLE_RATE = 16_000  # Hz
PASSING = (408, 425, 429)  # besides 500 and above: what may go better the next time
LONGEST_WAIT = 30.0  # seconds that a server may ask for
NO_TRANSCRIPT = "The server's answer isn't a transcript; is it a speech model?"


class ServiceError(Exception):
    """Why a request can't be answered, in one sentence."""


class Refused(ServiceError):
    """The server won't take what is sent: it will be no better the next time.

    Attributes:
        status: of HTTP.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"The server refused the sound with status {status}: {reason}")
        self.status = status


class Unavailable(ServiceError):
    """The server doesn't answer, or is too busy.

    Attributes:
        wait: seconds after which it wants to be asked again, if it said so.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Service:
    """Transcribes sound through a model's `/invocations`.

    Args:
        url: what takes the requests: `http://HOST:8080/invocations`, or a gateway's route to it.
        params: the model's parameters.
        key: for the gateway, in the header `apikey`.
        client: to send with, where the usual one won't do (proxies, certificates, time limits).
    """

    def __init__(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        key: str | None = None,
        client: httpx2.Client | None = None,
    ) -> None:
        self._url, self._params = url, dict(params or {})
        self._headers = {"apikey": key} if key else {}
        self._own = client is None
        self._client = client or httpx2.Client(timeout=httpx2.Timeout(70.0, connect=5.0))

    def transcribe(self, sound: np.ndarray) -> dict[str, Any]:
        """The transcript of int16 (samples,), 16 kHz mono: `{"text", "segments", ...}`.

        Raises:
            Refused: with the server's sentence.
            Unavailable: it may go better later.
            ServiceError: the address is none, or isn't a speech model's.
        """
        row = [base64.b64encode(wav(sound)).decode()]
        request = {
            "dataframe_split": {"columns": ["audio"], "data": [row]},
            "params": self._params,
        }
        try:
            response = self._client.post(self._url, json=request, headers=self._headers)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            raise ServiceError(f"The server's address is none: {error}") from error
        except httpx2.TransportError as error:
            raise Unavailable(str(error) or type(error).__name__) from error
        status = response.status_code
        if status in PASSING or status >= 500:
            raise Unavailable(f"status {status}", _wait(response))
        if status != 200:
            raise Refused(status, _reason(response))
        try:
            (record,) = response.json()["predictions"]
            return dict(record)
        except (ValueError, LookupError, TypeError):
            raise ServiceError(NO_TRANSCRIPT) from None

    def close(self) -> None:
        """Lets go of the connection."""
        if self._own:
            self._client.close()


def wav(sound: np.ndarray) -> bytes:
    """A WAV file of int16 (samples,), 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(sound.astype("<i2").tobytes())
    return file.getvalue()


def as_int16(samples: np.ndarray) -> np.ndarray:
    """Samples as 16-bit integers; a copy, since recorders reuse their buffers.

    Raises:
        ValueError: they aren't (samples,) of int16, or of floats.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1:
        raise ValueError(f"The samples have {samples.ndim} dimensions; mono sound has one.")
    if np.issubdtype(samples.dtype, np.floating):
        scaled = np.nan_to_num(samples.astype(np.float32)) * 32768
        return np.clip(np.rint(scaled), -32768, 32767).astype(np.int16)
    if samples.dtype != np.int16:
        raise ValueError(f"The samples are {samples.dtype}; int16 or floats in [-1, 1] are taken.")
    return samples.copy()


def _wait(response: httpx2.Response) -> float | None:
    """When the server wants to be asked again; a date, or 0, is left to us."""
    given = response.headers.get("retry-after", "")
    return min(float(given), LONGEST_WAIT) or None if given.isdecimal() else None


def _reason(response: httpx2.Response) -> str:
    """The server's sentence, or the first line of what it says instead."""
    try:
        said = str(response.json()["message"])
    except (ValueError, LookupError, TypeError):
        said = response.text
    return (said.strip().splitlines() or [response.reason_phrase])[0][:300]
