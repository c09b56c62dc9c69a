"""Takes out of a photo's file what tells where, when and by whom it was taken.

The pixels stay as they are: of a JPEG (ITU-T T.81, B.1), a PNG and a WebP only the segments are
left out that carry metadata; in a HEIC or an AVIF they are written over. What is left of EXIF is
how the photo is turned. A file that can't be cleaned so becomes a PNG.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import ExifTags, Image

from zoo.data.images import FILE_FORMATS, FORMATS, decode, format_of, orientation_of
from zoo.errors import BadInput

POSITION, DEVICE, THUMBNAIL, COMMENT = "position (GPS)", "device", "thumbnail", "comment"
OTHER = "other metadata"
EXIF = b"Exif\0\0"
EMPTY_EXIF = b"MM\0*\0\0\0\x08" + bytes(6)
ORIENTATION = re.compile(b"\x01\x12\0\x03\0\0\0\x01|\x12\x01\x03\0\x01\0\0\0", re.S)  # its entry
GPS = re.compile(rb"GPS(Latitude|Longitude|Position)", re.IGNORECASE)  # in XMP
DEVICE_TAGS = {
    ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software, ExifTags.Base.HostComputer,
    ExifTags.Base.BodySerialNumber, ExifTags.Base.LensMake, ExifTags.Base.LensModel,
    ExifTags.Base.LensSerialNumber, ExifTags.Base.CameraOwnerName, ExifTags.Base.MakerNote,
}  # fmt: skip
COMMENT_TAGS = {
    ExifTags.Base.ImageDescription, ExifTags.Base.UserComment, ExifTags.Base.XPComment,
    ExifTags.Base.XPTitle, ExifTags.Base.XPSubject, ExifTags.Base.XPKeywords,
    ExifTags.Base.XPAuthor, ExifTags.Base.Artist, ExifTags.Base.Copyright,
}  # fmt: skip
HARMLESS_TAGS = {
    ExifTags.Base.Orientation, ExifTags.Base.XResolution, ExifTags.Base.YResolution,
    ExifTags.Base.ResolutionUnit, ExifTags.Base.YCbCrPositioning, ExifTags.Base.ExifOffset,
    ExifTags.Base.ExifVersion, ExifTags.Base.ColorSpace, ExifTags.Base.FlashPixVersion,
    ExifTags.Base.ComponentsConfiguration, ExifTags.Base.ExifImageWidth,
    ExifTags.Base.ExifImageHeight,
}  # fmt: skip
START, END, SCAN, COMMENT_MARKER = 0xD8, 0xD9, 0xDA, 0xFE  # markers of a JPEG
APPLICATION = range(0xE0, 0xF0)
NEXT_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")  # in a scan: neither data nor a restart
JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # colours need these
JFIF_BYTES = 16  # of a JFIF segment's content without a thumbnail, its length included
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB iCCP cICP pHYs sBIT bKGD hIST acTL fcTL fdAT".split()
)
WEBP_KEPT = frozenset((b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
WEBP_EXIF, WEBP_XMP = 0x08, 0x04  # flags of VP8X


def stored(content: bytes, masked: bool) -> bytes:
    """Return a photo's file as a data set has it: in a format that the served model reads.

    Args:
        content: The file.
        masked: Whether its metadata are taken out.

    Raises:
        BadInput: It can't be decoded.
    """
    if format_of(content) not in FORMATS:
        return _png(content)
    return cleaned(content)[0] if masked else content


def cleaned(content: bytes) -> tuple[bytes, list[str]]:
    """Take the metadata out of a photo's file.

    Returns:
        The file, which is the given one if it has none; and the kinds of metadata that it had:
        POSITION, DEVICE, THUMBNAIL, COMMENT or OTHER.

    Raises:
        BadInput: It can't be decoded.
    """
    clean, kinds = _once(content)
    if not kinds:
        return content, []
    try:
        left = clean is None or _once(clean)[1]
    except BadInput:
        left = True
    return (_png(content) if left or clean is None else clean), sorted(kinds)


def _once(content: bytes) -> tuple[bytes | None, set[str]]:
    """Clean a file; None: there is no way to do so in its format."""
    way = WAYS.get(format_of(content), _of_pillow)
    try:
        return way(content)
    except (struct.error, IndexError, ValueError):
        return None, {OTHER}  # what can't be taken apart may have anything in it


def _png(content: bytes) -> bytes:
    """Write the pixels, upright, and nothing else."""
    file = io.BytesIO()
    decode(content, formats=FILE_FORMATS).save(file, "PNG")
    return file.getvalue()


def _exif_kinds(block: bytes) -> set[str]:
    """Tell what a block of EXIF has in it."""
    exif = Image.Exif()
    try:
        exif.load(EXIF + block.removeprefix(EXIF))
    except Exception:  # Pillow raises anything over damaged EXIF
        return {OTHER}
    return _kinds_of(exif)


def _kinds_of(exif: Image.Exif) -> set[str]:
    try:
        tags = {*exif, *exif.get_ifd(ExifTags.IFD.Exif)}
        kinds = {POSITION} if exif.get_ifd(ExifTags.IFD.GPSInfo) else set()
        kinds |= {THUMBNAIL} if exif.get_ifd(ExifTags.IFD.IFD1) else set()
    except Exception:  # Pillow raises anything over damaged EXIF
        return {OTHER}
    tags -= {ExifTags.Base.GPSInfo, *HARMLESS_TAGS}
    kinds |= {DEVICE} if tags & DEVICE_TAGS else set()
    kinds |= {COMMENT} if tags & COMMENT_TAGS else set()
    return kinds | ({OTHER} if tags - DEVICE_TAGS - COMMENT_TAGS else set())


def _xmp_kinds(block: bytes) -> set[str]:
    return {OTHER, POSITION} if GPS.search(block) else {OTHER}


def _turned(content: bytes) -> bytes:
    """EXIF that says how the photo is turned and nothing else; empty for one that is upright."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation_of(content)
    return exif.tobytes() if exif[ExifTags.Base.Orientation] in range(2, 9) else b""


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield a JPEG's markers, each with its segment (and a scan's data) from the marker on."""
    place = 2
    while place < len(content):
        start = place
        while content[place + 1] == 0xFF:  # bytes that fill up
            place += 1
        if content[place] != 0xFF:
            raise ValueError("no marker")
        marker = content[place + 1]
        if marker == END:
            yield marker, content[place:]
            return
        place += 2 + int(struct.unpack_from(">H", content, place + 2)[0])
        if marker == SCAN:
            following = NEXT_MARKER.search(content, place)
            place = following.start() if following else len(content)
        yield marker, content[start:place]


def _jpeg(content: bytes) -> tuple[bytes, set[str]]:
    kept, kinds = [content[:2]], set()
    for marker, segment in _segments(content):
        body = segment[4:]
        if marker == END:  # what follows are other photos, a film, or a maker's notes
            kinds |= {OTHER} if segment[2:].strip(b"\0") else set()
            kept.append(segment[:2])
        elif marker == COMMENT_MARKER:
            kinds.add(COMMENT)
        elif marker not in APPLICATION:
            kept.append(segment)
        elif marker in JPEG_KEPT and body.startswith(JPEG_KEPT[marker]):
            if marker == 0xE0 and len(segment) > JFIF_BYTES + 2:
                kinds.add(THUMBNAIL)
                segment = segment[:2] + struct.pack(">H", JFIF_BYTES) + body[:12] + b"\0\0"
            kept.append(segment)
        elif body.startswith(EXIF):
            kinds |= _exif_kinds(body)
        elif marker == 0xE0:
            kinds.add(THUMBNAIL)
        else:
            kinds |= _xmp_kinds(body)
    if exif := _turned(content):
        kept.insert(1, struct.pack(">HH", 0xFFE1, len(exif) + 2) + exif)
    return b"".join(kept), kinds


def _chunk(name: bytes, body: bytes) -> bytes:
    check = zlib.crc32(name + body)
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", check)


def _png_chunks(content: bytes) -> tuple[bytes, set[str]]:
    kept, kinds, place, name = [PNG_SIGNATURE], set[str](), len(PNG_SIGNATURE), b""
    while name != b"IEND" and place < len(content):
        length, name = struct.unpack_from(">I4s", content, place)
        chunk = content[place : place + 12 + length]
        place, body = place + len(chunk), chunk[8:-4]
        if name in PNG_KEPT:
            kept.append(chunk)
        elif name == b"eXIf":
            kinds |= _exif_kinds(body)
        elif name in (b"tEXt", b"zTXt", b"iTXt"):
            is_program = body.startswith((b"XML:com.adobe.xmp", b"Raw profile"))
            kinds |= _xmp_kinds(body) if is_program else {COMMENT}
        else:
            kinds.add(OTHER)
    kinds |= {OTHER} if content[place:].strip(b"\0") else set()
    if exif := _turned(content):
        kept.insert(2, _chunk(b"eXIf", exif.removeprefix(EXIF)))
    return b"".join(kept), kinds


def _webp(content: bytes) -> tuple[bytes, set[str]]:
    kept, kinds, place = [], set[str](), 12
    end = min(len(content), 8 + int(struct.unpack_from("<I", content, 4)[0]))
    while place + 8 <= end:
        name, length = struct.unpack_from("<4sI", content, place)
        chunk = content[place : place + 8 + length + length % 2]
        place += len(chunk)
        if name in WEBP_KEPT:
            kept.append(chunk)
        else:
            kinds |= _exif_kinds(chunk[8:]) if name == b"EXIF" else _xmp_kinds(chunk[8:])
    kinds |= {OTHER} if content[end:].strip(b"\0") else set()
    exif = _turned(content).removeprefix(EXIF)
    if exif:
        kept.append(struct.pack("<4sI", b"EXIF", len(exif)) + exif + bytes(len(exif) % 2))
    if kept and kept[0].startswith(b"VP8X"):
        flags = kept[0][8] & ~(WEBP_EXIF | WEBP_XMP) | (WEBP_EXIF if exif else 0)
        kept[0] = kept[0][:8] + bytes((flags,)) + kept[0][9:]
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body, kinds


def _of_pillow(content: bytes) -> tuple[bytes | None, set[str]]:
    """What Pillow tells of a file; the blocks that can be found in it are written over."""
    with Image.open(io.BytesIO(content)) as image:
        about = image.info
        if image.format not in FORMATS:  # such a file is stored as PNG in any case
            return None, _kinds_of(image.getexif()) - {OTHER}
    kinds, clean = set[str](), content
    for name, told in (
        ("exif", _exif_kinds),
        ("xmp", _xmp_kinds),
        ("comment", lambda _: {COMMENT}),
    ):
        block = (about.get(name) or b"").removeprefix(EXIF)
        found = told(block) if block.strip(b"\0") else set()
        kinds |= found
        empty = _turned(content).removeprefix(EXIF) or EMPTY_EXIF if name == "exif" else b""
        clean = _blanked(clean, block, empty) if found else clean
    return clean, kinds


def _blanked(content: bytes, block: bytes, empty: bytes) -> bytes:
    """Write `empty`, and zeros, over a block; a reader may have set its orientation upright."""
    entry = ORIENTATION.search(block)
    place = entry.end() if entry else len(block)
    pattern = re.escape(block[:place]) + b".{2}" * bool(entry) + re.escape(block[place + 2 :])
    return re.sub(pattern, empty.ljust(len(block), b"\0")[: len(block)], content, flags=re.S)


Way = Callable[[bytes], tuple[bytes | None, set[str]]]
WAYS: dict[str, Way] = {"JPEG": _jpeg, "PNG": _png_chunks, "WEBP": _webp}
