"""What CLIP sees of an image is what open_clip would show it."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from clip_caption.building.checkpoint import DEMO
from clip_caption.pixels import Pixels

PHOTO = DEMO.parent / "samples" / "flood.jpg"
SIZES = [(640, 480), (480, 641), (225, 224), (224, 224), (100, 37), (1, 1), (3, 900), (1999, 1333)]
USUAL = {
    "size": 224,
    "mean": (0.48145466, 0.4578275, 0.40821073),
    "std": (0.26862954, 0.26130258, 0.27577711),
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def theirs(image: Image.Image, about: dict[str, Any]) -> np.ndarray:
    from open_clip.transform import PreprocessCfg, image_transform_v2

    found: np.ndarray = image_transform_v2(PreprocessCfg(**about), is_train=False)(image).numpy()
    return found


@pytest.mark.parametrize("size", SIZES)
def test_any_shape(size: tuple[int, int]) -> None:
    with Image.open(PHOTO) as photo:
        image = photo.convert("RGB").resize(size)
    ours = Pixels(USUAL)(image)
    assert (ours.shape, ours.dtype) == ((3, 224, 224), np.float32)
    assert np.array_equal(ours, theirs(image, USUAL))


@pytest.mark.parametrize(
    "change",
    [{"resize_mode": "squash"}, {"interpolation": "bilinear"}, {"size": 63}, {"std": (1, 1, 1)}],
)
def test_any_setting(change: dict[str, Any]) -> None:
    about = {**USUAL, **change}
    with Image.open(PHOTO) as photo:
        image = photo.convert("RGB")
    ours = Pixels(about)(image)
    assert np.array_equal(ours, theirs(image, about))
    usual = Pixels(USUAL)(image)
    assert usual.shape != ours.shape or not np.allclose(usual, ours, atol=1e-3)


def test_grey_is_seen_as_colour() -> None:
    with Image.open(PHOTO) as photo:
        grey = photo.convert("L")
    assert np.array_equal(Pixels(USUAL)(grey), theirs(grey, USUAL))


def test_the_photo_is_left_as_it_was() -> None:
    with Image.open(PHOTO) as photo:
        image = photo.convert("RGB")
    before = image.tobytes()
    Pixels(USUAL)(image)
    assert image.tobytes() == before


@pytest.mark.parametrize("size", [(224, 398), (398, 224), (224, 3584), (500, 500)])
def test_the_whole_of_a_long_photo_is_seen(size: tuple[int, int]) -> None:
    """Each pixel is in one of the tiles, and with `pad` in the only view."""
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8))
    pixels = Pixels(USUAL)
    assert np.array_equal(pixels.views(image, "center"), [pixels(image)])
    tiles = pixels.views(image, "tiles")
    assert len(tiles) == -(-max(size) // min(size))
    short, (width, height) = min(size), size
    ends = [(0, 0, short, short), (width - short, height - short, width, height)]
    for tile, box in zip((tiles[0], tiles[-1]), ends, strict=True):
        assert np.array_equal(tile, pixels(image.crop(box)))
    (padded,) = pixels.views(image, "pad")
    assert padded.shape == (3, 224, 224)
    bars = np.abs(padded).max(axis=0) < 0.02  # (size, size): the mean colour is near 0
    assert bars.sum() == pytest.approx(224 * (224 - 224 * min(size) / max(size)), abs=300)
