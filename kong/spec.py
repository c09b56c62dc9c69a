"""What a person says of a model at the gateway, and the objects of Kong that follow from it.

`register.py` writes these objects one by one; `declare.py` puts the same ones into a file.
"""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from kong.addresses import Address
from kong.objects import (
    CONFIGS,
    Active,
    AddedHeaders,
    CorrelationIdConfig,
    Healthchecks,
    KeyAuthConfig,
    KongObject,
    KongService,
    MarkConfig,
    Path,
    Plugin,
    PrometheusConfig,
    RateLimitingConfig,
    RequestSizeConfig,
    Route,
    Target,
    Upstream,
)

FULL = 100  # the weight of a target that takes its whole share
REGISTERED = "theresa.registered"  # by register.py, object by object
DECLARED = "theresa.declared"  # by a file; a sync deletes what has this tag and isn't in the file
BEFORE = "theresa.before."  # a target's weight before the last change, for `rollback`
READY_TIMEOUT = 5_000  # ms
MARK = "x-theresa-service"  # the header that names the service in each answer
MEGABYTE = 1_000_000  # bytes; the model server counts bytes, too (THERESA_MAX_BODY_BYTES)
NAMESPACE = uuid.UUID("6f1d6f8e-55b0-4b3f-9a52-2f3b1f6f3a10")  # of our plugins' ids


class Spec(BaseModel):
    """One model at the gateway."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")] = Field(
        description="The service's name, by habit the model's folder."
    )
    path: Annotated[
        str, StringConstraints(pattern=r"^(/[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*)+$", max_length=200)
    ] = Field(
        description="POST here predicts, GET here describes the model; GET PATH/ready: is it ready?"
    )
    targets: Annotated[list[Address], Field(min_length=1)] = Field(
        description="The model servers, HOST:PORT."
    )
    health: Literal["/ready", "/ping"] = Field(
        "/ready", description="What says that a server is ready; MLflow's own has only /ping."
    )
    read_seconds: int = Field(
        300, ge=1, le=3600, description="The longest prediction: more than the server's own limit."
    )
    body_megabytes: int = Field(
        100,
        ge=1,
        le=2147,
        description="The largest request, in 10^6 bytes: the server's own limit "
        "(THERESA_MAX_BODY_BYTES), or less.",
    )
    retries: int = Field(
        1,
        ge=0,
        le=5,
        description="How often Kong tries another target. It does so only where the connection "
        "failed and nothing was sent; with 0 its traffic doesn't tell it of a dead target.",
    )
    live: Path | None = Field(
        None,
        description="The server's path of live streams (WebSocket), such as /v1/realtime; clients "
        "ask at PATH/live.",
    )
    per_minute: int = Field(600, ge=1, description="Requests per minute of one consumer.")
    local: bool = Field(
        False, description="Also plain HTTP, for a gateway that only this machine can reach."
    )

    @field_validator("targets")
    @classmethod
    def _different(cls, targets: list[str]) -> list[str]:
        if len(set(targets)) < len(targets):
            raise ValueError("a target is named twice")
        return targets

    @property
    def upstream(self) -> str:
        """The name of its upstream."""
        return f"{self.name}.upstream"

    @property
    def paths(self) -> list[str]:
        """All the paths that clients ask at."""
        return [self.path, f"{self.path}/ready", *([f"{self.path}/live"] if self.live else [])]


@dataclass(frozen=True)
class Objects:
    """What Kong has to have for a model. Routes and plugins go with their service."""

    upstream: Upstream
    targets: tuple[Target, ...]
    services: tuple[tuple[KongService, tuple[Plugin, ...], tuple[Route, ...]], ...]


def objects(spec: Spec, tag: str) -> Objects:
    """All the objects of a model, each with the tag that says who looks after it.

    What tells of the model, and whether it is ready, are services of their own, since a service has
    one path: a route can't rewrite it.
    """
    tags, milliseconds = [tag], spec.read_seconds * 1000
    protocols: list[Literal["http", "https"]] = ["http", "https"] if spec.local else ["https"]
    predict = KongService(
        name=spec.name,
        host=spec.upstream,
        path="/invocations",
        read_timeout=milliseconds,  # between two reads, so of a stream it is per event
        write_timeout=milliseconds,
        retries=spec.retries,
        tags=tags,
    )
    usual: list[KongObject] = [
        KeyAuthConfig(),
        RateLimitingConfig(minute=spec.per_minute),
        CorrelationIdConfig(),
        PrometheusConfig(),
    ]
    limit = RequestSizeConfig(allowed_payload_size=spec.body_megabytes * MEGABYTE)

    def route(name: str, path: str, method: Literal["GET", "POST"]) -> Route:
        named = f"{spec.name}.{name}"
        return Route(
            name=named, paths=[whole(path)], methods=[method], protocols=protocols, tags=tags
        )

    def told(
        name: str, path: str, public: str, timeout: int = READY_TIMEOUT
    ) -> tuple[KongService, tuple[Plugin, ...], tuple[Route]]:
        """What a server tells at one of its paths, at a public one."""
        service = KongService(
            name=f"{spec.name}.{name}",
            host=spec.upstream,
            path=path,
            read_timeout=timeout,
            write_timeout=timeout,
            retries=spec.retries,
            tags=tags,
        )
        return service, plugins(usual, tags), (route(name, public, "GET"),)

    return Objects(
        Upstream(
            name=spec.upstream,
            healthchecks=Healthchecks(active=Active(http_path=spec.health)),
            tags=tags,
        ),
        tuple(Target(target=target, weight=FULL, tags=tags) for target in spec.targets),
        (
            (
                predict,
                plugins([*usual, limit, mark(spec.name)], tags),
                (route("predict", spec.path, "POST"),),
            ),
            told("ready", spec.health, f"{spec.path}/ready"),
            told("about", f"/v2/models/{spec.name}", spec.path),
            *([told("live", spec.live, f"{spec.path}/live", milliseconds)] if spec.live else []),
        ),
    )


def plugins(configs: Sequence[KongObject], tags: list[str]) -> tuple[Plugin, ...]:
    """Plugins with these configurations; authentication first."""
    names = {kind: name for name, kind in CONFIGS.items()}
    return tuple(Plugin(name=names[type(config)], config=config, tags=tags) for config in configs)


def mark(name: str) -> MarkConfig:
    """What puts a service's name into its answers."""
    return MarkConfig(add=AddedHeaders(headers=[f"{MARK}:{name}"]))


def plugin_id(service: str, plugin: str) -> str:
    """The id of our plugin on a service: plugins have no names of their own to be found by."""
    return str(uuid.uuid5(NAMESPACE, f"{service}/{plugin}"))


def whole(path: str) -> str:
    """A route's path that matches this path and nothing below or beside it."""
    return "~" + path.replace(".", r"\.") + "$"


def plain(regular: str) -> str:
    """The path that `whole` made this of."""
    return re.sub(r"\\(.)", r"\1", regular.removeprefix("~").removesuffix("$"))
