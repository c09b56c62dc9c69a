"""Reads the data sets of images and captions that prepare.py writes."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.data.images import decode
from zoo.errors import BadInput, ZooError
from zoo.training.stored import open_data

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
    return open_data(path, COLUMNS)


def open_image(data: bytes, name: str, side: int) -> "Image.Image":
    """Decodes an image as the served model does: upright, in RGB, HEIC too.

    Args:
        data: of the file.
        name: of the row, for the message.
        side: of the square that CLIP looks at, pixels; a larger image may be decoded at a reduced
            scale.

    Raises:
        ZooError: it is damaged, or too large.
    """
    try:
        return decode(data, side)
    except BadInput as error:
        raise ZooError(f"The image '{name}' {error}; drop it with prepare.py.") from error


def images(data: "Dataset", side: int) -> Iterator["Image.Image"]:
    """Decodes the images of a data set, one after another; `side` as `open_image` takes it."""
    for row in data.select_columns(["image", "name"]):
        yield open_image(row["image"], row["name"], side)
