"""Finds photos that look the same: saved again, scaled, cropped a little, or stamped.

The perceptual hash is ImageHash's pHash: the signs of the 64 lowest frequencies of a cosine
transform. Two photos are near copies if few of the 64 bits differ (their Hamming distance).
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

NEAR_BITS = 8  # of 64; the card says what this distance finds, and what it takes for copies
BLOCK_ROWS = 512  # rows compared with all others at a time: 400 MB for 100,000 photos


def perceptual_hash(image: "Image.Image") -> int:
    """Return an image's pHash, an unsigned 64-bit number."""
    import imagehash  # type: ignore[import-untyped]

    return int(str(imagehash.phash(image)), 16)


def near_pairs(hashes: np.ndarray, distance: int = NEAR_BITS) -> list[tuple[int, int, int]]:
    """Find the pairs of photos whose hashes are near; every pair is compared.

    Args:
        hashes: Of `perceptual_hash`, uint64 (n,).
        distance: The most bits that may differ, 0 to 64.

    Returns:
        The rows of each pair, the lower first, and how many bits differ; in the order of the rows.
    """
    hashes = np.asarray(hashes, np.uint64)
    pairs = []
    for start in range(0, len(hashes), BLOCK_ROWS):
        block = hashes[start : start + BLOCK_ROWS, None]  # (block, 1)
        bits = np.bitwise_count(block ^ hashes[None, start:])  # (block, n - start)
        for one, other in np.argwhere(bits <= distance):
            if one < other:
                pairs.append((start + int(one), start + int(other), int(bits[one, other])))
    return pairs
