"""Photos for tests, good and bad, in the formats that people send."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from pillow_heif import register_heif_opener

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF", "BMP")
register_heif_opener()


def scene(width: int = 320, height: int = 240, seed: int = 0) -> Image.Image:
    """A picture with soft and hard edges: a red top left, a blue bottom right, shapes between."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(60, 200, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(12):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        color = tuple(int(value) for value in rng.integers(0, 256, 3))
        draw.ellipse((x, y, x + width // 8, y + height // 8), fill=color)
    draw.rectangle((0, 0, width // 4, height // 4), fill=(220, 20, 20))
    draw.rectangle((3 * width // 4, 3 * height // 4, width, height), fill=(20, 20, 220))
    return picture


def encoded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    """A picture as a file of Pillow's."""
    file = io.BytesIO()
    picture.save(file, kind, **{"quality": 95, **options})
    return file.getvalue()


def png_header(width: int, height: int, kind: int = 2) -> bytes:
    """A PNG that claims a size, with a few bytes of pixels; kind 2 is RGB, 0 grey."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1000))),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def jpeg_header(width: int, height: int) -> bytes:
    """A good JPEG whose header claims another size."""
    file = bytearray(encoded(scene(64, 64)))
    place = file.index(b"\xff\xc0")
    struct.pack_into(">HH", file, place + 5, height, width)
    return bytes(file)


def many_scans(scans: int) -> bytes:
    """A progressive JPEG of some megapixels whose last pass is repeated."""
    file = encoded(Image.new("L", (4000, 4000), 128), progressive=True)
    last = file.rindex(b"\xff\xda")
    return file[:-2] + file[last:-2] * scans + file[-2:]


def cut(kind: str) -> bytes:
    """The first half of a file."""
    file = encoded(scene(), kind)
    return file[: len(file) // 2]


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9"/></svg>'
BAD = {
    "nothing": b"",
    "text": b"a photo of a flooded street",
    "SVG": SVG,
    "SVG with a prologue": b'<?xml version="1.0"?>\n<!DOCTYPE svg [<!ENTITY a "a">]>' + SVG,
    "HTML": b"<!doctype html><title>404</title>",
    "PDF": b"%PDF-1.7\n" + bytes(200),
    "TIFF": encoded(scene(), "TIFF"),
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "noise": np.random.default_rng(0).bytes(5000),
    "a PNG of 100,000 x 100,000": png_header(100_000, 100_000),
    "a grey PNG of 12,000 x 12,000": png_header(12_000, 12_000, kind=0),
    "a PNG of no width": png_header(0, 5),
    "a PNG of 2**31 x 2**31": png_header(2**31, 2**31),
    "a JPEG of 65,500 x 65,500": jpeg_header(65_500, 65_500),
    "a JPEG of 12,000 x 11,000": jpeg_header(12_000, 11_000),
    "a JPEG of 2,000 scans": many_scans(2_000),
    "the first bytes of a JPEG": encoded(scene())[:20],
    **{f"half a {kind}": cut(kind) for kind in FORMATS},
}
