"""A collection of drawn scenes, and what is known of it."""

from pathlib import Path

import pandas as pd

COUNT = 90


def facts(embedded: Path) -> pd.DataFrame:
    """What is to be seen in each photo, `type` and `place`, by its name.

    Args:
        embedded: the scenes, embedded.
    """
    return pd.read_parquet(embedded).set_index("id")[["type", "place"]]


def types(embedded: Path) -> dict[str, str]:
    """The problem in each photo, by its name; `embedded` as `facts` takes it."""
    return dict(facts(embedded)["type"])
