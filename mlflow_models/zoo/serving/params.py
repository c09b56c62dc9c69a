"""Checks of request parameters that several models have in common."""

from typing import Any

from zoo.errors import BadParameter


def choice(params: dict[str, Any], name: str, known: tuple[str, ...]) -> str:
    """A parameter that is one of a few words; the first is the default."""
    value = params.get(name, known[0])
    if value not in known:
        raise BadParameter(name, f"is none of {', '.join(known)}")
    return str(value)


def count(params: dict[str, Any], name: str, default: int, most: int) -> int:
    """A parameter that is a number from 1 on."""
    value = int(params.get(name, default))
    if not 1 <= value <= most:
        raise BadParameter(name, f"is not between 1 and {most}")
    return value


def seconds(params: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    """A parameter that is a time."""
    value = float(params.get(name, default))
    if not least <= value <= most:  # neither is NaN
        raise BadParameter(name, f"is not between {least:g} and {most:g} seconds")
    return value
