"""The objects of Kong that we write, typed: an unknown field is an error before Kong sees it.

Only what we set is here; where a field has a default, it is what we want, which often isn't Kong's.
Times are in the units that Kong has: timeouts of services in ms, those of health checks in seconds.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from kong.addresses import Address

Body = dict[str, Any]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.-]{0,99}$")]
ClientName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,99}$")]
Path = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]*$")]
Milliseconds = Annotated[int, Field(ge=1, le=2_147_483_646)]
Seconds = Annotated[int, Field(ge=1, le=3600)]
Count = Annotated[int, Field(ge=0, le=255)]


class KongObject(BaseModel):
    """Whatever we write."""

    model_config = ConfigDict(extra="forbid")

    def body(self) -> Body:
        """What to send: what isn't set is left to Kong."""
        return self.model_dump(exclude_none=True)


PROBE_SECONDS = 2  # between two probes of a target; the server's drain follows from both
FAILURES = 2  # probes in a row that fail before a target gets no more traffic


class Healthy(KongObject):
    """When a target counts as healthy."""

    interval: Seconds = PROBE_SECONDS
    successes: Count = 2
    http_statuses: list[int] = [200]


class Unhealthy(KongObject):
    """When a target no longer does. A server that drains answers its /ready with 503."""

    interval: Seconds = PROBE_SECONDS
    http_failures: Count = FAILURES
    tcp_failures: Count = FAILURES
    timeouts: Count = 3
    http_statuses: list[int] = [404, 429, 500, 501, 502, 503, 504, 505]


class Active(KongObject):
    """Probes, of targets whose weight isn't 0."""

    type: Literal["http"] = "http"
    http_path: Path = "/ready"
    timeout: Seconds = 5
    concurrency: int = 10
    healthy: Healthy = Healthy()
    unhealthy: Unhealthy = Unhealthy()


class PassiveHealthy(KongObject):
    """Traffic alone makes no target healthy again: the probes do."""

    successes: Count = 0


class PassiveUnhealthy(KongObject):
    """Connections that fail take a target out before the next probe does.

    Kong counts them only where a service has `retries`, when the second try begins.
    """

    tcp_failures: Count = 2
    http_failures: Count = 0
    timeouts: Count = 0


class Passive(KongObject):
    """What the traffic itself says of a target."""

    type: Literal["http"] = "http"
    healthy: PassiveHealthy = PassiveHealthy()
    unhealthy: PassiveUnhealthy = PassiveUnhealthy()


class Healthchecks(KongObject):
    """How Kong knows whom to ask."""

    active: Active = Active()
    passive: Passive = Passive()


class Upstream(KongObject):
    """A name for a set of targets."""

    name: Name
    algorithm: Literal["round-robin", "least-connections"] = "round-robin"
    healthchecks: Healthchecks | None = None
    tags: list[str]


class Target(KongObject):
    """One model server; at weight 0 it gets no traffic, and no probes."""

    target: Address
    weight: Annotated[int, Field(ge=0, le=1000)]
    tags: list[str]


class KongService(KongObject):
    """What a route leads to: a path of the servers behind an upstream."""

    name: Name
    host: Name
    path: Path
    protocol: Literal["http"] = "http"
    port: Literal[80] = 80  # the targets have their own
    connect_timeout: Milliseconds = 5_000
    read_timeout: Milliseconds
    write_timeout: Milliseconds
    retries: Annotated[int, Field(ge=0, le=5)] = 1  # see `Spec.retries`
    tags: list[str]


class Route(KongObject):
    """Which requests are a service's. `~` makes the path a whole one instead of a prefix."""

    name: Name
    paths: Annotated[
        list[Annotated[str, StringConstraints(pattern=r"^~/[A-Za-z0-9._\\/-]+\$$")]],
        Field(min_length=1),
    ]
    methods: Annotated[list[Literal["GET", "POST"]], Field(min_length=1)]
    protocols: Annotated[list[Literal["http", "https"]], Field(min_length=1)] = ["https"]
    headers: dict[str, list[str]] | None = None
    strip_path: Literal[True] = True
    preserve_host: Literal[False] = False
    request_buffering: bool = True  # a body is read whole before a server is asked
    response_buffering: bool = False  # an answer that flows must not wait for its end
    tags: list[str]


