"""Decoding: every usual format to the same picture, bad files to one sentence, both cheaply."""

import contextlib
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tests.zoo.pictures import BAD, FORMATS, encoded, many_scans, scene
from zoo.data.images import FILE_FORMATS, decode, format_of, is_image, size_of
from zoo.errors import BadInput

pytestmark = pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
SIDE = 224  # of CLIP's square


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference, in levels of 255."""
    assert one.size == other.size
    return float(np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean())


def seen(picture: Image.Image) -> Image.Image:
    """What CLIP looks at."""
    return ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_gives_the_same_picture(kind: str) -> None:
    picture = scene()
    decoded = decode(encoded(picture, kind))
    assert (decoded.mode, decoded.size) == ("RGB", picture.size)
    assert difference(decoded, picture) < (6 if kind == "GIF" else 2)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF"])
def test_a_turned_photo_is_set_upright(kind: str) -> None:
    for orientation in range(1, 9):
        picture, exif = scene(64, 48), Image.Exif()
        exif[0x0112] = orientation
        picture.info["exif"] = exif.tobytes()
        upright = ImageOps.exif_transpose(picture)
        file = encoded(picture, kind, **({} if kind == "HEIF" else {"exif": exif}))
        assert size_of(file) == upright.size
        assert difference(decode(file, formats=FILE_FORMATS), upright) < 6, orientation


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
@pytest.mark.parametrize("order", [">", "<"])
def test_a_photo_that_exif_alone_turns_is_set_upright(kind: str, order: str) -> None:
    """Some phones write no `irot` into the container."""
    for orientation in range(2, 9):
        entry = struct.pack(f"{order}HHIHH", 0x0113, 3, 1, 1, 0)  # a tag that writers don't know
        exif = b"Exif\0\0" + {">": b"MM\0*", "<": b"II*\0"}[order]
        exif += struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)
        file = encoded(scene(64, 48), kind, exif=exif)
        assert b"irot" not in file
        turned = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
        file = file.replace(entry, turned)
        told, picture = Image.Exif(), scene(64, 48)
        told[0x0112] = orientation
        picture.info["exif"] = told.tobytes()
        upright = ImageOps.exif_transpose(picture)
        assert size_of(file) == upright.size
        assert difference(decode(file), upright) < 6, orientation


@pytest.mark.parametrize("exif", [b"Exif\0\0" + bytes(40), b"Exif\0\0MM\0*\0\0\0\x08\xff\xff", b""])
def test_exif_that_cant_be_read_counts_as_upright(exif: bytes) -> None:
    assert difference(decode(encoded(scene(), exif=exif)), scene()) < 2


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("L", "JPEG"), ("L", "PNG"), ("LA", "PNG"), ("RGBA", "WEBP"), ("CMYK", "JPEG"), ("P", "PNG")],
)
def test_other_colour_modes_look_the_same(mode: str, kind: str) -> None:
    converted = scene().convert(mode)
    assert difference(decode(encoded(converted, kind)), converted.convert("RGB")) < 2


def test_sixteen_bits_of_grey_keep_their_brightness() -> None:
    levels = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    decoded = np.asarray(decode(encoded(Image.fromarray(levels), "PNG")), dtype=float)
    assert np.abs(decoded - levels[..., None] / 257).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "HEIF"])
def test_what_is_transparent_is_white(kind: str) -> None:
    picture = scene().convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 160, 240))
    decoded = np.asarray(decode(encoded(picture, kind)), dtype=float)
    assert decoded[230, 80].min() > 250
    assert np.abs(decoded[230, 310] - (20, 20, 220)).max() < 25


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_counts(kind: str) -> None:
    frames = [scene(seed=1), scene(seed=2), Image.new("RGB", (320, 240), "green")]
    file = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=40)
    assert difference(decode(file), frames[0]) < 6


@pytest.mark.parametrize("kind", FORMATS)
def test_a_single_pixel_is_an_image(kind: str) -> None:
    pixels = np.asarray(decode(encoded(Image.new("RGB", (1, 1), (200, 100, 50)), kind)), float)
    assert pixels.shape == (1, 1, 3)
    assert np.abs(pixels - (200, 100, 50)).max() < 20


@pytest.mark.parametrize(
    ("size", "progressive"),
    [((3024, 4032), False), ((2801, 2101), False), ((1367, 2099), True)],
    ids=str,
)
def test_a_reduced_jpeg_looks_to_clip_like_the_whole(
    size: tuple[int, int], progressive: bool
) -> None:
    file = encoded(scene(*size), quality=90, progressive=progressive)
    reduced, whole = decode(file, SIDE), decode(file)
    assert whole.size == size
    assert 3 * SIDE <= min(reduced.size) < min(size)
    assert difference(seen(reduced), seen(whole)) < 0.5


def test_a_phones_photo_costs_a_fraction_of_its_decoding() -> None:
    file = encoded(scene(4000, 3000), quality=90)
    costs = []
    for side in (None, SIDE):
        start = time.thread_time()
        seen(decode(file, side))
        costs.append(time.thread_time() - start)
    assert costs[1] < costs[0] / 2


def test_a_small_image_is_left_as_it_is() -> None:
    for kind in FORMATS:
        file = encoded(scene(), kind)
        assert difference(decode(file, SIDE), decode(file)) == 0


def test_of_a_hair_of_an_image_the_middle_is_kept() -> None:
    for size in ((1_000_000, 1), (2, 60_000)):
        middle = Image.new("RGB", size, "red")
        middle.paste("blue", (size[0] // 2 - 50, 0, size[0] // 2 + 50, size[1]))
        decoded = decode(encoded(middle, "PNG"), SIDE)
        assert max(decoded.size) <= 32
        assert decoded.getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize("side", [None, SIDE])
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_refused(name: str, side: int | None) -> None:
    with pytest.raises(BadInput, match=r"^(is|has) [^\n<>]{4,80}$"):
        decode(BAD[name], side)


@pytest.mark.parametrize("side", [None, SIDE])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_is_taken_if_all_its_pixels_are_there(
    progressive: bool, side: int | None
) -> None:
    file = encoded(scene(641, 479), quality=85, progressive=progressive)
    for short in (1, 2):
        assert difference(decode(file[:-short], side), decode(file, side)) == 0
    for short in (3, 4, 30, 1000, len(file) // 2):
        with pytest.raises(BadInput, match="is cut off or damaged"):
            decode(file[:-short], side)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG2000", "PPM", "TGA"])
def test_a_person_s_own_files_may_have_further_formats(kind: str) -> None:
    file = encoded(scene(), kind)
    assert is_image(file)
    assert (format_of(file), size_of(file)) == (kind, (320, 240))
    assert difference(decode(file, formats=FILE_FORMATS), scene()) < 2
    with pytest.raises(BadInput, match="is not a JPEG"):
        decode(file)


def test_a_file_is_told_by_its_header() -> None:
    assert not is_image(b"<html>")
    assert not is_image(b"")
    assert format_of(encoded(scene(), "MPO")) == "JPEG"
    exif = Image.Exif()
    exif[0x0112] = 6
    assert size_of(encoded(scene(), exif=exif)) == (240, 320)


def test_a_progressive_jpeg_of_a_few_scans_more_is_taken() -> None:
    assert decode(many_scans(20), SIDE).size == (1000, 1000)


def test_a_phones_largest_photos_are_taken_at_a_reduced_scale() -> None:
    file = encoded(Image.new("L", (12_000, 9_000), 77), quality=50)
    assert decode(file, SIDE).size == (1500, 1125)
    with pytest.raises(BadInput, match="has 12,000 × 9,000 pixels, more than are taken"):
        decode(file)


def test_refusals_cost_neither_memory_nor_time() -> None:
    program = f"""
