"""Files for TensorBoard's projector: `tensorboard --logdir DIRECTORY`, then PROJECTOR.

Its page of the network (projector.tensorflow.org) takes the same tensors and metadata by hand.
"""

import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

MAX_SPRITE_PIXELS = 8192  # pixels of the sprite's side, which the page allows
CONFIG = """embeddings {{
  tensor_name: "photos"
  tensor_shape: {count}
  tensor_shape: {width}
  tensor_path: "tensors.bytes"
  metadata_path: "metadata.tsv"
{sprite}}}
"""
SPRITE = """  sprite {{
    image_path: "sprite.png"
    single_image_dim: {side}
    single_image_dim: {side}
  }}
"""


def write(
    directory: Path,
    vectors: np.ndarray,
    columns: dict[str, Sequence[str]],
    thumbnails: Sequence[bytes] | None,
    side: int = 64,
) -> None:
    """Writes tensors, metadata, the sprite and the configuration.

    Args:
        directory: made where it is missing.
        vectors: float32 (n, d).
        columns: of the metadata, each (n,).
        thumbnails: JPEGs, (n,); None: no sprite.
        side: of a thumbnail in the sprite, pixels; less where there are many.
    """
    directory.mkdir(parents=True, exist_ok=True)
    vectors.astype("<f4").tofile(directory / "tensors.bytes")
    lines = ["\t".join(columns)] if len(columns) > 1 else []  # one column has no heading there
    lines += ["\t".join(map(_cell, row)) for row in zip(*columns.values(), strict=True)]
    (directory / "metadata.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    sprite = ""
    if thumbnails:
        across = math.ceil(math.sqrt(len(thumbnails)))
        side = min(side, MAX_SPRITE_PIXELS // across)
        _sprite(thumbnails, across, side).save(directory / "sprite.png")
        sprite = SPRITE.format(side=side)
    config = CONFIG.format(count=len(vectors), width=vectors.shape[1], sprite=sprite)
    (directory / "projector_config.pbtxt").write_text(config, encoding="utf-8")


def _sprite(thumbnails: Sequence[bytes], across: int, side: int) -> Image.Image:
    """All thumbnails in one square image, row by row."""
    page = Image.new("RGB", (across * side, across * side), "white")
    for number, content in enumerate(thumbnails):
        with Image.open(io.BytesIO(content)) as image:
            image.thumbnail((side, side))
            page.paste(image, (number % across * side, number // across * side))
    return page


def _cell(value: str) -> str:
    return " ".join(str(value).split()) or "-"  # an empty line would be a missing row
