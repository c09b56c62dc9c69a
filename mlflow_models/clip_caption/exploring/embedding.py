"""Embeds a collection, part by part: images are decoded while the model sees those before them.

The model sees only photos that aren't embedded yet, which the hashes of their files tell.
"""

import io
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clip_caption.exploring import parts
from clip_caption.exploring.collection import ImageCollection, Photo
from clip_caption.exploring.contents import Contents, digest
from clip_caption.exploring.encoders import PhotoEncoder
from clip_caption.exploring.parts import Embedded, EmbeddedPhotos
from clip_caption.exploring.store import EmbeddingSettings
from clip_caption.preparing.copies import perceptual_hash
from zoo.data.images import FILE_FORMATS, decode
from zoo.errors import BadInput, ZooError

if TYPE_CHECKING:
    from PIL import Image

KINDS = ("clip", "prefix")
REMOTE = ("http://", "https://")
Decoded = tuple[dict[str, Any], np.ndarray]  # what pixels decide but the embedding, and pixels


class Embedder:
    """Embeds images.

    Args:
        encoder: what sees them.
        vectors: embeddings of its features, float32 (n, width) to (n, d); None: the features.
        captions: a caption for each of its features; None: no captions.
        thumbnail: the longer side, pixels; 0 for none.
        batch_size: images that the encoder sees together.
        threads: that decode images.
    """

    def __init__(
        self,
        encoder: PhotoEncoder,
        vectors: Callable[[np.ndarray], np.ndarray] | None = None,
        captions: Callable[[np.ndarray], list[str]] | None = None,
        thumbnail: int = 128,
        batch_size: int = 32,
        threads: int = 1,
    ) -> None:
        self.encoder, self.captions = encoder, captions
        self.vectors = vectors or (lambda features: features)
        self.thumbnail, self.batch_size, self.threads = thumbnail, batch_size, threads
        self.side = encoder.pixels_of.size  # of what the encoder sees

    def width(self) -> int:
        """How many numbers an embedding has."""
        black = np.zeros((3, self.side, self.side), np.float32)
        return self.vectors(self.encoder.embed([black])).shape[1]

    def prepare(self, photo: Photo) -> Decoded | str:
        """Decodes a photo, or says why it can't be."""
        if photo.id.lower().startswith(REMOTE):
            return "it is an address; prepare.py fetches photos"
        try:
            content = photo.read()
            image = decode(content, max(self.side, self.thumbnail), FILE_FORMATS)
        except FileNotFoundError:
            return "the file is missing"
        except OSError:
            return "the file can't be read"
        except BadInput as error:
            return f"it {error}"
        row = {"fingerprint": digest(content), "phash": perceptual_hash(image)}
        if self.thumbnail:
            row["thumbnail"] = small_jpeg(image, self.thumbnail)
        return row, self.encoder.pixels(image)

    def run(self, batch: list[Decoded]) -> list[Embedded]:
        """Embeds, and captions, a batch."""
        features = self.encoder.embed([pixels for _, pixels in batch])
        rows = [row for row, _ in batch]
        if self.captions:
            for row, caption in zip(rows, self.captions(features), strict=True):
                row["caption"] = caption
        return list(zip(rows, self.vectors(features), strict=True))

    def __call__(self, photos: Iterable[Photo]) -> Iterator[Embedded | str]:
        """Embeds photos in their order, or says why one can't be."""
        with ThreadPoolExecutor(self.threads) as pool:
            prepared = _ahead(pool, self, photos)
            while batch := list(itertools.islice(prepared, self.batch_size)):
                good = [item for item in batch if not isinstance(item, str)]
                found = iter(self.run(good) if good else [])
                yield from (item if isinstance(item, str) else next(found) for item in batch)


def embed(
    collection: ImageCollection,
    contents: Contents,
    settings: EmbeddingSettings,
    embedder: Callable[[], Embedder],
    output: Path,
) -> None:
    """Embeds what isn't embedded yet, and puts it in place once all is there.

    Args:
        collection: the images.
        contents: what they hold.
        settings: what decides what is written.
        embedder: makes one as the settings say, once there is a photo to embed.
        output: a directory, new or with embeddings of these settings.

    Raises:
        ZooError: no image can be read; what was there stays.
    """
    from tqdm import tqdm

    unfinished = [file for work in parts.begun(output) for file in parts.part_files(work)]
    known = EmbeddedPhotos([*parts.part_files(output), *unfinished], settings)
    new = {one for one in contents.photos if one not in known}
    work = parts.begin(output, settings)
    with tqdm(total=len(new), unit="image", desc="embedding", smoothing=0, disable=not new) as bar:
        for number, start in enumerate(settings.starts):
            path = settings.part_file(work, number)
            if path.is_file():
                continue
            numbers = range(start, min(start + settings.part, settings.images))
            photos = [(contents.photos[row], collection.photo(row)) for row in numbers]
            found: dict[str, Embedded | str] = {**known.take([one for one, _ in photos])}
            # What can't be read has no hash; the same photo under two names is embedded once.
            fresh = {one or photo.id: photo for one, photo in photos if one not in found}
            if fresh:
                for name, embedded in zip(fresh, embedder()(fresh.values()), strict=True):
                    found[name] = embedded
                    bar.update()
            _write(path, photos, found, settings, collection)
            known.add(path)
    failed = parts.all_failures(work)
    if len(failed) == settings.images:
        parts.clear(output)
        name, reason = next(iter(failed.items()))
        raise ZooError(
            f"None of the {settings.images:,} images could be read; the first: '{name}': {reason}."
        )
    parts.commit(output, work)


def _write(
    path: Path,
    photos: list[tuple[str, Photo]],
    found: dict[str, Embedded | str],
    settings: EmbeddingSettings,
    collection: ImageCollection,
) -> None:
    """Write a part of what was found of its photos, by their hashes or else their ids."""
    rows, failed = [], dict[str, str]()
    vectors = [np.empty((0, settings.width), np.float32)]
    for fingerprint, photo in photos:
        embedded = found[fingerprint or photo.id]
        if isinstance(embedded, str):
            failed[photo.id] = embedded
            continue
        rows.append({"id": photo.id, "path": photo.path, **photo.fields, **embedded[0]})
        vectors.append(embedded[1][None])
    parts.write_part(path, rows, np.concatenate(vectors), failed, settings, collection.schema)


def _ahead(
    pool: ThreadPoolExecutor, embedder: Embedder, photos: Iterable[Photo]
) -> Iterator[Decoded | str]:
    """Prepares photos in order, two batches ahead of what is asked for."""
    waiting: deque[Future[Decoded | str]] = deque()
    for photo in photos:
        waiting.append(pool.submit(embedder.prepare, photo))
        if len(waiting) > 2 * embedder.batch_size:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def small_jpeg(image: "Image.Image", longest: int) -> bytes:
    """A thumbnail of an RGB image."""
    small, file = image.copy(), io.BytesIO()
    small.thumbnail((longest, longest))
    small.save(file, "JPEG", quality=85)
    return file.getvalue()
