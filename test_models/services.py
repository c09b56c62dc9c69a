"""The running models that the pages and the OpenAI endpoint speak to, and whether they are up."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from test_models.calls import Refused, ServiceError, address
from test_models.client import AsyncClient

Task = Literal["asr", "ner", "caption"]
Family = Literal["whisper", "ctc"]
TASKS: tuple[Task, ...] = ("asr", "ner", "caption")
FRESH = 2.0  # seconds that a state is believed
PATIENCE = 5.0  # seconds that a model may take to say that it is up


@dataclass(frozen=True)
class Service:
    """A running model.

    Args:
        name: such as `whisper_asr`; its model card is looked for under this name.
        task: what it does.
        url: `http://HOST:8080`, or a gateway's route to it.
        key: for the gateway.
    """

    name: str
    task: Task
    url: str
    key: str | None = None

    @property
    def family(self) -> Family:
        """Of a speech model, whose parameters it takes; its name says so."""
        return "ctc" if any(one in self.name for one in ("wav2vec2", "ctc", "thai")) else "whisper"

    def client(self, timeout: float = 70.0, key: str | None = None) -> AsyncClient:
        """A client of it; `key` is the caller's, where the service has none of its own."""
        return AsyncClient(self.url, key=self.key or key, timeout=timeout, concurrency=2)


@dataclass(frozen=True)
class State:
    """Whether a service is up; if it isn't, `reason` says why in one sentence."""

    up: bool
    reason: str = ""


class Services:
    """All of them, by name, and their states.

    Raises:
        ServiceError: two have one name, or an address is none.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._services: dict[str, Service] = {}
        self._states: dict[str, tuple[float, State]] = {}
        for service in services:
            address(service.url)
            if service.name in self._services:
                raise ServiceError(f"There are two models of the name '{service.name}'.")
            self._services[service.name] = service

    def of(self, task: Task) -> list[Service]:
        """Those that do a task."""
        return [one for one in self._services.values() if one.task == task]

    def named(self, name: str) -> Service:
        """The one of that name.

        Raises:
            ServiceError: there is none; the sentence names those that there are.
        """
        try:
            return self._services[name]
        except KeyError:
            known = ", ".join(f"'{one}'" for one in self._services) or "none"
            raise ServiceError(f"There is no model '{name}'; there are {known}.") from None

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    async def state(self, service: Service) -> State:
        """Whether it is up, as it was at most two seconds ago."""
        asked, state = self._states.get(service.name, (float("-inf"), State(False)))
        if time.monotonic() - asked > FRESH:
            state = await _state(service)
            self._states[service.name] = (time.monotonic(), state)
        return state

    async def states(self) -> dict[str, State]:
        """All states, asked for at once."""
        found = await asyncio.gather(*(self.state(one) for one in self._services.values()))
        return dict(zip(self._services, found, strict=True))


async def _state(service: Service) -> State:
    try:
        async with service.client(PATIENCE) as client:
            await client.ready()
    except Refused as error:
        if error.status in (401, 403):
            return State(False, "It wants a key.")
        return State(False, f"There is no model at {service.url} (status {error.status}).")
    except ServiceError as error:
        return State(False, str(error))
    return State(True)


def parse(given: str, task: Task, key: str | None = None) -> Service:
    """A service from `NAME=URL`.

    Raises:
        ServiceError: it has another form.
    """
    name, equals, url = given.partition("=")
    if not (name and equals and urlsplit(url).scheme):
        raise ServiceError(f"'{given}' isn't NAME=URL, such as whisper_asr=http://localhost:8080.")
    return Service(name, task, url, key)
