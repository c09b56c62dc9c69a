"""Image encoders besides CLIP: any ONNX graph that turns photos into features.

FILE.onnx    one input of float32, (photos, 3, side, side) or (photos, side, side, 3), and among its
             outputs one of two axes, (photos, numbers)
FILE.json    beside it: how photos are prepared, the fields of `Preparation`; without it, as usual
             for networks that were trained on ImageNet
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clip_caption.building import labels
from clip_caption.captioner import Captioner
from clip_caption.exploring.contents import digest
from clip_caption.pixels import Pixels
from clip_caption.searching.index import normalised
from zoo.data.fingerprints import fingerprint
from zoo.data.outputs import write_json
from zoo.data.texts import read_object
from zoo.errors import CheckpointError
from zoo.serving.onnx import open_session

if TYPE_CHECKING:
    from PIL import Image

GRAPH, ABOUT = "encoder.onnx", "encoder.json"
BATCH_PIXELS = 16 * 224 * 224  # of photos embedded at once: a network's memory grows with them
MIN_SIDE, MAX_SIDE = 8, 2048  # pixels of a photo as the network sees it; a larger one is a mistake
Colours = Annotated[list[float], Field(min_length=3, max_length=3)]


class Preparation(BaseModel):
    """How photos are prepared, as `clip_caption.pixels.Pixels` does it.

    Args:
        size: The side of what the network sees, in pixels; None: the graph says it.
        mean: Of red, green and blue from 0 to 1; it is taken off.
        std: What they are divided by then.
        interpolation: How photos are scaled.
        resize_mode: "shortest" scales the shorter side and cuts the longer one, "squash" both.
    """

    model_config = ConfigDict(extra="forbid")

    size: int | None = Field(None, ge=MIN_SIDE, le=MAX_SIDE)
    mean: Colours = [0.485, 0.456, 0.406]
    std: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=3, max_length=3)] = [
        0.229, 0.224, 0.225,
    ]  # fmt: skip
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    resize_mode: Literal["shortest", "squash"] = "shortest"

    @classmethod
    def beside(cls, graph: Path) -> "Preparation":
        """Read what is beside a graph, if there is something.

        Raises:
            CheckpointError: A field is unknown, or has a wrong value.
        """
        path = graph.with_suffix(".json")
        try:
            return cls.model_validate(read_object(path, missing={}))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(map(str, first["loc"]))
            if first["type"] == "extra_forbidden":
                said = f"is not known; available: {', '.join(cls.model_fields)}"
            else:
                said = first["msg"].replace("Input should", "should")
            raise CheckpointError(f"'{path}': the field '{name}' {said}.") from None


class ImageEncoder:
    """A network that turns photos into features; it knows no words.

    Args:
        directory: What `convert` wrote.
        threads: Threads in one run of the network.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        about = read_object(directory / ABOUT)
        self.pixels_of = Pixels(about["pixels"])
        identity = fingerprint(directory / GRAPH) + json.dumps(about["pixels"], sort_keys=True)
        self.probe = _bits(digest(identity.encode()))
        self._input, self._output = about["input"], about["output"]
        self._channels_last, self._batch = about["channels_last"], about["batch"]
        self._session = open_session(directory / GRAPH, threads)

    def pixels(self, image: "Image.Image") -> np.ndarray:
        """Prepare an image: float32 (3, size, size)."""
        return self.pixels_of(image)

    def embed(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        """Embed images.

        Args:
            pixels: For each image float32 (3, size, size); at least one.

        Returns:
            Features, not normalised, float32 (images, width).
        """
        found = []
        for start in range(0, len(pixels), self._batch):
            batch = np.stack(pixels[start : start + self._batch])  # (batch, 3, size, size)
            batch = _ordered(batch, self._channels_last)
            (features,) = self._session.run([self._output], {self._input: batch})
            found.append(np.asarray(features, np.float32))
        return np.concatenate(found)


PhotoEncoder = Captioner | ImageEncoder


def convert(graph: Path, directory: Path) -> None:
    """Check an encoder, and write what `ImageEncoder` reads.

    Args:
        graph: The `.onnx` file; what is beside it says how photos are prepared.
        directory: Exists.

    Raises:
        CheckpointError: The graph can't be opened, or takes or gives something else.
    """
    if not graph.is_file():
        raise CheckpointError(f"Encoder '{graph}' not found; give an .onnx file.")
    preparation = Preparation.beside(graph)
    shutil.copyfile(graph, directory / GRAPH)
    try:
        session = open_session(directory / GRAPH, 1)
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise CheckpointError(
            f"'{graph}' is not a graph that ONNX Runtime opens; if its weights are in files "
            "beside it, save it as one file."
        ) from error
    taken = session.get_inputs()
    if len(taken) != 1 or taken[0].type != "tensor(float)" or len(taken[0].shape) != 4:
        shown = ", ".join(f"{one.name} {one.type} {one.shape}" for one in taken)
        raise CheckpointError(
            f"'{graph}' takes {shown}; an encoder takes one tensor of float32, "
            "(photos, 3, side, side) or (photos, side, side, 3)."
        )
    shape = taken[0].shape
    channels_last = shape[1] != 3
    size = _side(graph, shape, channels_last, preparation.size)
    batch = 1 if isinstance(shape[0], int) else max(1, BATCH_PIXELS // size**2)
    tried = np.zeros((min(2, batch), 3, size, size), np.float32)
    output = _output(graph, session, {taken[0].name: _ordered(tried, channels_last)})
    write_json(directory / ABOUT, {
        "pixels": preparation.model_dump() | {"size": size}, "input": taken[0].name,
        "output": output, "channels_last": channels_last, "batch": batch,
    })  # fmt: skip


def is_kept(directory: Path) -> bool:
    """Whether a directory holds what `convert` wrote."""
    return (directory / ABOUT).is_file() and (directory / GRAPH).is_file()


def probe_of(encoder: PhotoEncoder) -> np.ndarray:
    """Give what tells an encoder from any other: a vector of length 1, float32 (d,).

    CLIP's are its features of a text, which are nearly the same in int8; an image encoder's stand
    for the hash of its files. `index.same_encoder` compares either.
    """
    if isinstance(encoder, ImageEncoder):
        return encoder.probe
    return labels.probe_of(encoder)


def _bits(digest: str) -> np.ndarray:
    """A hash in hexadecimal as a vector: two different ones are nearly orthogonal."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(digest), np.uint8)).astype(np.float32)
    return normalised(2 * bits[None] - 1)[0]


def _ordered(batch: np.ndarray, channels_last: bool) -> np.ndarray:
    """Put the axes of (photos, 3, size, size) in the order that a graph takes."""
    return np.ascontiguousarray(batch.transpose(0, 2, 3, 1)) if channels_last else batch


def _side(graph: Path, shape: Sequence[Any], channels_last: bool, asked: int | None) -> int:
    """The side of what a network sees, in pixels, of its input's shape or as it is asked for.

    Raises:
        CheckpointError: The shape isn't one of square photos in colour, or both differ.
    """
    colours, *sides = (shape[3], *shape[1:3]) if channels_last else shape[1:]
    known = {side for side in sides if isinstance(side, int)}
    fixed = isinstance(shape[0], int) and shape[0] != 1
    if colours != 3 or len(known) > 1 or fixed:
        raise CheckpointError(
            f"'{graph}' takes the shape {tuple(shape)}; an encoder takes square photos, "
            "(photos, 3, side, side) or (photos, side, side, 3), one or any number at once."
        )
    size = next(iter(known), asked)
    if size is None:
        raise CheckpointError(
            f"'{graph}' takes photos of any size; say which in '{graph.with_suffix('.json')}', "
            'such as {"size": 224}.'
        )
    if asked not in (None, size):
        raise CheckpointError(
            f"'{graph}' takes photos of {size} pixels; '{graph.with_suffix('.json')}' says {asked}."
        )
    if not MIN_SIDE <= size <= MAX_SIDE:
        raise CheckpointError(
            f"'{graph}' takes photos of {size} pixels; a side has {MIN_SIDE} to {MAX_SIDE}."
        )
    return size


def _output(graph: Path, session: Any, photos: dict[str, np.ndarray]) -> str:
    """The name of the output that has the features: the only one of two axes.

    Raises:
        CheckpointError: None or several have, or the network fails for black photos.
    """
    ((_, tried),) = photos.items()
    names = [one.name for one in session.get_outputs()]
    try:
        found = dict(zip(names, session.run(names, photos), strict=True))
    except Exception as error:  # ONNX Runtime's errors have no common class
        raise CheckpointError(f"'{graph}' fails for {len(tried)} black photos.") from error
    fitting = [name for name, one in found.items()
               if getattr(one, "ndim", 0) == 2 and len(one) == len(tried)]  # fmt: skip
    if len(fitting) != 1:
        shown = ", ".join(f"{name} {np.shape(one)}" for name, one in found.items())
        raise CheckpointError(
            f"'{graph}' gives {shown} for {len(tried)} photos; an encoder has one output of two "
            "axes, (photos, numbers): pool it in the graph."
        )
    if not np.isfinite(np.asarray(found[fitting[0]], np.float64)).all():
        raise CheckpointError(f"'{graph}' gives numbers that aren't finite for black photos.")
    return fitting[0]
