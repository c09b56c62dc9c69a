"""Decodes photos that people send: JPEG, PNG, WebP, GIF, HEIC, AVIF and BMP to upright RGB.

Limits hold: the size is read from the header, before a pixel is decoded, so that a small file
can't become gigabytes. A model that looks at a small square needs only a reduced image: Pillow's
`draft` decodes a JPEG at down to an eighth of its width, so that a phone's photo costs little.
"""

import contextlib
import functools
import io
import re
import threading
import warnings
from collections.abc import Sequence

import numpy as np
from PIL import ExifTags, Image

from zoo.errors import BadInput

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF", "BMP")  # an MPO begins with a JPEG
FILE_FORMATS = (*FORMATS, "TIFF", "JPEG2000", "PPM", "TGA")  # for commands, on a person's own files
SUFFIXES = frozenset(
    ".jpg .jpeg .jpe .jfif .mpo .png .webp .gif .heic .heif .avif .bmp .dib "
    ".tif .tiff .jp2 .j2k .jpf .jpx .ppm .pgm .pbm .pnm .tga".split()
)  # of the names of files in `FILE_FORMATS`
END = b"\xff\xd9"  # of a JPEG
FILLINGS = (b"", b"\xaa", b"\x55")  # that no pixel may depend on
FILLED_BYTES = 4096
MAX_PIXELS = 120_000_000  # of a JPEG that is decoded at a reduced scale; phones make up to 108 M
MAX_DECODED_PIXELS = 51_000_000  # of an image that is decoded whole; phones make up to 50.3 M
MAX_SCANS = 64  # of a progressive JPEG; most have ten, and each may cost a pass over all pixels
LARGE_PIXELS = 16_000_000  # images with more are decoded one at a time, to bound the memory
REDUCING_GAP = 3  # times the model's side is decoded: enough, says Pillow of `reducing_gap`
MAX_ASPECT_RATIO = 16  # of a longer image only the middle is looked at
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # by EXIF's orientation
Box = tuple[float, float, float, float]  # left, top, right, bottom
TIFF_HEADER = re.compile(rb"MM\0\*|II\*\0")  # which a block of EXIF begins with
MAX_EXIF_BYTES = 65_536
_one_large = threading.Semaphore()


def decode(
    content: bytes, side: int | None = None, formats: Sequence[str] = FORMATS
) -> Image.Image:
    """Decode an image; of an animation, the first frame.

    Args:
        content: The file.
        side: For a model that scales the shorter side to so many pixels, and looks at the square in
            the middle. A larger image is then decoded at a reduced scale, whose shorter side is at
            least `REDUCING_GAP` times as long. At the model's size the difference is below one
            level of 255 on average. None: at full scale.
        formats: Names of Pillow's that are taken: those that are served, or `FILE_FORMATS`.

    Returns:
        An image of mode RGB, upright; transparent parts are white.

    Raises:
        BadInput: The file isn't an image, is damaged, or is too large. The message starts with a
            verb ("is empty"), for a sentence that names the input.
    """
    if not content:
        raise BadInput("is empty")
    try:
        return _decoded(content, side, formats)
    except _Damaged:
        if not content.startswith(b"\xff\xd8") or content.endswith(END):
            raise
        return _without_end(content, side)


class _Damaged(BadInput):
    """An image whose header can be read, and whose pixels can't."""


def is_image(content: bytes) -> bool:
    """Tell by the header whether a file is an image that `decode` may take from a file."""
    try:
        _opened(content, FILE_FORMATS)
    except BadInput:
        return False
    return True


def format_of(content: bytes) -> str:
    """Return Pillow's name of an image's format, as in `FILE_FORMATS`.

    Raises:
        BadInput: As `decode` does.
    """
    found = _opened(content, FILE_FORMATS).format or ""
    return "JPEG" if found == "MPO" else found


def size_of(content: bytes) -> tuple[int, int]:
    """Return an image's width and height in pixels, upright, from its header.

    Raises:
        BadInput: As `decode` does.
    """
    image = _opened(content, FILE_FORMATS)
    width, height = image.size
    return (height, width) if _orientation(image, content) > 4 else (width, height)


def orientation_of(content: bytes) -> int:
    """Return how EXIF says that an image is turned, 1 to 8; 1 is upright.

    Raises:
        BadInput: As `decode` does.
    """
    return _orientation(_opened(content, FILE_FORMATS), content)


