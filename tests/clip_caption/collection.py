"""A collection of drawn scenes, and what is known of it."""

from pathlib import Path

import pandas as pd

COUNT = 90


def types(embedded: Path) -> dict[str, str]:
    """The problem in each photo, by its name.

    Args:
        embedded: the scenes, embedded.
    """
    table = pd.read_parquet(embedded)
    return dict(zip(table["id"], table["type"], strict=True))
