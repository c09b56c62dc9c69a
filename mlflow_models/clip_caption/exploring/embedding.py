"""Embeds a collection, part by part: images are decoded while the model sees those before them."""

import io
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clip_caption.exploring.collection import ImageCollection, Photo
from clip_caption.exploring.store import EmbeddingSettings, failures, write_part
from clip_caption.index import PROBE
from zoo.data.images import decode
from zoo.errors import BadInput

if TYPE_CHECKING:
    from PIL import Image

    from clip_caption.captioner import Captioner
    from clip_caption.options import Options

KINDS = ("clip", "prefix")
Decoded = tuple[dict[str, Any], np.ndarray]  # a row without its embedding, and pixels


class Embedder:
    """Embeds images.

    Args:
        captioner: of `engine`.
        kind: clip or prefix.
        options: how to caption, of `engine`; None: no captions.
        thumbnail: the longer side, pixels; 0 for none.
        batch_size: images that the model sees together.
        threads: that decode images.
    """

    def __init__(
        self,
        captioner: "Captioner",
        kind: str = "clip",
        options: "Options | None" = None,
        thumbnail: int = 128,
        batch_size: int = 32,
        threads: int = 1,
    ) -> None:
        from PIL import Image

        self.captioner, self.kind, self.options = captioner, kind, options
        self.thumbnail, self.batch_size, self.threads = thumbnail, batch_size, threads
        self.side = captioner.pixels(Image.new("RGB", (8, 8))).shape[-1]  # of what the model sees

    def width(self) -> int:
        """How many numbers an embedding has."""
        return self.vectors(self.captioner.embed_texts([PROBE])).shape[1]

    def vectors(self, features: np.ndarray) -> np.ndarray:
        """Embeddings of CLIP features, float32 (n, d): these, or prefixes (n, length x width)."""
        if self.kind == "clip":
            return features
        return self.captioner.prefixes(features).reshape(len(features), -1)

    def prepare(self, photo: Photo) -> Decoded | tuple[str, str]:
        """Decodes a photo; returns its id and what is wrong with it where it can't be."""
        try:
            image = decode(photo.read(), max(self.side, self.thumbnail))
        except FileNotFoundError:
            return photo.id, "the file is missing"
        except OSError:
            return photo.id, "the file can't be read"
        except BadInput as error:
            return photo.id, f"it {error}"
        row = {"id": photo.id, "path": photo.path, **photo.fields}
        if self.thumbnail:
            row["thumbnail"] = small_jpeg(image, self.thumbnail)
        return row, self.captioner.pixels(image)

    def run(self, batch: list[Decoded]) -> tuple[list[dict[str, Any]], np.ndarray]:
        """Rows and embeddings of a batch, float32 (batch, d)."""
        features = self.captioner.embed([pixels for _, pixels in batch])
        rows = [row for row, _ in batch]
        if self.options:
            for row, captions in zip(
                rows, self.captioner.caption(features, self.options), strict=True
            ):
                row["caption"] = captions[0].text
        return rows, self.vectors(features)


def embed(
    collection: ImageCollection, embedder: Embedder, settings: EmbeddingSettings, output: Path
) -> dict[str, str]:
    """Embeds what isn't embedded yet.

    Args:
        collection: the images.
        embedder: as the settings say.
        settings: what decides what is written.
        output: a directory, new or of an unfinished run with these settings.

    Returns:
        Why images couldn't be embedded, by their id.
    """
    from tqdm import tqdm

    settings.write(output)
    failed: dict[str, str] = {}
    with (
        tqdm(total=settings.images, unit="image", desc="embedding", smoothing=0) as bar,
        ThreadPoolExecutor(embedder.threads) as pool,
    ):
        for number, start in enumerate(settings.starts):
            path = settings.part_file(output, number)
            numbers = range(start, min(start + settings.part, settings.images))
            if path.is_file():
                failed |= failures(path)
                bar.initial += len(numbers)  # not counted as speed
                bar.update(len(numbers))
                continue
            rows: list[dict[str, Any]] = []
            vectors, missing = [np.empty((0, settings.width), np.float32)], dict[str, str]()
            prepared = _ahead(pool, embedder, map(collection.photo, numbers))
            while batch := list(itertools.islice(prepared, embedder.batch_size)):
                missing |= dict(item for item in batch if isinstance(item[0], str))
                if good := [item for item in batch if isinstance(item[0], dict)]:
                    found = embedder.run(good)
                    rows += found[0]
                    vectors.append(found[1])
                bar.update(len(batch))
            write_part(path, rows, np.concatenate(vectors), missing, settings, collection.schema)
            failed |= missing
    return failed


def _ahead(pool: ThreadPoolExecutor, embedder: Embedder, photos: Iterable[Photo]) -> Iterator[Any]:
    """Prepares photos in order, two batches ahead of what is asked for."""
    waiting: deque[Future[Any]] = deque()
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