def _without_end(content: bytes, side: int | None) -> Image.Image:
    """Decode a JPEG that lacks its end, if it has all its pixels.

    What follows the last pixel can't change one: so the image is decoded with other bytes there,
    and where one of its pixels is missing, these bytes show in it.
    """
    content = content.removesuffix(END[:1])
    first, *others = (
        _decoded(content + filling * FILLED_BYTES + END, side) for filling in FILLINGS
    )
    if any(other.tobytes() != first.tobytes() for other in others):
        raise _damaged()
    return first


def _damaged() -> BadInput:
    return _Damaged("is cut off or damaged: it can't be decoded")


def _decoded(content: bytes, side: int | None, formats: Sequence[str] = FORMATS) -> Image.Image:
    """Decode an image as `decode` does; a JPEG has to have its end."""
    image, extent = _opened(content, formats), None
    if image.format in ("JPEG", "MPO"):
        extent = _reduce_jpeg(image, content, side)
    width, height = image.size
    if width * height > MAX_DECODED_PIXELS:
        raise _too_large(width, height)
    try:
        with _one_large if width * height > LARGE_PIXELS else contextlib.nullcontext():
            return _finished(image, side, extent, _orientation(image, content))
    except Exception:  # decoders raise anything over a damaged file
        raise _damaged() from None


def _opened(content: bytes, formats: Sequence[str]) -> Image.Image:
    """Read an image's header."""
    _prepare_pillow()
    try:
        return Image.open(io.BytesIO(content), formats=tuple(formats))
    except Image.DecompressionBombError:
        raise BadInput(f"is larger than {MAX_PIXELS // 10**6} megapixels") from None
    except Exception:  # as above
        raise BadInput(
            "is not a JPEG, PNG, WebP, GIF, HEIC, AVIF or BMP that can be read"
        ) from None


@functools.cache
def _prepare_pillow() -> None:
    """Teach Pillow HEIC, and silence its warnings: this module has its own limits."""
    from PIL import AvifImagePlugin
    from pillow_heif import register_heif_opener

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def _reduce_jpeg(image: Image.Image, content: bytes, side: int | None) -> Box | None:
    """Set the scale to decode at; refuse an image that would cost too much.

    Returns:
        The part of the reduced pixels that is the image: the last row and column may lie partly
        beyond its edge. None: all of them.
    """
    width, height = image.size
    progressive = "progressive" in image.info
    if width * height > (MAX_DECODED_PIXELS if progressive else MAX_PIXELS):
        raise _too_large(width, height)
    if progressive and content.count(b"\xff\xda") > MAX_SCANS:
        raise BadInput("is a JPEG with too many scans")
    if side is None:
        return None
    drafted = image.draft(None, (REDUCING_GAP * side, REDUCING_GAP * side))  # type: ignore[arg-type]
    return drafted[1] if drafted and drafted[1][2:] != image.size else None


def _too_large(width: int, height: int) -> BadInput:
    return BadInput(f"has {width:,} × {height:,} pixels, more than are taken")


def _finished(
    image: Image.Image, side: int | None, extent: Box | None, orientation: int
) -> Image.Image:
    """Decode an image, turn it upright, and make it RGB."""
    image.load()
    if extent is not None:
        image = image.resize(image.size, Image.Resampling.BICUBIC, extent)
    if side is not None:
        image = _middle(image)
    image = _rgb(image)
    turn = TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _orientation(image: Image.Image, content: bytes) -> int:
    """Read EXIF's orientation, which phones write; a broken one counts as upright."""
    if image.format == "TIFF":  # Pillow turns these itself
        return 1
    try:
        exif = image.getexif()
        if image.format in ("HEIF", "AVIF") and not _is_turned(content):
            # Their readers give an orientation of 1 then, whatever EXIF says.
            exif = Image.Exif()
            header = TIFF_HEADER.search(content)
            exif.load(content[header.start() :][:MAX_EXIF_BYTES] if header else b"")
        return int(exif.get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _is_turned(content: bytes) -> bool:
    """Tell whether a HEIC's or AVIF's container says how it is turned; if so, EXIF is ignored."""
    place = content.find(b"ipco")  # the box with the properties of the file's images
    if place < 0:
        return False
    length = int.from_bytes(content[place - 4 : place])
    return bool(re.search(b"irot|imir", content[place : place - 4 + length]))


def _middle(image: Image.Image) -> Image.Image:
    """Cut the ends off a very long image: scaled, they would take too much memory."""
    width, height = (min(length, MAX_ASPECT_RATIO * min(image.size)) for length in image.size)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut to the lowest 8
        levels = np.asarray(image).astype(np.uint32)  # (height, width)
        image = Image.fromarray((levels >> 8).clip(0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white
