"""A client of Kong's Admin API: HTTPS with verified certificates, errors in a person's words.

What must not be seen (keys, the secret of a probe) is named to the client once and never shows up
in what it says, not even where Kong repeats it.
"""

import html
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2

from kong.errors import GatewayError, KongError
from kong.objects import Body

OLDEST = (3, 0)  # the first that takes `~` before a path for a regular expression
TIMEOUT = httpx2.Timeout(15.0, connect=10.0)
DB_LESS = (
    "This Kong has no database, so it takes no single objects: put the model into services.yaml, "
    "`python kong/declare.py`, and load the file by KONG_DECLARATIVE_CONFIG or POST /config."
)
WORKSPACE = re.compile(r"[A-Za-z0-9_.~-]+")


@dataclass(frozen=True)
class About:
    """What a gateway says of itself.

    Attributes:
        version: of Kong.
        role: `traditional`, or `control_plane`: then other nodes take the traffic, and this one
            doesn't know how healthy a target is.
    """

    version: str
    role: str

    @property
    def knows_health(self) -> bool:
        """Whether `/upstreams/U/health` means anything."""
        return self.role != "control_plane"


def tls(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Verifies the other side by the system's authorities, or this one; there is no other way.

    Args:
        ca: the authority that signed the gateway's certificate, in PEM.
        certificate: our own, for a gateway that asks for one, in PEM.
        key: its private key, if it isn't in the same file.

    Raises:
        KongError: a file that can't be read or isn't what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except OSError as error:
        raise KongError(f"The authority's file '{ca}' can't be read: {_reason(error)}.") from None
    if key and not certificate:
        raise KongError("A key without its certificate is of no use: give --cert too.")
    if certificate:
        try:
            context.load_cert_chain(certificate, key, password=_no_password)
        except OSError as error:
            said = f"'{certificate}', with its key, can't be used: {_reason(error)}."
            raise KongError(f"The client's certificate {said}") from None
    return context


def _no_password() -> bytes:
    """Instead of asking on the terminal, which a pipeline hasn't got."""
    return b""


def _reason(error: OSError) -> str:
    reason = getattr(error, "reason", None) or error.strerror or str(error)
    return str(reason).lower().replace("_", " ")


def https(url: str, what: str) -> str:
    """An address without its last slash, if it is one of HTTPS."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise KongError(f"{what} has to be an https:// address, and '{url}' is not.")
    if parts.username or parts.password:
        raise KongError(f"{what} must not carry a password: others can read command lines.")
    return url.rstrip("/")


class Admin:
    """Kong's Admin API.

    Args:
        url: such as `https://kong.internal:8444`.
        context: what verifies it, with our certificate.
        token: for a gateway whose Admin API has users (Kong Enterprise).
        workspace: which one to work in (Kong Enterprise).

    Attributes:
        url: with the workspace: where the objects are.
    """

    def __init__(
        self, url: str, context: ssl.SSLContext, token: str = "", workspace: str = ""
    ) -> None:
        if workspace and not WORKSPACE.fullmatch(workspace):
            raise KongError(f"A workspace can't be named '{workspace}'.")
        if not (token.isascii() and token.isprintable()):
            raise KongError("The token of the Admin API isn't one line of plain characters.")
        self._root = https(url, "The Admin API")
        self.url = f"{self._root}/{workspace}" if workspace else self._root
        self._secrets = {token} - {""}
        headers = {"Kong-Admin-Token": token} if token else {}
        self._client = httpx2.Client(
            verify=context, timeout=TIMEOUT, trust_env=False, headers=headers
        )
        self._about: About | None = None

    def hide(self, *secrets: str) -> None:
        """Never lets these be seen."""
        self._secrets.update(secrets)

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()

    def about(self) -> About:
        """The gateway's version and role, if it is one of ours.

        Raises:
            GatewayError: it is none, or too old.
        """
        if self._about:
            return self._about
        said = self.get("/") or {}
        try:
            version, configuration = str(said["version"]), said["configuration"]
            numbers = tuple(int(part) for part in version.split(".")[:2])
            self._database = configuration["database"]
        except (LookupError, TypeError, ValueError):
            raise GatewayError(f"{self.url} doesn't answer as Kong's Admin API does.") from None
        if numbers < OLDEST:
            raise GatewayError(f"{self.url} is Kong {version}; 3.0 or later is needed.")
        self._about = About(version, str(configuration.get("role") or "traditional"))
        return self._about

    def check(self) -> About:
        """The gateway's version and role, if it takes objects.

        Raises:
            GatewayError: not Kong, too old, without a database, or a data plane.
        """
        about = self.about()
        if about.role == "data_plane":
            raise GatewayError(
                f"{self.url} is a data plane, which takes no objects: give --admin the control "
                "plane's address."
            )
        if self._database == "off":
            raise GatewayError(DB_LESS, 405)
        return about

    def get(self, path: str) -> Body | None:
        """An object, or None if there is none."""
        return self.call("GET", path, missing_is_fine=True)

    def all(self, path: str) -> Iterator[Body]:
        """Every object of a collection, page after page."""
        following: str | None = f"{path}{'&' if '?' in path else '?'}size=1000"
        while following:
            page = self.get(following) or {}
            yield from page.get("data", [])
            following = page.get("next")
            if following:  # in a workspace, its name may be there or not
                following = following.removeprefix(self.url.removeprefix(self._root))

    def call(
        self, method: str, path: str, body: Body | None = None, missing_is_fine: bool = False
    ) -> Body | None:
        """Does one thing, once.

        Returns:
            What Kong answered; None where there was nothing, or nothing to say.

        Raises:
            GatewayError: it didn't, or may not have been done.
        """
        url = self._root + path if path == "/" else self.url + path  # what it is, in no workspace
        response = say_why(
            lambda: self._client.request(method, url, json=body), self.url, "the Admin API"
        )
        if response.status_code == 404 and missing_is_fine:
            return None
        if not response.is_success:
            raise GatewayError(self._refusal(method, path, response), response.status_code)
        try:
            return dict(response.json()) if response.content else None
        except ValueError:
            raise GatewayError(f"{self.url} doesn't answer as Kong's Admin API does.") from None

    def _refusal(self, method: str, path: str, response: httpx2.Response) -> str:
        status, said = response.status_code, _said(response)
        for secret in self._secrets:
            said = said.replace(secret, "(hidden)")
        if status == 405:
            return DB_LESS
        if status == 400 and "ssl certificate" in said.lower():
            wants = "wants a client certificate that an authority of its own has signed"
            return f"{self.url} {wants} ({said}): give --cert and --key."
        if status in (401, 403):
            hint = "" if "Kong-Admin-Token" in self._client.headers else "; try giving --token-file"
            return f"{self.url} doesn't let us {method} {path} ({status}): {said}{hint}"
        return f"Kong answered {method} {path} with {status}: {said}"


@dataclass(frozen=True)
class Gateway:
    """Where the gateway is and how it is spoken to."""

    admin: Admin
    proxy: str
    context: ssl.SSLContext


def _said(response: httpx2.Response) -> str:
    """Kong's sentence, or the title or the first line of what came instead."""
    said: Any
    try:
        said = response.json()["message"]
    except (ValueError, LookupError, TypeError):
        title = re.search(r"<title>(?:\d{3} )?(.*?)</title>", response.text, re.DOTALL)
        said = html.unescape(title[1]) if title else response.text
    return (str(said).strip().splitlines() or [response.reason_phrase])[0][:300]


def say_why(call: Callable[[], httpx2.Response], url: str, what: str) -> httpx2.Response:
    """The answer of a call, or why there is none."""
    try:
        return call()
    except httpx2.TransportError as error:
        said = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in said:
        said = said.rsplit("certificate verify failed: ", 1)[-1].split(" (_ssl")[0]
        said = f"The certificate of {url} can't be trusted ({said}): is --ca the one that signed it"
        raise GatewayError(f"{said}, and is that its name?") from None
    if "alert" in said.lower() and "certificate" in said.lower():
        raise GatewayError(
            f"{url} doesn't accept our certificate: give --cert and --key."
        ) from None
    raise GatewayError(f"{what[0].upper()}{what[1:]} at {url} can't be reached: {said}.") from None
