"""Settings from environment variables; each kind has its own prefix."""

import os
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from zoo.errors import ZooError

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# Variables of the same prefix that other parts of the project read, where one shell has them all.
OTHERS = ("API_KEY", "CORES", "EXPORTS", "MODEL", "SCREENSHOTS", "SHARED")
# What Kubernetes tells each pod of a Service that is named theresa.
KUBERNETES = ("THERESA_SERVICE_", "THERESA_PORT_")


class Settings(BaseSettings):
    """What an operator may set of the server, each from `THERESA_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_")

    max_body_bytes: int = Field(
        100_000_000,
        gt=0,
        description="A larger body is refused (413) before it is read; also what gzip unpacks to.",
    )
    max_rows: int = Field(
        20_000, gt=0, description="A request with more rows is refused (413); send several."
    )
    max_requests: int = Field(
        64,
        gt=0,
        description="Requests taken at once, for each worker that the server has; one more is told "
        "to come back (503).",
    )
    request_seconds: Seconds = Field(
        60.0, description="A request that takes longer gets 504, and its work is stopped."
    )
    header_seconds: Seconds = Field(
        10.0, description="How long a request's head may take to arrive (408)."
    )
    body_seconds: Seconds = Field(
        30.0, description="How long a body may take to arrive (408), and an answer to be fetched."
    )
    idle_seconds: int = Field(
        75,
        gt=0,
        description="How long a connection may be idle; longer than the 60 s for which a gateway "
        "keeps one, so that the gateway is the one to close it.",
    )
    drain_seconds: float = Field(
        2.0,
        allow_inf_nan=False,
        ge=0,
        description="On SIGTERM /ready is 503 for so long before the server stops listening, so "
        "that a gateway has seen it.",
    )
    grace_seconds: int = Field(
        30, gt=0, description="After that, how long requests in flight may take to finish."
    )
    port: int = Field(8080, gt=0, lt=65536, description="The port to listen on.")


class FetchSettings(BaseSettings):
    """What an operator may set of fetching photos, each from `THERESA_IMAGE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_IMAGE_")

    hosts: str = Field(
        "",
        description="Where photos may come from, such as 'photos.example.org,*.example.net:8443'; "
        "'*' is every host with a public address; without a port it is 80 and 443. Empty: nowhere.",
    )
    max_bytes: int = Field(20_000_000, gt=0, description="A larger photo is refused.")
    seconds: Seconds = Field(15.0, description="For one photo, with redirects and retries.")
    redirects: int = Field(3, ge=0, description="How many are followed.")
    attempts: int = Field(2, gt=0, description="Where a server is busy or a connection breaks.")


class TrackingSettings(BaseSettings):
    """How commands treat MLflow's tracking server, from `THERESA_TRACKING_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_TRACKING_")

    seconds: Seconds = Field(
        60.0, description="How long to wait for it; one that is started anew is back by then."
    )


Kind = TypeVar("Kind", bound=BaseSettings)


def read(kind: type[Kind]) -> Kind:
    """Read the variables of one kind.

    Raises:
        ZooError: A variable has a value that it can't have.
    """
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{kind.model_config['env_prefix']}{first['loc'][0]}".upper()
        raise ZooError(f"{name}={os.environ.get(name)!r}: {first['msg']}.") from None


def check() -> Settings:
    """Read the server's settings, and see that all variables are right, before anything starts.

    Raises:
        ZooError: A variable has a value that it can't have, or a name that none has.
    """
    known = {f"THERESA_{name}" for name in OTHERS}
    for kind in (Settings, FetchSettings, TrackingSettings):
        read(kind)
        prefix = str(kind.model_config["env_prefix"])
        known |= {(prefix + name).upper() for name in kind.model_fields}
    for name in sorted(os.environ):
        if name.startswith(KUBERNETES):
            continue
        if name.upper().startswith("THERESA_") and name.upper() not in known:
            raise ZooError(f"{name} not found; available: {', '.join(sorted(known))}.")
    return read(Settings)
