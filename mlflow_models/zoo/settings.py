"""The server's settings, each from an environment variable `THERESA_<NAME>`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What an operator may set. Limits are per worker unless they say otherwise."""

    model_config = SettingsConfigDict(env_prefix="THERESA_")

    max_body_bytes: int = Field(
        100_000_000, gt=0, description="A larger body is refused (413) before it is read."
    )
    max_rows: int = Field(
        20_000, gt=0, description="A request with more rows is refused (413); send several."
    )
    max_requests: int = Field(
        64, gt=0, description="Requests taken at once; one more is told to come back (503)."
    )
    request_seconds: float = Field(
        60.0, gt=0, description="What takes longer is given up (504) and stops costing."
    )
    body_seconds: float = Field(30.0, gt=0, description="How long a body may take to arrive (408).")
    drain_seconds: float = Field(
        2.0,
        ge=0,
        description="On SIGTERM /ready is 503 for so long before the server stops listening, so "
        "that a gateway has seen it.",
    )
    grace_seconds: int = Field(
        30, gt=0, description="After that, how long requests in flight may take to finish."
    )
    port: int = Field(8080, gt=0, lt=65536, description="The port to listen on.")
