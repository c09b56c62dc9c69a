"""Whether a model can be relied on: ready several times in a row, and its sample answered well.

The same sample goes to the target itself, through the gateway to that target alone, and through
the public route, so that a failure tells which part of the way is at fault.
"""

import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from kong.admin import https, say_why
from kong.errors import NotReady
from kong.report import Reporter
from kong.samples import Sample
from kong.spec import MARK, Spec

SPEECH_TASK = "automatic-speech-recognition"
JSON = {"Content-Type": "application/json"}
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # for plain HTTP: spares loading them
IN_FLIGHT = re.compile(r"^theresa_requests_in_flight ([0-9.e+]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for what, in seconds."""

    deadline: float = 1200.0  # for a target to be ready: a GPU host may still be loading
    in_a_row: int = 3  # answers of /ready, and of the trial, before they are believed
    poll: float = 2.0  # between two looks at a target
    propagation: float = 30.0  # for Kong to see a change; it takes up to 10
    watch: float = 15.0  # how long the public route must be without a failure
    every: float = 1.0  # between two predictions meanwhile
    drain: float = 310.0  # for requests in flight to finish, at most
    patience: float = 60.0  # for putting back, against a gateway that doesn't answer


class ModelServer:
    """A model server, asked directly."""

    def __init__(self, address: str, spec: Spec) -> None:
        self.address, self._health = address, spec.health
        self._client = httpx2.Client(
            base_url=f"http://{address}",
            verify=NO_AUTHORITIES,
            timeout=httpx2.Timeout(spec.read_seconds, connect=10.0),
            trust_env=False,
        )

    def resolve(self) -> None:
        """Raises NotReady if its name has no address: that doesn't change by waiting."""
        host, _, port = self.address.rpartition(":")
        try:
            socket.getaddrinfo(host.strip("[]"), int(port))
        except OSError as error:
            said = str(error.strerror or error).lower()
            raise NotReady(
                f"{self.address}: the name '{host}' has no address here ({said})."
            ) from None

    def wait(self, timing: Timeouts, report: Reporter) -> None:
        """Returns when it has been ready several times in a row.

        Raises:
            NotReady: it hasn't within the deadline, or never will be.
        """
        self.resolve()
        end, good, lacking = time.monotonic() + timing.deadline, 0, 0
        with report.waiting(f"waiting for {self.address}{self._health}") as waiting:
            while True:
                try:
                    status = self._client.get(self._health, timeout=5.0).status_code
                    last, good = f"status {status}", good + 1 if status == 200 else 0
                    lacking = lacking + 1 if status == 404 else 0
                except httpx2.TransportError as error:
                    last, good, lacking = str(error) or type(error).__name__, 0, 0
                if good == timing.in_a_row:
                    report.say(f"{self.address} is ready, {good} times in a row")
                    return
                if lacking == timing.in_a_row:
                    raise NotReady(
                        f"{self.address} has no {self._health}: MLflow's own server wants "
                        "--health /ping."
                    )
                if not good and time.monotonic() >= end:
                    break
                waiting.seen(last)
                time.sleep(timing.poll)
        raise NotReady(
            f"{self.address}{self._health} wasn't ready within {timing.deadline:g} s ({last})."
        )

    def sample(self) -> Sample | None:
        """The sample that the server itself tells; MLflow's own tells none."""
        try:
            return Sample.told(self._client.get("/openapi.json", timeout=5.0).json())
        except (httpx2.TransportError, ValueError):
            return None

    def predict(self, sample: Sample) -> list[Any]:
        """The predictions for the sample."""
        response = say_why(
            lambda: self._client.post("/invocations", content=sample.body, headers=JSON),
            self.address,
            "the model",
        )
        return sample.check(response, f"The model at {self.address}")

    def speaks(self) -> bool:
        """Whether it is a speech model with OpenAI's API, by what it says of itself."""
        try:
            (name,) = self._client.get("/v2/models", timeout=5.0).json()["models"]
            said = self._client.get(f"/v2/models/{name}", timeout=5.0).json()["parameters"]
            hears = said["declaration"]["task"] == SPEECH_TASK
            return hears and self._client.get("/v1/models", timeout=5.0).status_code == 200
        except (httpx2.TransportError, ValueError, LookupError, TypeError):
            return False  # MLflow's own server says nothing

    def has_collection(self) -> bool:
        """Whether it has a collection of photos to search."""
        try:
            return "photos" in self._client.get("/collection", timeout=5.0).json()
        except (httpx2.TransportError, ValueError, TypeError):
            return False

    def idle(self, timing: Timeouts, report: Reporter) -> None:
        """Waits until it works on nothing, or as long as a request may take."""
        with report.waiting(f"requests in flight at {self.address}") as waiting:
            end, quiet = time.monotonic() + timing.drain, 0
            while time.monotonic() < end and quiet < timing.in_a_row:
                count = self.in_flight()
                quiet = quiet + 1 if count == 0 else 0
                waiting.seen("unknown" if count is None else str(count))
                if quiet < timing.in_a_row:
                    time.sleep(timing.poll)
        report.say(
            f"{self.address} has no request in flight" if quiet else f"waited for {self.address}"
        )

    def in_flight(self) -> int | None:
        """How many predictions it works on; None where it doesn't tell."""
        try:
            found = IN_FLIGHT.search(self._client.get("/metrics", timeout=5.0).text)
        except httpx2.TransportError:
            return 0  # gone, with all it had
        return int(float(found[1])) if found else None

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()


class Proxy:
    """The gateway as its clients see it.

    Args:
        url: such as `https://kong.internal:8443`.
        context: what verifies it.
        headers: the key.
        timeout: seconds a prediction may take.
        mark: how the service is named in its answers; empty where its answers name none.
    """

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext,
        headers: Mapping[str, str],
        timeout: float,
        mark: str = "",
    ) -> None:
        self.url = https(url, "The proxy")
        self._headers, self._mark = {**JSON, **headers}, mark
        self._client = httpx2.Client(
            base_url=self.url,
            verify=context,
            timeout=httpx2.Timeout(timeout, connect=10.0),
            trust_env=False,
        )

    @property
    def marked(self) -> bool:
        """Whether the service names itself in its answers."""
        return bool(self._mark)

    def predict(self, path: str, sample: Sample, mark: str = "", **more: str) -> list[Any]:
        """The predictions for the sample by a route.

        Args:
            path: the route's.
            sample: the request.
            mark: the service that has to answer, if it isn't the usual one.
            more: headers.

        Raises:
            NotReady: they aren't right, or another service's.
            GatewayError: there were none.
        """
        response = self._ask(path, sample, more)
        predictions = sample.check(response, f"The gateway, at {path},")
        wanted, found = mark or self._mark, response.headers.get(MARK, "")
        if wanted and found != wanted:
            raise NotReady(
                f"{path} is answered by {found or 'another service'}, not by {wanted}: another "
                "route takes its requests."
            )
        return predictions

    def is_gone(self, path: str, sample: Sample) -> bool:
        """Whether the service doesn't answer there any more; somebody else's route may."""
        response = self._ask(path, sample, {})
        if self._mark:
            return response.headers.get(MARK) != self._mark
        return response.status_code == 404

    def _ask(self, path: str, sample: Sample, more: Mapping[str, str]) -> httpx2.Response:
        return say_why(
            lambda: self._client.post(path, content=sample.body, headers={**self._headers, **more}),
            self.url,
            "the gateway",
        )

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()
