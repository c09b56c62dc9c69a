"""Connections to public addresses only, each ending at a deadline.

A host's name is looked up once, and the connection goes to one of the addresses that were checked.
So an attacker gains nothing if the name leads elsewhere a moment later (DNS rebinding).
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Collection
from contextvars import ContextVar
from typing import Any

import httpcore2

from zoo.errors import BadInput

METADATA = [ipaddress.ip_address(one) for one in ("fd00:ec2::254", "100.100.100.200")]  # of clouds
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
TUNNELS = [ipaddress.ip_network(one) for one in ("2001::/32", "2002::/16")]  # Teredo, 6to4
NAT64 = ipaddress.ip_network("64:ff9b::/96")
deadline: ContextVar[float] = ContextVar("deadline")  # by time.monotonic


def remaining() -> float:
    """Give the seconds until the deadline.

    Raises:
        httpcore2.ReadTimeout: The deadline has passed.
    """
    left = deadline.get() - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout
    return left


def is_public(address: str) -> bool:
    """Tell whether an address is public: not this machine's, its network's or a tunnel's."""
    ip: Any = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6:
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip in NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip not in GLOBAL_UNICAST or any(ip in network for network in TUNNELS):
            return False
    return bool(ip.is_global and not ip.is_multicast and not ip.is_reserved)


def may_be_private(address: str) -> bool:
    """Tell whether an address may be opened where private ones are allowed.

    Link-local addresses may not, nor others at which a cloud tells a machine its credentials.
    """
    ip: Any = ipaddress.ip_address(address.partition("%")[0])
    if ip.version == 6 and ip.ipv4_mapped is not None:
        return may_be_private(str(ip.ipv4_mapped))
    if ip.version == 6 and ip in NAT64:
        return may_be_private(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
    return not (ip.is_link_local or ip in METADATA)


class NotFetched(BadInput):
    """A photo that can't, or may not, be fetched from its address.

    Args:
        reason: Starts with a verb ("names a host that isn't allowed"), for a sentence that names
            the input.
        permanent: Whether another attempt, or other settings, would fail, too.
    """

    def __init__(self, reason: str, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class CheckedBackend(httpcore2.NetworkBackend):
    """Looks a name up, and connects to those of its addresses that are public.

    Args:
        private: Whether addresses that aren't public are allowed too, or of which hosts.
    """

    def __init__(self, private: bool | Collection[str]) -> None:
        self._private, self._plain = private, httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline rules
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore2.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise httpcore2.ConnectError("no name server answers") from None
            raise NotFetched("names a host that doesn't exist", permanent=True) from None
        addresses = [str(one[4][0]) for one in found]
        allowed = [one for one in addresses if self._allows(host, one)]
        if not allowed:
            raise NotFetched("names a host whose address isn't public")
        for address in allowed[:-1]:
            try:
                return self._connect(address, port, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(allowed[-1], port, local_address, socket_options)

    def _allows(self, host: str, address: str) -> bool:
        named = self._private if isinstance(self._private, bool) else host in self._private
        return may_be_private(address) if named else is_public(address)

    def _connect(self, address: str, port: int, *options: Any) -> httpcore2.NetworkStream:
        return _Timed(self._plain.connect_tcp(address, port, remaining(), *options))


class _Timed(httpcore2.NetworkStream):
    """A stream: each of its steps ends at the deadline of the photo that is fetched."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, remaining())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, remaining())

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, remaining()))

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
