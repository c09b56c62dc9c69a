"""How the search of a collection is asked."""

from collections.abc import Sequence
from typing import Any

from tests.clip_caption.serving import Record, post

TREES = "a fallen tree lies across the road"
UNDATED = 2  # scenes of the collection whose date can't be read


def found(
    url: str, rows: Sequence[Any], column: str = "search_text", **params: Any
) -> list[Record]:
    """Answers, which are good ones."""
    response = post(url, list(rows), column, num_captions=0, **params)
    assert response.status_code == 200, response.text
    records: list[Record] = response.json()["predictions"]
    return records


def ids(record: Record) -> list[str]:
    """The names of an answer's neighbours."""
    return [one["id"] for one in record["neighbours"]]
