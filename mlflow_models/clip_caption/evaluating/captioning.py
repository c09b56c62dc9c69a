"""Captions a test set with a checkpoint: the one place where evaluation meets the engine."""

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clip_caption.evaluating.examples import Example
from zoo.building import saved
from zoo.data.images import FILE_FORMATS, decode
from zoo.errors import BadInput

if TYPE_CHECKING:
    from clip_caption.captioner import Captioner
    from clip_caption.options import Options

DECODERS = 2  # threads; a photo is decoded while others are captioned


def caption_all(
    checkpoint: str,
    clip: str | None,
    examples: Sequence[Example],
    options: "Options",
    batch_size: int,
    threads: int,
    normalize: str | None = None,
    with_loss: bool = False,
) -> tuple[list[str | None], dict[str, str], float | None]:
    """Captions images, by the engine that is served.

    Args:
        checkpoint: `demo`, a directory or a file.
        clip: its CLIP, where the checkpoint doesn't carry it.
        examples: the images.
        options: how to decode.
        batch_size: images at a time.
        threads: of the engine.
        normalize: as `open_model` takes it.
        with_loss: whether the loss of the references is wanted.

    Returns:
        Each image's best caption, None where it can't be read; why not, by its name; and the loss
        in nats per token, None where it isn't wanted.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    from tqdm import tqdm

    texts: list[str | None] = [None] * len(examples)
    failed: dict[str, str] = {}
    with (
        opened(checkpoint, clip, threads, normalize) as captioner,
        tqdm(total=len(examples), desc=f"caption by {checkpoint}", unit="image") as bar,
    ):
        loss = None
        if with_loss:
            from clip_caption.building.checkpoint import find
            from clip_caption.evaluating.likelihood import ReferenceLoss

            loss = ReferenceLoss(find(checkpoint), normalize, options.max_tokens)
        for rows in batches(captioner, examples, batch_size, failed):
            if rows:
                features = captioner.embed([pixels for _, pixels in rows])
                found = captioner.caption(features, options)
                for (index, _), captions in zip(rows, found, strict=True):
                    texts[index] = captions[0].text
                if loss:
                    loss.add(features, [examples[index].references for index, _ in rows])
            bar.update(min(batch_size, len(examples) - bar.n))
    return texts, failed, loss.value if loss else None


def caption_saved(
    model: str, tracking_uri: str, examples: Sequence[Example], options: "Options"
) -> tuple[list[str | None], dict[str, str]]:
    """Captions images by a saved model, with the code that it was saved with.

    Args:
        model: its directory, or an MLflow URI.
        tracking_uri: the registry.
        examples: the images.
        options: how to decode.

    Returns:
        As `caption_all`, without a loss.
    """
    texts: list[str | None] = [None] * len(examples)
    failed: dict[str, str] = {}

    names = ("mode", "beam_size", "max_tokens", "seed")
    params = {name: getattr(options, name) for name in names}
    files = read_files(examples, failed)
    found = saved.ask(model, tracking_uri, "image", files, params, len(examples))
    for index, record in enumerate(found):
        if record.get("error"):
            failed.setdefault(examples[index].name, f"is refused: {record['error']}")
        else:
            texts[index] = record["captions"][0]["text"]
    return texts, failed


def read_files(examples: Sequence[Example], failed: dict[str, str]) -> Iterator[bytes]:
    """Yields each image's bytes; none of one that can't be read, and in `failed` why not."""
    for example in examples:
        try:
            yield example.read()
        except OSError as error:
            failed[example.name] = f"can't be read: {error.strerror}"
            yield b""


@contextlib.contextmanager
def opened(
    checkpoint: str, clip: str | None, threads: int, normalize: str | None = None
) -> Iterator["Captioner"]:
    """Converts a checkpoint as build.py does, for as long as it is used; of embeddings, theirs.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    from clip_caption.building.checkpoint import find
    from clip_caption.building.convert import convert
    from clip_caption.captioner import Captioner
    from clip_caption.exploring import opening

    if (Path(checkpoint) / opening.MODEL).is_dir():
        yield opening.captioner(Path(checkpoint), threads)
        return
    with tempfile.TemporaryDirectory() as work:
        convert(find(checkpoint), Path(work) / "model", clip, normalize=normalize)
        yield Captioner(Path(work) / "model", threads)


def batches(
    captioner: "Captioner", examples: Sequence[Example], size: int, failed: dict[str, str]
) -> Iterator[list[tuple[int, np.ndarray]]]:
    """Reads images in batches, the next while one is captioned.

    Args:
        captioner: prepares the pixels.
        examples: the images.
        size: of a batch, with what can't be read.
        failed: gets why an image can't be read, by its name.

    Yields:
        The indices and the pixels, float32 (3, side, side), of those that can be read.
    """

    side = captioner.pixels_of.size  # decoded at a reduced scale, as it is when served

    def load(index: int) -> np.ndarray | None:
        try:
            return captioner.pixels(decode(examples[index].read(), side, FILE_FORMATS))
        except BadInput as error:
            failed[examples[index].name] = str(error)
        except OSError as error:
            failed[examples[index].name] = f"can't be read: {error.strerror}"
        return None

    with ThreadPoolExecutor(DECODERS) as pool:
        starts = range(0, len(examples), size)
        ahead = [pool.submit(load, index) for index in range(min(size, len(examples)))]
        for start in starts:
            now, following = ahead, range(start + size, min(start + 2 * size, len(examples)))
            ahead = [pool.submit(load, index) for index in following]
            pixels = [future.result() for future in now]
            yield [(start + n, one) for n, one in enumerate(pixels) if one is not None]
