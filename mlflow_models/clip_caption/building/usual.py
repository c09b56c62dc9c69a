"""Learns which photos are usual for a model: what `usual.Known` keeps of their features."""

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clip_caption.answering.usual import FILE, Known, mean_distances
from clip_caption.searching.index import normalised
from zoo.errors import ZooError

if TYPE_CHECKING:
    from datasets import Dataset

MAX_KNOWN = 2_000  # photos of the sample: 1 MB with features of 512 numbers; more find little more
MIN_KNOWN = 100  # of fewer, a percentile says little
FOLDS = 10
LEAST_VARIANCE = 1e-9  # of a direction in which features don't vary; elsewhere it is over 1e-6
INT8 = 127
HASHED_SIDE = 128  # pixels; more than the perceptual hash looks at


def sample(count: int, seed: int = 0) -> np.ndarray:
    """Choose the rows of a collection that are learnt from, ascending: int64 (at most 2,000,)."""
    return np.sort(np.random.default_rng(seed).permutation(count)[:MAX_KNOWN])


def learn(features: np.ndarray, groups: np.ndarray, seed: int = 0) -> Known | None:
    """Learn which photos are usual.

    The distances of usual photos are cross-fitted: each fold of groups is compared with the others,
    after whitening by the others. A photo's near copies are in its group, so they make no photo
    look more usual than a new one is. All folds have the shrinkage of the whole: with their own,
    which is stronger, their distances would be too small.

    Args:
        features: CLIP's, normalised or not, float32 (n, d), of all photos that the model knows.
        groups: Of near copies, or of one site, int (n,).
        seed: Of what is drawn by chance.

    Returns:
        None if there are too few photos.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    rows = sample(len(features), seed)
    vectors, groups = normalised(features[rows]), groups[rows]
    numbers, places = np.unique(groups, return_inverse=True)
    if len(rows) < MIN_KNOWN or len(numbers) < FOLDS:
        return None
    folds = (np.random.default_rng(seed).permutation(len(numbers)) % FOLDS)[places]
    shrinkage = float(ledoit_wolf_shrinkage(vectors))
    distances = []
    for fold in range(FOLDS):
        middle, whitening = whitening_of(vectors[folds != fold], shrinkage)
        white = (vectors - middle) @ whitening
        distances.append(mean_distances(white[folds != fold], white[folds == fold]))
    middle, whitening = whitening_of(vectors, shrinkage)
    white = (vectors - middle) @ whitening
    step = np.float32(max(float(np.abs(white).max()), LEAST_VARIANCE) / INT8)
    photos = np.round(white / step).astype(np.int8)
    return Known(middle, whitening, np.array(step), photos, np.sort(np.concatenate(distances)))


def whitening_of(vectors: np.ndarray, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Find what whitens vectors: their mean, (d,), and a matrix, (d, d), in float32.

    Args:
        vectors: float32 (n, d).
        shrinkage: How far their covariance is drawn to one that is equal in all directions, 0 to 1
            (Ledoit and Wolf 2004).
    """
    middle = vectors.mean(axis=0)
    covariance = np.cov(vectors.T.astype(np.float64), bias=True)
    even = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    shrunk = (1 - shrinkage) * covariance + shrinkage * even
    shrunk += LEAST_VARIANCE * np.eye(len(covariance))
    whitening = np.linalg.inv(np.linalg.cholesky(shrunk)).T
    return middle.astype(np.float32), whitening.astype(np.float32)


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add --usual to the builder."""
    parser.add_argument(
        "--usual",
        type=Path,
        metavar="EMBEDDINGS",
        help="photos that the model knows, of explore.py embed with the same checkpoint: answers "
        "tell how usual a photo is (default: those that finetune.py trained it on)",
    )


def pack(given: Path | None, checkpoint: Path, directory: Path) -> None:
    """Pack which photos are usual: those of a collection, or what the checkpoint says itself.

    Args:
        given: What `explore.py embed` wrote; None: what is in the checkpoint, if anything is.
        checkpoint: A directory, or a `.pt` file.
        directory: Has the converted checkpoint.
    """
    from clip_caption.captioner import Captioner
    from clip_caption.searching.index import PROBE

    if given:
        probe = normalised(Captioner(directory).embed_texts([PROBE]))[0]
        of_embeddings(given, probe).write(directory / FILE)
    elif (checkpoint / FILE).is_file():
        shutil.copyfile(checkpoint / FILE, directory / FILE)


def of_training(features: np.ndarray, data: "Dataset") -> Known | None:
    """Learn from the photos that a model is trained on; None if there are too few.

    Args:
        features: CLIP's, float32 (n, d).
        data: The photos, with columns `image` and `name`.
    """
    from clip_caption.preparing.copies import perceptual_hash
    from clip_caption.training.pairs import images

    if len(features) < MIN_KNOWN:
        return None
    rows = sample(len(features))
    hashes = [perceptual_hash(image) for image in images(data.select(rows), HASHED_SIDE)]
    return learn(features[rows], _groups(np.array(hashes, np.uint64)))


def of_embeddings(directory: Path, probe: np.ndarray) -> Known:
    """Learn from a collection that explore.py has embedded.

    Args:
        directory: What `explore.py embed` wrote.
        probe: The checkpoint's features of `index.PROBE`, L2-normalised, float32 (d,).

    Raises:
        ZooError: It isn't one, is of another checkpoint, or has too few photos.
    """
    from clip_caption.exploring.store import Embeddings

    embeddings = Embeddings(directory)
    embeddings.check_encoder(probe, "the checkpoint")
    rows = sample(len(embeddings))
    known = learn(embeddings.features()[rows], _groups(embeddings.hashes()[rows]))
    if known is None:
        raise ZooError(
            f"'{directory}' has too few photos to tell usual ones by; give {MIN_KNOWN} or more "
            "that aren't all copies of each other."
        )
    return known


def _groups(hashes: np.ndarray) -> np.ndarray:
    """Group near copies: from perceptual hashes, uint64 (n,), to int64 (n,)."""
    from clip_caption.exploring.grouping import near_copies
    from clip_caption.preparing.copies import NEAR_BITS
    from zoo.training.leaks import linked

    return np.array(linked(len(hashes), near_copies(hashes, NEAR_BITS)))
