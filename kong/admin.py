"""A client of Kong's Admin API: HTTPS with verified certificates, errors in a person's words.

What must not be seen (keys, the secret of a probe) is named to the client once and never shows up
in what it says, not even where Kong repeats it.
"""

import ssl
from collections.abc import Callable, Iterator
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
    """

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self.url = https(url, "The Admin API")
        self._secrets: set[str] = set()
        self._client = httpx2.Client(
            base_url=self.url, verify=context, timeout=TIMEOUT, trust_env=False
        )

    def hide(self, *secrets: str) -> None:
        """Never lets these be seen."""
        self._secrets.update(secrets)

    def close(self) -> None:
        """Lets go of the connection."""
        self._client.close()

    def check(self) -> str:
        """The gateway's version, if it is one that takes objects.

        Raises:
            GatewayError: it is none, too old, or has no database.
        """
        about = self.get("/") or {}
        try:
            version = str(about["version"])
            numbers = tuple(int(part) for part in version.split(".")[:2])
            database = about["configuration"]["database"]
        except (LookupError, TypeError, ValueError):
            raise GatewayError(f"{self.url} doesn't answer as Kong's Admin API does.") from None
        if numbers < OLDEST:
            raise GatewayError(f"{self.url} is Kong {version}; 3.0 or later is needed.")
        if database == "off":
            raise GatewayError(DB_LESS, 405)
        return version

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

    def call(
        self, method: str, path: str, body: Body | None = None, missing_is_fine: bool = False
    ) -> Body | None:
        """Does one thing, once.

        Returns:
            What Kong answered; None where there was nothing, or nothing to say.

        Raises:
            GatewayError: it didn't, or may not have been done.
        """
        response = say_why(
            lambda: self._client.request(method, path, json=body), self.url, "the Admin API"
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
        if status == 400 and "certificate" in said.lower():
            return f"{self.url} wants a client certificate: give --cert and --key."
        if status in (401, 403):
            return f"{self.url} doesn't let us {method} {path} ({status}): {said}"
        return f"Kong answered {method} {path} with {status}: {said}"


def _said(response: httpx2.Response) -> str:
    """Kong's sentence, or the first line of what came instead."""
    said: Any
    try:
        said = response.json()["message"]
    except (ValueError, LookupError, TypeError):
        said = response.text
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