PROTOCOLS = "sec-websocket-protocol"  # the one header that a page can set for its WebSocket
KEY_NAMES = ["apikey", "authorization"]


class KeyAuthConfig(KongObject):
    """A key in a header, never in the address, where logs would keep it.

    Kong compares the header's whole value, so a client has a credential for each form of its key:
    see `credentials`. Where a page's key is among the protocols of its WebSocket, Kong mustn't
    remove that header (the page would close the connection): `HandOverConfig` does the hiding.
    """

    key_names: list[str] = KEY_NAMES
    key_in_header: Literal[True] = True
    key_in_query: Literal[False] = False
    key_in_body: Literal[False] = False
    hide_credentials: bool = True


class RateLimitingConfig(KongObject):
    """Requests of one consumer, counted by each node of Kong for itself."""

    minute: Annotated[int, Field(ge=1)]
    policy: Literal["local"] = "local"
    limit_by: Literal["consumer"] = "consumer"
    fault_tolerant: bool = True


class RequestSizeConfig(KongObject):
    """The largest body, in bytes: Kong's megabytes have 2^20, the model server's limit has none."""

    allowed_payload_size: Annotated[int, Field(ge=1, le=2_147_483_647)]
    size_unit: Literal["bytes"] = "bytes"
    require_content_length: bool = False


class CorrelationIdConfig(KongObject):
    """One id per request, in the gateway's log, the model's log and the answer."""

    header_name: str = "X-Request-ID"
    generator: Literal["uuid"] = "uuid"
    echo_downstream: Literal[True] = True


class PrometheusConfig(KongObject):
    """What the dashboard shows."""

    per_consumer: bool = False
    status_code_metrics: bool = True
    latency_metrics: bool = True
    bandwidth_metrics: bool = True
    upstream_health_metrics: bool = True


class AddedHeaders(KongObject):
    """Headers of an answer, each `name:value`."""

    headers: list[str]


class MarkConfig(KongObject):
    """Names the service in each of its answers, so that nobody takes another's for its own."""

    add: AddedHeaders


class RemovedHeaders(KongObject):
    """Names of headers."""

    headers: list[str] = KEY_NAMES


class ReplacedHeaders(KongObject):
    """Headers that get another value where they are there, each `name:value`."""

    headers: list[str] = [f"{PROTOCOLS}:realtime"]


class HandOverConfig(KongObject):
    """Takes a client's key out of a WebSocket's request, once Kong has looked at it."""

    remove: RemovedHeaders = RemovedHeaders()
    replace: ReplacedHeaders = ReplacedHeaders()


CONFIGS: dict[str, type[KongObject]] = {
    "key-auth": KeyAuthConfig,
    "rate-limiting": RateLimitingConfig,
    "request-size-limiting": RequestSizeConfig,
    "correlation-id": CorrelationIdConfig,
    "prometheus": PrometheusConfig,
    "response-transformer": MarkConfig,
    "request-transformer": HandOverConfig,
}


class Plugin(KongObject):
    """What Kong does with a service's requests."""

    name: str
    config: SerializeAsAny[KongObject]
    enabled: bool = True
    tags: list[str]

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in CONFIGS:
            raise ValueError(f"we write no such plugin; ours are {', '.join(CONFIGS)}")
        return name

    @field_validator("config", mode="before")
    @classmethod
    def _typed(cls, config: Any, info: ValidationInfo) -> Any:
        """A plugin's name says what its configuration has to look like."""
        kind = CONFIGS.get(info.data.get("name", ""))
        return kind.model_validate(config) if kind else config


class Consumer(KongObject):
    """Somebody who has a key."""

    username: ClientName
    tags: list[str]


def credentials(key: str) -> list[str]:
    """The forms in which a client may give its key, each a credential of its own.

    As it is, in the header `apikey`; as OpenAI's clients send it; and as a page has it among the
    protocols of its WebSocket, which browsers join like this.
    """
    return [key, f"Bearer {key}", f"realtime, openai-insecure-api-key.{key}"]