import resource
from tests.zoo.pictures import BAD, encoded, scene
from zoo.data.images import FILE_FORMATS, decode, format_of, is_image, size_of
from zoo.errors import BadInput
photo = encoded(scene(4000, 3000))
start = resource.getrusage(resource.RUSAGE_SELF)
decode(photo)
before = resource.getrusage(resource.RUSAGE_SELF)
for name, file in BAD.items():
    try:
        decode(file, {SIDE})
    except BadInput:
        pass
after = resource.getrusage(resource.RUSAGE_SELF)
print(after.ru_maxrss - before.ru_maxrss)
print((after.ru_utime - before.ru_utime) / (before.ru_utime - start.ru_utime))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    kilobytes, photos = map(float, done.stdout.split())
    assert kilobytes < 50_000  # more than a phone's photo takes
    assert photos < 5  # all of them together


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(FORMATS), st.randoms(use_true_random=False))
def test_damage_is_refused_or_decoded_and_nothing_else(kind: str, random: object) -> None:
    file = bytearray(FILES[kind])
    for _ in range(random.randint(1, 20)):  # type: ignore[attr-defined]
        place = random.randrange(len(file))  # type: ignore[attr-defined]
        file[place] = random.randrange(256)  # type: ignore[attr-defined]
    with contextlib.suppress(BadInput):
        assert decode(bytes(file), 32).mode == "RGB"


FILES = {kind: encoded(scene(64, 48), kind) for kind in FORMATS}
