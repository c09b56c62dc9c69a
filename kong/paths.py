"""Whether a route that somebody else has at the gateway takes a path."""

import re
from collections.abc import Mapping
from typing import Any

NAMED_GROUP = re.compile(r"\(\?<(?=[A-Za-z_])")  # Kong's (PCRE's, Rust's); Python has (?P<name>
PLAIN = re.compile(r"[A-Za-z0-9/_-]|\\[./-]")  # characters that stand for themselves
REPEATS = re.compile(r"[*?{]")  # the character before it may be missing
OTHERWISE = re.compile(r"\[[:.=]|\\[zGKRX]|\(\?\|")  # Python reads these otherwise, or not at all


class NotUnderstood(ValueError):
    """A route that this tool can't read."""


def takes(route: Mapping[str, Any], path: str) -> str | None:
    """By which of its paths a route takes requests for this path; None if it doesn't.

    `/` alone is what gateways have for the rest: it loses to any longer path.

    Raises:
        NotUnderstood: the route may take the path; its rule can't be read.
    """
    if expression := route.get("expression"):
        raise NotUnderstood(str(expression))
    for one in route.get("paths") or []:
        if one.startswith("~"):
            if _matches(one[1:], path):
                return str(one)
        elif one != "/" and path.startswith(one):
            return str(one)
    return None


def _matches(pattern: str, path: str) -> bool:
    """Whether a regular expression of Kong's matches a path, from its beginning."""
    if not path.startswith(_beginning(pattern)):
        return False
    if OTHERWISE.search(pattern):
        raise NotUnderstood(pattern)
    try:
        return re.match(NAMED_GROUP.sub("(?P<", pattern), path) is not None
    except re.error:
        raise NotUnderstood(pattern) from None


def _beginning(pattern: str) -> str:
    """What any path has to begin with that a regular expression matches."""
    if "|" in pattern:
        return ""
    at, plain = 0, ""
    pattern = pattern.removeprefix("^")
    while found := PLAIN.match(pattern, at):
        if REPEATS.match(pattern, found.end()):
            break
        plain, at = plain + found[0][-1], found.end()
    return plain
