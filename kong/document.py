"""A whole gateway's configuration in one document, and what has to be true of it.

The objects are the same as those that `register.py` writes, but for their tag: a sync by decK
deletes whatever has the tag and isn't in the file, and leaves everything else alone.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from kong.errors import KongError
from kong.objects import (
    Body,
    Consumer,
    HandOverConfig,
    KeyAuthConfig,
    KongObject,
    KongService,
    Plugin,
    Route,
    Target,
    Upstream,
    credentials,
)
from kong.spec import DECLARED, Spec, objects


class DeclaredService(KongService):
    """A service with all that hangs on it."""

    routes: list[Route]
    plugins: list[Plugin]


class DeclaredUpstream(Upstream):
    """An upstream with its targets."""

    targets: Annotated[list[Target], Field(min_length=1)]


class Key(KongObject):
    """A consumer's key."""

    key: Annotated[str, Field(min_length=8, repr=False)]
    tags: list[str]


class DeclaredConsumer(Consumer):
    """A client with its keys."""

    keyauth_credentials: list[Key]


class Info(KongObject):
    """What a sync may touch: objects with all of these tags."""

    select_tags: Annotated[list[str], Field(min_length=1)]


class Document(KongObject):
    """A kong.yaml. `_info` is decK's; Kong itself refuses it."""

    format_version: Literal["3.0"] = Field(alias="_format_version")
    info: Info | None = Field(None, alias="_info")
    services: list[DeclaredService]
    upstreams: list[DeclaredUpstream]
    consumers: list[DeclaredConsumer] = Field(default_factory=list)


def document(models: Sequence[Spec], keys: Mapping[str, str], deck: bool) -> Body:
    """The document of these models.

    Args:
        models: the models.
        keys: by client.
        deck: whether it is for decK, which wants to know what it may touch.
    """
    services, upstreams = [], []
    for model in models:
        wanted = objects(model, DECLARED)
        targets = [target.body() for target in wanted.targets]
        upstreams.append({**wanted.upstream.body(), "targets": targets})
        for service, plugins, routes in wanted.services:
            hung = {
                "routes": [one.body() for one in routes],
                "plugins": [p.body() for p in plugins],
            }
            services.append({**service.body(), **hung})
    consumers = [
        {
            **Consumer(username=name, tags=[DECLARED]).body(),
            "keyauth_credentials": [{"key": form, "tags": [DECLARED]} for form in credentials(key)],
        }
        for name, key in keys.items()
    ]
    return {
        "_format_version": "3.0",
        **({"_info": {"select_tags": [DECLARED]}} if deck else {}),
        "services": services,
        "upstreams": upstreams,
        **({"consumers": consumers} if consumers else {}),
    }


def check(given: Any, local: bool = False) -> Document:
    """A document, if there is nothing wrong with it.

    Args:
        given: what was read from a file.
        local: whether plain HTTP may be there.

    Raises:
        KongError: what is wrong first.
    """
    try:
        found = Document.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise KongError(f"{where}: {first['msg']}.") from None
    for name, times in Counter(_names(found)).items():
        if times > 1:
            raise KongError(f"There are {times} of the {name}.")
    upstreams = {upstream.name for upstream in found.upstreams}
    for upstream in found.upstreams:
        _check_upstream(upstream)
    for service in found.services:
        _check_service(service, upstreams, local)
    _check_paths(found.services)
    for kind, one in _tagged(found):
        if DECLARED not in one.tags:
            raise KongError(f"{kind} has no tag {DECLARED}: a sync would not find it again.")
    return found


def _check_upstream(upstream: DeclaredUpstream) -> None:
    if not sum(target.weight for target in upstream.targets):
        raise KongError(f"upstream {upstream.name}: every target has weight 0, so nobody answers.")
    if len({target.target for target in upstream.targets}) < len(upstream.targets):
        raise KongError(f"upstream {upstream.name} names a target twice.")
    if upstream.healthchecks is None:
        raise KongError(f"upstream {upstream.name} has no health checks: a dead target stays in.")


def _check_service(service: DeclaredService, upstreams: set[str], local: bool) -> None:
    if service.host not in upstreams:
        raise KongError(f"service {service.name}: there is no upstream {service.host} here.")
    configs = {plugin.name: plugin.config for plugin in service.plugins}
    if not isinstance(auth := configs.get("key-auth"), KeyAuthConfig):
        raise KongError(f"service {service.name} has no key-auth: anybody could use it.")
    if not auth.hide_credentials and configs.get("request-transformer") != HandOverConfig():
        raise KongError(
            f"service {service.name} shows its clients' keys to the model (hide_credentials)."
        )
    for route in service.routes:
        if "http" in route.protocols and not local:
            raise KongError(
                f"route {route.name} takes plain HTTP, which shows keys to the network: https only."
            )


def _check_paths(services: Sequence[DeclaredService]) -> None:
    """Two routes that take the same requests: which one wins is Kong's secret."""
    taken: dict[tuple[str, str], str] = {}
    for service in services:
        for route in service.routes:
            for path in route.paths:
                for method in route.methods:
                    if other := taken.get((path, method)):
                        raise KongError(f"routes {other} and {route.name} both take {path}.")
                    taken[path, method] = route.name


def _names(found: Document) -> Iterable[str]:
    yield from (f"service {one.name}" for one in found.services)
    yield from (f"upstream {one.name}" for one in found.upstreams)
    yield from (f"route {one.name}" for service in found.services for one in service.routes)
    yield from (f"consumer {one.username}" for one in found.consumers)


def _tagged(found: Document) -> Iterable[tuple[str, Any]]:
    for service in found.services:
        yield f"service {service.name}", service
        yield from ((f"route {one.name}", one) for one in service.routes)
        yield from ((f"plugin {one.name} of {service.name}", one) for one in service.plugins)
    for upstream in found.upstreams:
        yield f"upstream {upstream.name}", upstream
        yield from ((f"target {one.target}", one) for one in upstream.targets)
    for consumer in found.consumers:
        yield f"consumer {consumer.username}", consumer
        yield from ((f"a key of {consumer.username}", one) for one in consumer.keyauth_credentials)
