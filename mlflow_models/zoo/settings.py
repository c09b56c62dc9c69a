"""Settings from environment variables; each kind has its own prefix."""

import os
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from zoo.errors import ZooError

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
# Variables with the same prefix that other parts of the project read.
OTHERS = ("API_KEY", "CORES", "EXPORTS", "GPU_IMAGES", "MODEL", "SCREENSHOTS", "SHARED")
# Kubernetes sets these in each pod for a Service that is named theresa.
KUBERNETES = ("THERESA_SERVICE_", "THERESA_PORT_")
MIN_KEY_BYTES = 16  # a shorter key can be guessed


class Settings(BaseSettings):
    """What an operator may set of the server, each from `THERESA_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_")

    max_body_bytes: int = Field(
        100_000_000,
        gt=0,
        description="A larger body is refused (413) before it is read; the limit also holds for "
        "an unpacked gzip body.",
    )
    max_rows: int = Field(
        20_000, gt=0, description="A request with more rows is refused (413); send several."
    )
    max_requests: int = Field(
        64,
        gt=0,
        description="Requests at a time, times the number of workers; one more gets 503.",
    )
    request_seconds: Seconds = Field(
        60.0, description="A request that takes longer gets 504, and its work is stopped."
    )
    stream_seconds: Seconds = Field(
        14_400.0,
        description="How long an answer that flows (`text/event-stream`) may take in all; the "
        "time to each of its events is limited by THERESA_REQUEST_SECONDS.",
    )
    spool: str = Field(
        "",
        description="A mounted folder for files that are sent as the body or in a form. There a "
        "file may be larger than THERESA_MAX_BODY_BYTES, and needs no memory. Empty: no file is "
        "written.",
    )
    spool_bytes: int = Field(
        2_000_000_000, gt=0, description="A larger file is refused (413), with THERESA_SPOOL."
    )
    collection: str = Field(
        "",
        description="A mounted directory that `explore.py index` wrote: clip_caption searches its "
        "photos in place of the packed ones.",
    )
    live_streams: int = Field(
        16, gt=0, description="Live streams at a time, in each worker; one more is refused."
    )
    live_seconds: Seconds = Field(
        86_400.0, description="How long a live stream may last; then it ends."
    )
    live_idle_seconds: Seconds = Field(
        60.0, description="A live stream to which nothing is sent for so long ends."
    )
    live_ahead_seconds: Seconds = Field(
        30.0,
        description="Seconds of a live stream's sound that may wait for the model; until there is "
        "room, the server reads no more of it.",
    )
    header_seconds: Seconds = Field(
        10.0, description="How long a request's head may take to arrive (408)."
    )
    body_seconds: Seconds = Field(
        30.0,
        description="How long a body may take to arrive (408); also how long a client may pause "
        "while it reads its answer.",
    )
    idle_seconds: int = Field(
        75,
        gt=0,
        description="How long a connection may be idle; longer than a gateway's 60 s, so that the "
        "gateway closes it first.",
    )
    drain_seconds: float = Field(
        6.0,
        allow_inf_nan=False,
        ge=0,
        description="After SIGTERM, how long /ready is 503 before the server stops listening: the "
        "time in which a gateway's probes see it (Kong's: 2 s apart, two failures), and one more.",
    )
    grace_seconds: int = Field(
        30, gt=0, description="After that, how long requests in flight may take to finish."
    )
    port: int = Field(8080, gt=0, lt=65536, description="The port to listen on.")


class DeviceSettings(BaseSettings):
    """Where a model computes, each from `THERESA_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_")

    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        description="`auto`: the GPU where the model and the host have one, else the CPU. `cpu`: "
        "never the GPU. `cuda`: the GPU, or the server doesn't start.",
    )
    gpu_memory: float = Field(
        0.0,
        ge=0,
        allow_inf_nan=False,
        description="GB of the GPU's memory that ONNX Runtime may take, and for which Whisper's "
        "batches are made; 0: all of it.",
    )


class FetchSettings(BaseSettings):
    """What an operator may set of fetching photos, each from `THERESA_IMAGE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_IMAGE_")

    hosts: str = Field(
        "",
        description="Hosts that photos may come from, such as "
        "'photos.example.org,*.example.net:8443'. '*' is every host with a public address. Without "
        "a port, 80 and 443 are allowed. Empty: no host.",
    )
    private_hosts: str = Field(
        "",
        pattern=r"^[^*?\[\]]*$",
        description="Hosts of the operator's own network, each by its name or address, such as "
        "'store.example.org:9000': photos may come from these, too. Never from a link-local "
        "address, where a cloud keeps its credentials.",
    )
    proxy: str = Field(
        "",
        pattern=r"^(http://([^@/]+@)?[^@/:]+(:[0-9]+)?/?)?$",
        description="'http://NAME:PORT' (or 'http://USER:PASSWORD@NAME:PORT'): photos of public "
        "hosts come through this proxy. It looks up their names itself; so it has to refuse "
        "addresses of its own network.",
    )
    max_bytes: int = Field(20_000_000, gt=0, description="A larger photo is refused.")
    seconds: Seconds = Field(15.0, description="For one photo, with its redirects and attempts.")
    redirects: int = Field(3, ge=0, description="How many redirects are followed.")
    attempts: int = Field(
        2, gt=0, description="How often to try, if a server is busy or a connection breaks."
    )


