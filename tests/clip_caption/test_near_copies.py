"""What a distance of 8 bits finds among real photographs, and what it takes for copies.

pytest tests/clip_caption/test_near_copies.py -s    prints the figures that the card has
"""

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from clip_caption.preparing.copies import NEAR_BITS, near_pairs, perceptual_hash
from clip_caption.preparing.photos import SIDE
from zoo.data.images import decode


def saved(image: Image.Image, quality: int = 85, kind: str = "JPEG") -> bytes:
    file = io.BytesIO()
    image.save(file, kind, quality=quality)
    return file.getvalue()


def scaled(image: Image.Image, percent: int) -> bytes:
    return saved(image.resize((image.width * percent // 100, image.height * percent // 100)))


def cropped(image: Image.Image, percent: int) -> bytes:
    """Less so much of its width and of its height, half on each side."""
    width, height = image.size
    x, y = width * percent // 200, height * percent // 200
    return saved(image.crop((x, y, width - x, height - y)))


def cut(image: Image.Image, left: int, bottom: int) -> bytes:
    """Less so many percent at the left and at the bottom."""
    width, height = image.size
    box = (width * left // 100, 0, width, height - height * bottom // 100)
    return saved(image.crop(box))


def stamped(image: Image.Image, percent: int, right: bool, bottom: bool) -> bytes:
    """With a date in a corner, so high."""
    image, size = image.copy(), image.height * percent // 100
    pen, text, font = ImageDraw.Draw(image), "2026-11-29 14:05", ImageFont.load_default(size)
    _, _, width, height = pen.textbbox((0, 0), text, font=font)
    x = image.width - width - size // 2 if right else size // 2
    y = image.height - height - size // 2 if bottom else size // 2
    pen.text((x, y), text, fill=(255, 230, 60), font=font)
    return saved(image)


WAYS: dict[str, Callable[[Image.Image], bytes]] = {
    **{f"JPEG quality {q}": partial(saved, quality=q) for q in (95, 85, 75, 50, 30, 15)},
    "PNG": lambda image: saved(image, kind="PNG"),
    "WebP": lambda image: saved(image, 80, "WEBP"),
    **{f"scaled to {p} %": partial(scaled, percent=p) for p in (75, 50, 25)},
    **{f"cropped by {p} %": partial(cropped, percent=p) for p in (1, 2, 3, 4, 6)},
    "cut by 3 % at the left": lambda image: cut(image, 3, 0),
    "cut by 3 % at the bottom": lambda image: cut(image, 0, 3),
    "a date, bottom right": lambda image: stamped(image, 4, True, True),
    "a date, bottom left, larger": lambda image: stamped(image, 6, False, True),
    "a date, top left": lambda image: stamped(image, 5, False, False),
    "brighter by 15 %": lambda image: saved(ImageEnhance.Brightness(image).enhance(1.15)),
}


def hashes(files: list[bytes]) -> np.ndarray:
    """As prepare.py has them."""
    return np.array([perceptual_hash(decode(file, SIDE)) for file in files], np.uint64)


def test_eight_bits_find_nearly_all_copies_and_few_others(shared: Path) -> None:
    paths = sorted((shared / "data" / "photos").glob("*/*.jpg"))
    own = hashes([path.read_bytes() for path in paths])
    taken = near_pairs(own, NEAR_BITS)
    photos = {row for one, other, _ in taken for row in (one, other)}
    kinds = sorted({paths[row].parent.name for row in photos})
    print(
        f"\n{len(paths)} photos: {len(taken)} pairs of {len(photos)} taken for copies, in {kinds}"
    )
    some = range(0, len(paths), 8)
    pictures = [decode(paths[row].read_bytes()) for row in some]
    found = []
    for name, way in WAYS.items():
        bits = np.bitwise_count(own[some] ^ hashes([way(picture) for picture in pictures]))
        found.append(float((bits <= NEAR_BITS).mean()))
        print(f"{name}: {100 * found[-1]:.1f} %, at most {bits.max()} bits")
    print(f"of {len(WAYS)} copies of a photo: {sum(found):.2f}")
    assert len(WAYS) == 22
    assert sum(found) >= 21
    assert len(photos) <= 30
    assert all(paths[row].parent.name == "roads" for row in photos)  # of one survey, alike
