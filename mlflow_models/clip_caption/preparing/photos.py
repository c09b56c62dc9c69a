"""Looks at photos: which can be read, how large they are, which are the same."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from zoo.data.images import decode
from zoo.errors import BadInput

SIDE = 64  # pixels that a look needs; larger photos are decoded at a reduced scale
KINDS = ("none", "bytes", "look")  # of duplicates that are left out


@dataclass(frozen=True)
class Look:
    """What is seen of a photo.

    Args:
        width: pixels, upright; as `height`, of the file, not of what was decoded.
        height: likewise.
        size: of the file, in bytes.
        content: a hash of the file.
        look: a perceptual hash, equal for photos that look the same.
        reason: why it can't be used; empty where it can.
        detail: more of it.
    """

    width: int = 0
    height: int = 0
    size: int = 0
    content: str = ""
    look: str = ""
    reason: str = ""
    detail: str = ""


def look_at(path: Path, smallest: int = 1) -> Look:
    """Reads a photo, upright, and looks at it.

    The perceptual hash is that of ImageHash: the signs of the lowest frequencies of a cosine
    transform; scaling and another JPEG quality seldom change it.

    Args:
        path: its file.
        smallest: pixels of its shorter side; what is smaller can't be used.
    """
    import imagehash  # type: ignore[import-untyped]
    from PIL import Image

    try:
        content = path.read_bytes()
        image = decode(content, SIDE)
    except BadInput as error:
        return Look(reason="unreadable", detail=str(error))
    except OSError as error:
        return Look(reason="unreadable", detail=str(error.strerror))
    with Image.open(path) as header:
        width, height = header.size
    if (image.width > image.height) != (width > height):
        width, height = height, width
    if min(width, height) < smallest:
        return Look(reason="too small")
    digest = hashlib.sha256(content).hexdigest()
    return Look(width, height, len(content), digest, str(imagehash.phash(image)))


def look_at_all(paths: Sequence[Path], smallest: int, jobs: int) -> list[Look]:
    """Looks at photos, each file once, in threads: Pillow decodes outside Python's lock."""
    from tqdm import tqdm

    files = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(jobs) as pool:
        found = pool.map(lambda path: look_at(path, smallest), files)
        bar = tqdm(found, total=len(files), desc="look", unit="photo")
        looks = dict(zip(files, bar, strict=True))
    return [looks[path] for path in paths]


def duplicates(looks: Sequence[Look], kind: str) -> tuple[list[bool], dict[str, int]]:
    """Which photos repeat one before them, and how many do so by their bytes and by their look.

    Args:
        looks: of photos that can be used.
        kind: of `KINDS`; what is to be left out.
    """
    repeated = {}
    for name, keys in (
        ("bytes", [one.content for one in looks]),
        ("look", [one.look for one in looks]),
    ):
        seen: Counter[str] = Counter()
        marks = []
        for key in keys:
            marks.append(seen[key] > 0)
            seen[key] += 1
        repeated[name] = marks
    counts = {name: sum(marks) for name, marks in repeated.items()}
    return repeated.get(kind, [False] * len(looks)), counts
