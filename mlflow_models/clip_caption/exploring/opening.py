"""The model that a collection is explored with: converted once, and kept beside the embeddings."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from clip_caption.captioner import Captioner
from clip_caption.exploring import encoders
from clip_caption.exploring.encoders import ImageEncoder, PhotoEncoder
from clip_caption.translating.languages import is_read, language_of, why_unread
from zoo.data.images import FILE_FORMATS, decode
from zoo.data.outputs import whole_directory
from zoo.errors import BadInput, ZooError

MODEL = "_model"  # of an underscore, so that readers of a directory of Parquet pass over it
BATCH = 64  # texts
REMEDY = "translate it first (--translate)"


def keep(model: str, convert: Callable[[Path], None], directory: Path) -> None:
    """Converts a model into a directory of embeddings, if it isn't there yet.

    Args:
        model: what a person named; if it is embeddings, their model is taken.
        convert: writes the model's files into a directory.
        directory: of the embeddings.

    Raises:
        CheckpointError: there is no such model.
    """
    if (directory / MODEL).is_dir():
        return
    with whole_directory(directory / MODEL) as fresh:
        if (Path(model) / MODEL).is_dir():
            shutil.copytree(Path(model) / MODEL, fresh, dirs_exist_ok=True)
        else:
            convert(fresh)


def convert_checkpoint(name: str, clip: str | None, normalize: str | None, output: Path) -> None:
    """Converts a checkpoint for serving.

    Args:
        name: demo, a directory, a `.pt` file.
        clip: the CLIP of a `.pt` file.
        normalize: as `open_model` takes it.
        output: a directory.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    from clip_caption.building.checkpoint import find
    from clip_caption.building.convert import convert

    convert(find(name), output, clip, normalize=normalize)


def encoder(directory: Path, threads: int) -> PhotoEncoder:
    """The model that embeddings were made with, for photos.

    Raises:
        ZooError: it isn't beside them.
    """
    if not (directory / MODEL).is_dir():
        raise ZooError(f"'{directory}' lacks its model; run explore.py embed again.")
    kind = ImageEncoder if encoders.is_kept(directory / MODEL) else Captioner
    return kind(directory / MODEL, threads)


def captioner(directory: Path, threads: int) -> Captioner:
    """The model that embeddings were made with, for words.

    Raises:
        ZooError: it isn't beside them, or knows no words.
    """
    found = encoder(directory, threads)
    if isinstance(found, ImageEncoder):
        raise ZooError(
            f"'{directory}' was made by an image encoder, which reads no words; embed the photos "
            "with a --checkpoint for that."
        )
    return found


def features(encoder: PhotoEncoder, path: Path) -> np.ndarray:
    """Features of an image file, float32 (d,).

    Raises:
        ZooError: it can't be read.
    """
    try:
        image = decode(path.read_bytes(), encoder.pixels_of.size, FILE_FORMATS)
    except OSError as error:
        raise ZooError(f"'{path}' can't be read.") from error
    except BadInput as error:
        raise ZooError(f"'{path}' {error}.") from error
    return np.asarray(encoder.embed([encoder.pixels(image)])[0])


def text_features(captioner: Captioner, texts: Sequence[str]) -> np.ndarray:
    """CLIP features of texts, float32 (n, d), each different one computed once."""
    from tqdm import tqdm

    unique = list(dict.fromkeys(texts))
    starts = tqdm(range(0, len(unique), BATCH), unit_scale=BATCH, unit="text", desc="reading")
    found = np.concatenate([captioner.embed_texts(unique[s : s + BATCH]) for s in starts])
    rows = {text: row for row, text in enumerate(unique)}
    return np.asarray(found[[rows[text] for text in texts]])


def check_words(captioner: Captioner, words: str) -> None:
    """Refuses search words that CLIP can't read.

    Raises:
        ZooError: they are in another language.
    """
    if why := why_unread(words, captioner.reads, REMEDY):
        raise ZooError(f"The text of --words {why}.")


def readable(captioner: Captioner, texts: Sequence[str], given: np.ndarray) -> np.ndarray:
    """Tells which texts CLIP can read, bool (n,).

    Args:
        captioner: the model.
        texts: of a collection, (n,).
        given: which of them aren't empty, bool (n,).

    Raises:
        ZooError: it can read none of them.
    """
    known = np.array([is_read(language_of(one), captioner.reads) for one in texts], bool)
    if given.any() and not (given & known).any():
        why = why_unread(texts[int(np.argmax(given))], captioner.reads, REMEDY)
        raise ZooError(f"Each comment {why}.")
    return known
