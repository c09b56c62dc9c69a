"""A way through the gateway for the tool alone: how a target is tried before anybody depends on it.

For one run there is a consumer with a random key, which also is the run's lock (two runs on one
model would undo each other's work), and, where a new target is to be tried, an upstream with that
target, and a service and a route as they are going to be, but that the route only takes requests
with a secret header. A speech model has two of these: the other one is for live streams.
Both secrets are made for the run, and gone with it.
"""

import os
import secrets
import socket
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from kong.admin import Admin
from kong.objects import (
    Body,
    Consumer,
    Target,
    Upstream,
)
from kong.plan import Phase
from kong.spec import FULL, REGISTERED, Spec, mark, objects, plugin_id, plugins
from kong.steps import AdminCall, Step, delete, put

HEADER = "x-theresa-probe"
PROBE = ".probe"  # what the names of a run's own objects end in
NEEDED = ("key-auth", "request-transformer")  # of a service's plugins: no trial meets a limit
TAGS = [REGISTERED]
RUN = "theresa.run."  # the process and the host of a run, on its lock


@dataclass(frozen=True)
class ProbeRoute:
    """The names and secrets of one run's own way through the gateway."""

    name: str
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    word: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    consumer: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def secrets(self) -> tuple[str, str]:
        """What nobody may see."""
        return self.key, self.word

    def lock(self) -> Phase:
        """Makes the consumer; Kong refuses a second one by its name."""
        tags = [*TAGS, f"{RUN}{os.getpid()}.{socket.gethostname()}"]
        body = Consumer(username=f"{self.name}{PROBE}", tags=tags).body()
        path = f"/consumers/{self.consumer}"
        return Phase(
            "lock",
            (
                Step(
                    f"new consumer {self.name}.probe, for this run",
                    AdminCall("POST", "/consumers", {**body, "id": self.consumer}),
                    AdminCall("DELETE", path),
                ),
                Step(
                    f"a random key of {self.name}{PROBE}",
                    AdminCall("POST", f"{path}/key-auth", {"key": self.key, "tags": TAGS}),
                    None,  # goes with the consumer
                ),
            ),
        )

    def unlock(self) -> Phase:
        """Removes the consumer, and the key with it."""
        path = f"/consumers/{self.consumer}"
        step = Step(f"remove consumer {self.name}{PROBE}", AdminCall("DELETE", path), None)
        return Phase("unlock", (step,))

    def opening(self, spec: Spec, targets: Sequence[str]) -> tuple[Step, ...]:
        """Makes the ways to these targets; the health checks of the real upstream come later."""
        upstream = f"{self.name}.probe.upstream"
        made: list[tuple[str, Body]] = [
            (f"/upstreams/{upstream}", Upstream(name=upstream, tags=TAGS).body())
        ]
        for service, hung, (route,) in objects(spec, REGISTERED).services:
            if (name := _tried(service.name)) not in ways(self.name):
                continue
            changed = {"name": name, "host": upstream, "retries": 0}  # a failure is to be seen
            made.append((f"/services/{name}", service.model_copy(update=changed).body()))
            needed = [one for one in hung if one.name in NEEDED] + [*plugins([mark(name)], TAGS)]
            for one in needed:
                own = plugin_id(name, one.name)
                made.append((f"/services/{name}/plugins/{own}", one.body()))
            secret = route.model_copy(update={"name": name, "headers": {HEADER: [self.word]}})
            made.append((f"/services/{name}/routes/{name}", secret.body()))
        steps = [step for path, body in made for step in put(path, body, None)]
        for address in targets:
            target = Target(target=address, weight=FULL, tags=TAGS)
            path = f"/upstreams/{upstream}/targets"
            steps.insert(
                1,
                Step(
                    f"target {address} of {upstream}",
                    AdminCall("POST", path, target.body()),
                    AdminCall("DELETE", f"{path}/{address}"),
                ),
            )
        return tuple(steps)

    def closing(self, opened: Sequence[Step]) -> Phase:
        """Takes the way back, last made first."""
        steps = tuple(
            Step(
                f"remove what was for the trial: {step.says.removeprefix('new ')}", step.undo, None
            )
            for step in reversed(opened)
            if step.undo
        )
        return Phase("clear up", steps)


def holder(admin: Admin, name: str) -> str:
    """Whose run has the lock of a model: its process, host and beginning, in words."""
    lock = admin.get(f"/consumers/{name}{PROBE}") or {}
    runs = [tag.removeprefix(RUN) for tag in lock.get("tags") or [] if tag.startswith(RUN)]
    process, _, host = (runs or ["unknown.unknown"])[0].partition(".")
    begun = time.strftime("%H:%M:%S UTC", time.gmtime(int(lock.get("created_at") or 0)))
    return f"process {process} on {host}, since {begun}"


def leftovers(admin: Admin, name: str) -> Iterator[Step]:
    """Removes what a run that was killed has left, its lock last."""
    found = ways(name)
    for service in found:
        if admin.get(f"/services/{service}"):
            for kind in ("routes", "plugins"):
                for one in admin.all(f"/services/{service}/{kind}"):
                    yield delete(f"/services/{service}/{kind}/{one['id']}", one)
    services = [f"/services/{service}" for service in found]
    for path in (*services, f"/upstreams/{name}.probe.upstream", f"/consumers/{name}{PROBE}"):
        if there := admin.get(path):
            yield delete(path, there)


def ways(name: str) -> tuple[str, str]:
    """The services of a trial: for predictions, and for live streams."""
    return _tried(name), _tried(f"{name}.live")


def _tried(service: str) -> str:
    return f"{service}{PROBE}"
