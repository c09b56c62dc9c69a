"""Tells what a collection holds by the contents of its photos and rows, not by their names.

To hash 5,000 photos at each run is cheap, but to read 100,000 is not. So `_stamps.json` keeps each
file's size, times and inode beside its hash, as git's index does; a file with another stamp is read
again. The time of the inode's last change (ctime) can't be set by a program, so that a photo that
is replaced under its name by one of equal size and date is found, too.
"""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from clip_caption.exploring.collection import ImageCollection, Photo
from zoo.data.fingerprints import DIGEST_BYTES, fingerprint
from zoo.data.outputs import write_json
from zoo.data.texts import read_object

STAMPS = "_stamps.json"
SETTLED_NS = 2_000_000_000  # a file that is younger may change again within a tick of its clock


def digest(content: bytes) -> str:
    """Hash bytes as `zoo.data.fingerprints` hashes a file's."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def row_digest(path: str, fields: dict[str, Any]) -> str:
    """Hash what a source says of a photo: where it is, and the values of its columns."""
    text = json.dumps([path, fields], ensure_ascii=False, sort_keys=True, default=str)
    return digest(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Contents:
    """What a collection holds.

    Args:
        photos: The hash of each photo's file, (n,); empty where it can't be read.
        state: The hash of all of it: names, photos, rows and columns, in their order.
    """

    photos: Sequence[str]
    state: str

    @classmethod
    def read(cls, collection: ImageCollection, directory: Path) -> "Contents":
        """Hash a collection; files whose stamp is known are not read.

        Args:
            collection: The images.
            directory: Where the stamps are kept.
        """
        known = read_object(directory / STAMPS, missing={})
        stamps: dict[str, list[Any]] = {}
        settled = time.time_ns() - SETTLED_NS
        whole = hashlib.blake2b(str(collection.schema).encode(), digest_size=DIGEST_BYTES)
        photos = []
        shown = tqdm(collection, total=len(collection), unit="image", desc="hashing", leave=False,
                     delay=1)  # fmt: skip
        for photo in shown:
            found = _of_file(photo.path, known, stamps, settled) if photo.path else _of_data(photo)
            photos.append(found)
            whole.update(f"{photo.id}\0{found}\0{row_digest(photo.path, photo.fields)}\n".encode())
        if stamps != known:
            directory.mkdir(parents=True, exist_ok=True)
            write_json(directory / STAMPS, stamps)
        return cls(photos, whole.hexdigest())


def _of_data(photo: Photo) -> str:
    try:
        return digest(photo.read())
    except OSError:
        return ""


def _of_file(
    name: str, known: dict[str, list[Any]], stamps: dict[str, list[Any]], settled: int
) -> str:
    """Hash a file, and put its stamp among those to keep unless the file is very young."""
    try:
        status = os.stat(name)
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        old = known.get(name, [])
        found = old[-1] if old[:-1] == stamp else ""
        if not found:
            found = fingerprint(Path(name)) if Path(name).is_file() else ""
    except OSError:
        return ""
    if max(status.st_mtime_ns, status.st_ctime_ns) < settled:
        stamps[name] = [*stamp, found]
    return found
