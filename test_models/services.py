"""The running models that the pages and the OpenAI endpoint speak to, and whether they are up."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args
from urllib.parse import urlsplit

from test_models import about
from test_models.about import About
from test_models.async_client import AsyncClient
from test_models.calls import Refused, ServiceError, address

Task = Literal["asr", "ner", "caption"]
"""What has a page of its own."""

Page = Literal["asr", "ner", "caption", "other"]
TASKS: tuple[Task, ...] = get_args(Task)
PAGES: dict[str, Task] = {about.SPEECH: "asr", about.ENTITIES: "ner", about.CAPTION: "caption"}
FRESH = 2.0  # seconds that a state is believed
PATIENCE = 5.0  # seconds that a model may take to say that it is up


@dataclass
class Service:
    """A running model.

    Args:
        name: what the pages call it.
        url: `http://HOST:8080`, or a gateway's route to it.
        key: for the gateway.
        task: what a person says that it does, of a model that doesn't describe itself.
        about: what it says of itself; None: it wasn't up yet, or says nothing.
    """

    name: str
    url: str
    key: str | None = None
    task: str | None = None
    about: About | None = None

    def __post_init__(self) -> None:
        if self.task:
            self.about = about.of_task(self.task)

    @property
    def page(self) -> Page | None:
        """The page that it belongs to."""
        return PAGES.get(self.about.task, "other") if self.about else None

    @property
    def described(self) -> About:
        """What is known of it."""
        return self.about or about.of_task("")

    @property
    def base(self) -> str:
        """What the addresses of its server's other paths begin with; or a gateway's route."""
        return address(self.url).removesuffix("/invocations").rstrip("/")

    def client(self, timeout: float = 70.0) -> AsyncClient:
        """A client of it."""
        return AsyncClient(self.url, key=self.key, timeout=timeout, concurrency=2)


@dataclass(frozen=True)
class State:
    """Whether a service is up; if it isn't, `reason` says why in one sentence."""

    up: bool
    reason: str = ""


class Services:
    """All of them, by name, and their states.

    Raises:
        ServiceError: a name is given twice, or an address is none.
    """

    def __init__(self, services: Iterable[Service]) -> None:
        self._services: dict[str, Service] = {}
        self._states: dict[str, tuple[float, State]] = {}
        for service in services:
            address(service.url)
            if service.name in self._services:
                raise ServiceError(f"Model '{service.name}' is given twice.")
            self._services[service.name] = service

    def of(self, page: Page) -> list[Service]:
        """Those that belong to a page, as far as is known."""
        return [one for one in self._services.values() if one.page == page]

    async def learned(self, page: Page) -> list[Service]:
        """Those that belong to a page; who hasn't said yet what it is, is asked first."""
        await asyncio.gather(*(self.state(one) for one in self if one.about is None))
        return self.of(page)

    def named(self, name: str) -> Service:
        """The one of that name.

        Raises:
            ServiceError: there is none; the sentence names those that there are.
        """
        try:
            return self._services[name]
        except KeyError:
            known = ", ".join(self._services) or "none"
            raise ServiceError(f"Model '{name}' not found; available: {known}.") from None

    def __iter__(self) -> Iterator[Service]:
        return iter(self._services.values())

    async def state(self, service: Service) -> State:
        """Whether it is up, as it was at most two seconds ago."""
        asked, state = self._states.get(service.name, (float("-inf"), State(False)))
        if time.monotonic() - asked > FRESH:
            state = await _state(service, state.up)
            self._states[service.name] = (time.monotonic(), state)
        return state

    async def states(self) -> dict[str, State]:
        """All states, asked for at once."""
        found = await asyncio.gather(*(self.state(one) for one in self._services.values()))
        return dict(zip(self._services, found, strict=True))


async def _state(service: Service, was_up: bool) -> State:
    """Its state; one that has come up says what it is."""
    try:
        async with service.client(PATIENCE) as client:
            await client.ready()
            if service.task or (service.about and was_up):
                return State(True)
            try:
                service.about = await about.ask(client)
            except ServiceError:
                return State(True, about.SILENT)
    except Refused as error:
        if error.status in (401, 403):
            return State(False, "It wants a key.")
        return State(False, f"There is no model at {service.url} (status {error.status}).")
    except ServiceError as error:
        return State(False, str(error))
    return State(True)


def parse(given: str, key: str | None = None) -> Service:
    """A service from `NAME=URL`.

    Raises:
        ServiceError: it has another form.
    """
    name, equals, url = given.partition("=")
    if not (name and equals and urlsplit(url).scheme):
        raise ServiceError(f"'{given}' isn't NAME=URL, such as whisper_asr=http://localhost:8080.")
    return Service(name, url, key)


def told(services: Iterable[Service], tasks: Iterable[str]) -> Iterator[Service]:
    """The services, with what a person says that they do.

    Args:
        tasks: of each `NAME=TASK`, such as `thai=automatic-speech-recognition`.

    Raises:
        ServiceError: one has another form, or names no service.
    """
    said = {one.partition("=")[0]: one for one in tasks}
    for service in services:
        yield replace(service, task=said.pop(service.name, "").partition("=")[2] or None)
    for one in said.values():
        raise ServiceError(f"'{one}' isn't NAME=TASK with the NAME of a model.")
