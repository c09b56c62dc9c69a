"""What stands in the cells of a table: captions, types, places."""

import json

LIST = "captions"  # a column of this name holds several, with SEPARATOR between them
SEPARATOR = "|"


def split_captions(cell: str, column: str, separator: str | None) -> list[str]:
    """Split a cell into its captions: several, where a separator is given or for `captions`.

    Args:
        cell: The cell.
        column: Its column's name.
        separator: What is between captions; None: the usual one in the column `captions` alone.
    """
    if separator is None and column == LIST:
        separator = SEPARATOR
    texts = cell.split(separator) if separator else [cell]
    return [" ".join(text.split()) for text in texts if text.strip()]


def canonical(labels: list[str]) -> str:
    """Several types as one text, which `zoo.data.tables.listed` reads: the same in any order.

    A single type is its own text; several are a JSON list.
    """
    if len(labels) < 2 and not any(label.startswith(("{", "[")) for label in labels):
        return "".join(labels)
    return json.dumps(sorted(labels), ensure_ascii=False)


def coordinates(cell: str) -> list[str]:
    """Latitude and longitude of a cell that has "longitude,latitude", or a JSON list of them."""
    return [one.strip() for one in cell.strip().strip("[]").split(",")][::-1]


def position(found: list[str]) -> tuple[float | None, float | None]:
    """Latitude and longitude in degrees; None for both where they are no place on earth."""
    try:
        latitude, longitude = map(float, found)
    except ValueError:
        return None, None
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        return None, None
    return latitude, longitude


def is_broken(text: str) -> bool:
    """Whether a text has half a character (a lone surrogate, as JSON may have), so that it can't be
    written."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
