"""Addresses of model servers, in the one form in which Kong keeps them."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
LONGEST_NAME = 253  # characters, by RFC 1035
PORT = re.compile(r"[1-9][0-9]{0,4}")
LAST_PORT = 65535


def normal(address: str) -> str:
    """HOST:PORT as Kong keeps it: an IPv6 address, in brackets, is written out.

    Raises:
        ValueError: the text is not such an address.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not PORT.fullmatch(port) or int(port) > LAST_PORT:
        raise ValueError(f"an address is HOST:PORT with a port from 1 to {LAST_PORT}")
    if host.startswith("[") and host.endswith("]"):
        try:
            return f"[{ipaddress.IPv6Address(host[1:-1].partition('%')[0]).exploded}]:{port}"
        except ValueError:
            raise ValueError(f"'{host}' is not an IPv6 address") from None
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets, such as [2001:db8::5]:8080")
    if re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError(f"'{host}' is not an IPv4 address") from None
    elif len(host) > LONGEST_NAME or not all(LABEL.fullmatch(one) for one in host.split(".")):
        raise ValueError(f"'{host}' is not a host name")
    return address


Address = Annotated[str, AfterValidator(normal)]
