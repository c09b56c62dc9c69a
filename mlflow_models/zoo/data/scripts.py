"""Converts Chinese text between its scripts, by OpenCC's tables."""

import functools
from typing import Any


def convert(text: str, conversion: str) -> str:
    """Convert a text; any number of threads may do so at a time.

    Args:
        text: The text.
        conversion: As OpenCC calls it: `t2s` is from traditional to simplified characters.
    """
    return str(_converter(conversion).convert(text))


@functools.cache
def _converter(conversion: str) -> Any:
    from opencc import OpenCC

    return OpenCC(conversion)
