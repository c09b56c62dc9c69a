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
    KEY_NAMES,
    PROTOCOLS,
    Active,
    AddedHeaders,
    CorrelationIdConfig,
    HandOverConfig,
    Healthchecks,
    KeyAuthConfig,
    KongObject,
    KongService,
    MarkConfig,
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
SPEECH = (  # OpenAI's API: what the services are called, and where the server has them
    ("transcriptions", "/v1/audio/transcriptions"),
    ("translations", "/v1/audio/translations"),
    ("models", "/v1/models"),
    ("live", "/v1/realtime"),
)
COLLECTION = (("collection", "/collection"), ("photo", "/collection/photo"))  # that is searched
PARTS = ("ready", "about", *(part for part, _ in SPEECH + COLLECTION))  # services beside the main
MEGABYTE = 1_000_000  # bytes; the model server counts bytes, too (THERESA_MAX_BODY_BYTES)
Method = Literal["GET", "POST"]
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
    speech: bool = Field(
        False,
        description="A speech model, with OpenAI's API at PATH/v1/...: register.py asks the server "
        "whether it is one.",
    )
    collection: bool = Field(
        False,
        description="A model with a collection of photos to search, which is at PATH/collection: "
        "register.py asks the server whether it has one.",
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
        more = [f"{self.path}{path}" for _, path in self.more]
        return [self.path, f"{self.path}/ready", *more]

    @property
    def more(self) -> tuple[tuple[str, str], ...]:
        """The services of what this model has beside others, and where the server has it."""
        return SPEECH * self.speech + COLLECTION * self.collection


@dataclass(frozen=True)
class Objects:
    """What Kong has to have for a model. Routes and plugins go with their service."""

    upstream: Upstream
    targets: tuple[Target, ...]
    services: tuple[tuple[KongService, tuple[Plugin, ...], tuple[Route, ...]], ...]


def objects(spec: Spec, tag: str) -> Objects:
    """All the objects of a model, each with the tag that says who looks after it.

    Each path of a server has a service of its own, since a service has one path: a route can't
    rewrite it.
    """
    parts = [
        _part(spec, tag, "predict", "/invocations", spec.path, "POST"),
        _part(spec, tag, "ready", spec.health, f"{spec.path}/ready", "GET"),
        _part(spec, tag, "about", f"/v2/models/{spec.name}", spec.path, "GET"),
    ]
    for part, path in spec.more:
        method: Method = "POST" if "/audio/" in path else "GET"
        parts.append(_part(spec, tag, part, path, f"{spec.path}{path}", method))
    return Objects(
        Upstream(
            name=spec.upstream,
            healthchecks=Healthchecks(active=Active(http_path=spec.health)),
            tags=[tag],
        ),
        tuple(Target(target=target, weight=FULL, tags=[tag]) for target in spec.targets),
        tuple(parts),
    )


def _part(
    spec: Spec, tag: str, part: str, path: str, public: str, method: Method
) -> tuple[KongService, tuple[Plugin, ...], tuple[Route, ...]]:
    """What a server has at one of its paths, at a public one."""
    tags, live, uploads = [tag], part == "live", method == "POST"
    flows = live or uploads  # what may take long: so long between two reads, or two writes
    milliseconds = spec.read_seconds * 1000 if flows else READY_TIMEOUT
    service = KongService(
        name=spec.name if part == "predict" else f"{spec.name}.{part}",
        host=spec.upstream,
        path=path,
        read_timeout=milliseconds,
        write_timeout=milliseconds,
        retries=spec.retries,
        tags=tags,
    )
    key = KeyAuthConfig()
    if live:
        key = KeyAuthConfig(key_names=[*KEY_NAMES, PROTOCOLS], hide_credentials=False)
    configs: list[KongObject] = [
        key,
        RateLimitingConfig(minute=spec.per_minute),
        CorrelationIdConfig(),
        PrometheusConfig(),
    ]
    if live:
        configs.append(HandOverConfig())
    if uploads:
        configs.append(RequestSizeConfig(allowed_payload_size=spec.body_megabytes * MEGABYTE))
    if part == "predict":
        configs.append(mark(spec.name))
    route = Route(
        name=f"{spec.name}.{part}",
        paths=[whole(public)],
        methods=[method],
        protocols=["http", "https"] if spec.local else ["https"],
        request_buffering=not (spec.speech and uploads),  # a recording isn't kept on Kong's disk
        tags=tags,
    )
    return service, plugins(configs, tags), (route,)


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
