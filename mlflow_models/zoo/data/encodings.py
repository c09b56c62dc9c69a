"""Tells how the bytes of a text file are to be read: what spreadsheets and editors write."""

import codecs
import re
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 18  # of a file that isn't UTF-8, from the first such byte on
MIN_ZEROS = 4  # of a text in UTF-16 without a mark: a few commas and line breaks
UTF_8 = "utf-8-sig"  # with a byte order mark or without
LEGACY = {"cp874": "CP874 (Thai)", "gb18030": "GB18030 (Chinese)", "big5hkscs": "Big5 (Chinese)"}
LOOSE_MARK = re.compile(
    "(?<![\u0e01-\u0e3a\u0e47-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
)  # of Thai
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding_of(file: BinaryIO) -> str:
    """Tell the encoding of a text.

    UTF-8 is read to its end. UTF-16 is told by its byte order mark, or by its zeros; CP874, GB18030
    and Big5 by charset-normalizer. Bytes that are UTF-8 for the most part are broken UTF-8, and
    nothing else.

    Args:
        file: Its bytes, from the start.

    Returns:
        The codec's name: `UTF_8`, utf-16, utf-16-le, utf-16-be, or one of `LEGACY`. It is `UTF_8`,
        too, where nothing fits; then the text can't be decoded.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    while chunk := file.read(CHUNK_BYTES):
        if b"\0" in chunk:
            return _utf16(chunk)
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            if chunk.startswith(MARKS):
                return _utf16(chunk)
            chunk += file.read(SAMPLE_BYTES)
            return UTF_8 if _is_broken_utf8(chunk) else _legacy(chunk[error.start :])
    return UTF_8


def _utf16(sample: bytes) -> str:
    """UTF-16 by its mark, or by where the zeros of its Latin letters, commas and breaks are."""
    if sample.startswith(MARKS):
        return "utf-16"
    low, high = (sample[start::2].count(0) for start in (1, 0))
    if low + high < MIN_ZEROS:
        return UTF_8
    return "utf-16-le" if low > 8 * high else "utf-16-be" if high > 8 * low else UTF_8


def _is_broken_utf8(sample: bytes) -> bool:
    """Whether most of the characters beyond ASCII are UTF-8."""
    text = sample.decode("utf-8", "replace")
    beyond = sum(character > "\x7f" for character in text)
    return beyond > 2 * text.count("\ufffd")


def _legacy(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = sample[:SAMPLE_BYTES]
    lines = sample.rpartition(b"\n")[0] or sample
    best = from_bytes(lines, cp_isolation=list(LEGACY)).best()
    found = best.encoding if best is not None and best.encoding in LEGACY else UTF_8
    if found == "cp874" and not LOOSE_MARK.search(lines.decode("cp874")):
        return found
    # A few words are guessed badly. Hardly any other text is GB2312 (Simplified) throughout.
    return "gb18030" if _is_gb2312(lines) else found


def _is_gb2312(sample: bytes) -> bool:
    try:
        sample.decode("gb2312")
    except UnicodeDecodeError:
        return False
    return True
