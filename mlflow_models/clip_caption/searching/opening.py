"""Opens the collection that a model searches: a mounted one, or the one that is packed."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from clip_caption.searching.index import Index
from zoo.errors import CheckpointError
from zoo.settings import Settings, read


def directory_of(directory: Path) -> Path:
    """Give the directory that THERESA_COLLECTION names, or else where `build.py` packs an index."""
    return Path(read(Settings).collection or directory / "index")


def open_collection(
    directory: Path, embed_texts: Callable[[Sequence[str]], np.ndarray]
) -> Index | None:
    """Open the directory that THERESA_COLLECTION names, or else the packed index.

    Args:
        directory: What `build.py` packed; `index/` is in it where an index was given.
        embed_texts: `Captioner.embed_texts`, which tells whether a mounted index is of this CLIP.

    Returns:
        The collection; None if there is none.

    Raises:
        CheckpointError: What is mounted isn't an index, or is another CLIP's.
    """
    mounted, packed = read(Settings).collection, directory / "index"
    if not mounted:
        return Index.read(packed) if packed.is_dir() else None
    try:
        index = Index.read(Path(mounted))
        index.check(embed_texts)
    except CheckpointError as error:
        raise CheckpointError(f"THERESA_COLLECTION={mounted!r}: {error}") from error
    return index