class MaskSettings(BaseSettings):
    """The key of hashes in place of personal data, from `THERESA_MASK_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_MASK_")

    key: SecretStr = Field(
        SecretStr(""), description=f"The key itself, of at least {MIN_KEY_BYTES} bytes in UTF-8."
    )
    key_file: str = Field("", description="A file that has the key; blanks around it go.")


class TrackingSettings(BaseSettings):
    """How commands treat MLflow's tracking server, from `THERESA_TRACKING_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="THERESA_TRACKING_")

    seconds: Seconds = Field(
        60.0, description="How long to wait for the server; a restart takes less."
    )


def mask_key() -> bytes:
    """Read the key of hashes in place of personal data; empty if none is set.

    Raises:
        ZooError: The key is too short, the file can't be read, or there are both. The key itself
            is in no message.
    """
    settings = read(MaskSettings)
    name, key = "THERESA_MASK_KEY", settings.key.get_secret_value().encode()
    if settings.key_file:
        if key:
            raise ZooError("THERESA_MASK_KEY and THERESA_MASK_KEY_FILE are both set; unset one.")
        name = f"THERESA_MASK_KEY_FILE={settings.key_file!r}"
        try:
            key = Path(settings.key_file).read_bytes().strip()
        except OSError as error:
            raise ZooError(f"{name}: {error.strerror}.") from None
    if (settings.key_file or key) and len(key) < MIN_KEY_BYTES:
        raise ZooError(
            f"{name}: the key has {len(key)} bytes; it needs {MIN_KEY_BYTES} or more, such as "
            "those of 'openssl rand -hex 32'."
        )
    return key


Kind = TypeVar("Kind", bound=BaseSettings)


def read(kind: type[Kind]) -> Kind:
    """Read the variables of one kind.

    Raises:
        ZooError: A variable's value isn't allowed.
    """
    try:
        return kind()
    except ValidationError as error:
        first = error.errors()[0]
        name = f"{kind.model_config['env_prefix']}{first['loc'][0]}".upper()
        raise ZooError(f"{name}={os.environ.get(name)!r}: {first['msg']}.") from None


def check() -> Settings:
    """Read the server's settings, and check all variables, before anything starts.

    Raises:
        ZooError: A variable's value isn't allowed, or its name is unknown.
    """
    known = {f"THERESA_{name}" for name in OTHERS}
    mask_key()
    for kind in (Settings, DeviceSettings, FetchSettings, MaskSettings, TrackingSettings):
        read(kind)
        prefix = str(kind.model_config["env_prefix"])
        known |= {(prefix + name).upper() for name in kind.model_fields}
    for name in sorted(os.environ):
        if name.startswith(KUBERNETES):
            continue
        if name.upper().startswith("THERESA_") and name.upper() not in known:
            raise ZooError(f"{name} not found; available: {', '.join(sorted(known))}.")
    return read(Settings)
