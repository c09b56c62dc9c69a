"""The model that a collection is explored with: converted once, and kept beside the embeddings."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.data.images import FILE_FORMATS, decode
from zoo.data.outputs import whole_directory
from zoo.errors import BadInput, ZooError

if TYPE_CHECKING:
    from clip_caption.captioner import Captioner

MODEL = "_model"  # of an underscore, so that readers of a directory of Parquet pass over it
BATCH = 64  # texts


def keep(checkpoint: str, clip: str | None, normalize: str | None, directory: Path) -> None:
    """Converts a checkpoint for serving into a directory of embeddings, if it isn't there yet.

    Args:
        checkpoint: demo, a directory, a `.pt` file; or embeddings, whose model is taken.
        clip: the CLIP of a `.pt` file.
        normalize: as `open_model` takes it.
        directory: of the embeddings.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    if (directory / MODEL).is_dir():
        return
    with whole_directory(directory / MODEL) as fresh:
        if (Path(checkpoint) / MODEL).is_dir():
            shutil.copytree(Path(checkpoint) / MODEL, fresh, dirs_exist_ok=True)
        else:
            from clip_caption.building.checkpoint import find
            from clip_caption.building.convert import convert

            convert(find(checkpoint), fresh, clip, normalize=normalize)


def captioner(directory: Path, threads: int) -> "Captioner":
    """The model that embeddings were made with.

    Raises:
        ZooError: it isn't beside them.
    """
    from clip_caption.captioner import Captioner

    if not (directory / MODEL).is_dir():
        raise ZooError(f"'{directory}' lacks its model; run explore.py embed again.")
    return Captioner(directory / MODEL, threads)


def features(captioner: "Captioner", path: Path) -> np.ndarray:
    """CLIP features of an image file, float32 (d,).

    Raises:
        ZooError: it can't be read.
    """
    try:
        image = decode(path.read_bytes(), captioner.pixels_of.size, FILE_FORMATS)
    except OSError as error:
        raise ZooError(f"'{path}' can't be read.") from error
    except BadInput as error:
        raise ZooError(f"'{path}' {error}.") from error
    return np.asarray(captioner.embed([captioner.pixels(image)])[0])


def text_features(captioner: "Captioner", texts: Sequence[str]) -> np.ndarray:
    """CLIP features of texts, float32 (n, d), each different one computed once."""
    from tqdm import tqdm

    unique = list(dict.fromkeys(texts))
    starts = tqdm(range(0, len(unique), BATCH), unit_scale=BATCH, unit="text", desc="reading")
    found = np.concatenate([captioner.embed_texts(unique[s : s + BATCH]) for s in starts])
    rows = {text: row for row, text in enumerate(unique)}
    return np.asarray(found[[rows[text] for text in texts]])
