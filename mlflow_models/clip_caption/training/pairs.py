"""Reads the data sets of images and captions that prepare.py writes."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooError

if TYPE_CHECKING:
    from datasets import Dataset
    from PIL import Image

COLUMNS = ("image", "captions", "name")


def open_pairs(path: Path) -> "Dataset":
    """Opens a data set.

    Args:
        path: a directory that prepare.py wrote (one split of it).

    Raises:
        ZooError: it isn't, or is empty.
    """
    from datasets import load_from_disk

    try:
        data: Dataset = load_from_disk(str(path))
    except (FileNotFoundError, ValueError) as error:
        raise ZooError(f"'{path}' is no data set that prepare.py wrote.") from error
    if missing := set(COLUMNS) - set(getattr(data, "column_names", [])):
        raise ZooError(f"'{path}' lacks the column '{sorted(missing)[0]}'; use prepare.py.")
    if len(data) == 0:
        raise ZooError(f"'{path}' is empty.")
    return data


def open_image(data: bytes, name: str) -> "Image.Image":
    """Decodes an image.

    Args:
        data: of the file.
        name: of the row, for the message.

    Raises:
        ZooError: it is damaged.
    """
    from PIL import Image

    try:
        return Image.open(io.BytesIO(data)).convert("RGB")
    except (OSError, ValueError) as error:
        raise ZooError(f"The image '{name}' can't be read; drop it with prepare.py.") from error


def images(data: "Dataset") -> Iterator["Image.Image"]:
    """Decodes the images of a data set, one after another."""
    for row in data.select_columns(["image", "name"]):
        yield open_image(row["image"], row["name"])
