"""Looks at photos: which can be read, how large they are, which are the same."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clip_caption.preparing.copies import near_pairs, perceptual_hash
from clip_caption.preparing.metadata import cleaned
from zoo.data.images import FILE_FORMATS, decode, size_of
from zoo.errors import BadInput
from zoo.training.leaks import same

SIDE = 64  # pixels that a look needs; larger photos are decoded at a reduced scale
KINDS = ("none", "bytes", "look")  # of duplicates that are left out
Pair = tuple[int, int, int]  # two rows, and how many bits of their hashes differ


@dataclass(frozen=True)
class Look:
    """What is seen of a photo.

    Args:
        width: pixels, upright; as `height`, of the file, not of what was decoded.
        height: likewise.
        size: of the file, in bytes.
        content: a hash of the file.
        look: of `perceptual_hash`.
        metadata: the kinds of metadata that the file carries.
        reason: why it can't be used; empty where it can.
        detail: more of it.
    """

    width: int = 0
    height: int = 0
    size: int = 0
    content: str = ""
    look: int = 0
    metadata: tuple[str, ...] = ()
    reason: str = ""
    detail: str = ""


def look_at(path: Path, smallest: int = 1) -> Look:
    """Reads a photo, upright, and looks at it.

    Args:
        path: its file.
        smallest: pixels of its shorter side; what is smaller can't be used.
    """
    try:
        content = path.read_bytes()
        image = decode(content, SIDE, FILE_FORMATS)
        width, height = size_of(content)
        metadata = cleaned(content)[1]
    except BadInput as error:
        return Look(reason="unreadable", detail=str(error))
    except OSError as error:
        return Look(reason="unreadable", detail=str(error.strerror))
    if min(width, height) < smallest:
        return Look(reason="too small")
    digest = hashlib.sha256(content).hexdigest()
    return Look(width, height, len(content), digest, perceptual_hash(image), tuple(metadata))


def look_at_all(paths: Sequence[Path], smallest: int, jobs: int) -> list[Look]:
    """Looks at photos, each file once, in threads: Pillow decodes outside Python's lock."""
    from tqdm import tqdm

    files = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda path: look_at(path, smallest), files)
        bar = tqdm(found, total=len(files), desc="look", unit="photo")
        looks = dict(zip(files, bar, strict=True))
    return [looks[path] for path in paths]


def copies(looks: Sequence[Look], distance: int) -> tuple[list[tuple[int, int]], list[Pair]]:
    """Finds photos that are the same.

    Args:
        looks: of photos that can be used.
        distance: bits of their hashes that may differ.

    Returns:
        Pairs of rows with the same file, each with the first of them; and pairs that look the same
        and aren't the same file. Of several rows with one hash, the first stands for all.
    """
    files = same([one.content for one in looks])
    repeats = {later for _, later in files}
    rows = [row for row in range(len(looks)) if row not in repeats]
    equal = same([looks[row].look for row in rows])
    near = [(rows[one], rows[other], 0) for one, other in equal]
    later_ones = {other for _, other in equal}
    firsts = [row for place, row in enumerate(rows) if place not in later_ones]
    hashes = np.array([looks[row].look for row in firsts], np.uint64)
    near += [
        (firsts[one], firsts[other], bits) for one, other, bits in near_pairs(hashes, distance)
    ]
    return files, sorted(near)
