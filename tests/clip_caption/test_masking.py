"""prepare.py --mask: what tells who somebody is goes from texts and from files."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from clip_caption.preparing.metadata import COMMENT as A_COMMENT
from clip_caption.preparing.metadata import DEVICE, OTHER, POSITION, THUMBNAIL, cleaned
from clip_caption.preparing.privacy import mask
from tests.clip_caption.photos import save
from tests.clip_caption.prepared import dropped, run, text_of, traffy, write_jsonl
from tests.zoo.pictures import encoded, scene
from zoo.data.images import FILE_FORMATS, decode, format_of


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ไฟดับ โทร0812345678ด่วน", "ไฟดับ โทร[phone]ด่วน"),
        ("ติดต่อ 02-123-4567 หรือ +66 81 234 5678", "ติดต่อ [phone] หรือ [phone]"),
        ("๐๘๑-๒๓๔-๕๖๗๘", "[phone]"),
        ("บัตร 1-1037-02071-81-1 อีเมล som.chai+1@example.co.th",
         "บัตร [identity] อีเมล [email]"),
        ("แอดไลน์somchai หรือ ไลน์: mali.b, https://line.me/ti/p/~somchai",
         "แอดไลน์[line] หรือ ไลน์: [line], https://line.me/ti/p/[line]"),
        ("Line: a tree fell, pipeline: broken, ไลน์แมน", None),
        ("ซอย 12 บ้านเลขที่ 99/1234 วันที่ 12/05/2565 13:44", None),
        ("เสาที่ 20153344 พิกัด 13.7563, 100.5018 โทร 1555", None),
    ],
)  # fmt: skip
def test_who_wrote_a_comment_is_masked(text: str, masked: str | None) -> None:
    assert mask(text)[0] == (masked or text)
    assert bool(mask(text)[1]) == bool(masked)


def test_personal_data_is_counted_and_masked_when_asked(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", 1)
    table = traffy(tmp_path / "export.csv", ["a.jpg"], comment="โทร 081-234-5678")
    options = ["--test-share", "0"]
    assert run(table, tmp_path / "1", *options)["train"][0]["captions"] == ["โทร 081-234-5678"]
    assert "telephone number 1" in text_of(tmp_path / "1")
    parts = run(table, tmp_path / "2", *options, "--mask")
    assert parts["train"][0]["captions"] == ["โทร [phone]"]


def exif(orientation: int) -> Image.Exif:
    """What a phone writes: how it is turned, its name, where it is, and a comment."""
    found = Image.Exif()
    found[ExifTags.Base.Orientation] = orientation
    found[ExifTags.Base.Make], found[ExifTags.Base.Model] = "Phone", "Phone 12"
    found[ExifTags.Base.ImageDescription] = "call 081-234-5678"
    position = found.get_ifd(ExifTags.IFD.GPSInfo)
    position.update({1: "N", 2: (13.0, 45.0, 2.5), 3: "E", 4: (100.0, 30.0, 1.0)})
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "MPO", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_masked_photo_has_its_pixels_and_nothing_of_its_photographer(
    kind: str, orientation: int
) -> None:
    told = exif(orientation)
    own: dict[str, dict[str, Any]] = {
        "MPO": {"save_all": True, "append_images": [scene(64, 64)]},
        "HEIF": {"xmp": b"<xmpmeta>Phone</xmpmeta>"},
    }
    options = own.get(kind, {})
    file = encoded(scene(), kind, exif=told.tobytes() if kind == "HEIF" else told, **options)
    clean, kinds = cleaned(file)
    assert {DEVICE, A_COMMENT} <= set(kinds)
    assert POSITION in kinds or kind == "TIFF"  # Pillow writes no position into one
    before, after = decode(file, formats=FILE_FORMATS), decode(clean)
    assert before.tobytes() == after.tobytes()
    assert cleaned(clean) == (clean, [])
    left = Image.open(io.BytesIO(clean)).getexif()
    assert set(left) <= {ExifTags.Base.Orientation}
    assert b"Phone" not in clean
    if kind in ("JPEG", "PNG", "WEBP"):  # not encoded again
        assert len(file) - 400 < len(clean) < len(file)
    elif kind == "HEIF":
        assert format_of(clean) == "HEIF"


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_masked_photo_that_exif_alone_turns_stays_upright(kind: str) -> None:
    """An iPhone says in the container how a photo is turned; some phones don't."""
    told = exif(1)
    del told[ExifTags.Base.Orientation]
    told[0x0113] = 6  # a tag that writers don't know
    other, entry = (bytes((1, tag, 0, 3, 0, 0, 0, 1)) for tag in (0x13, 0x12))
    block = told.tobytes()
    assert other in block or block[6:8] == b"II"
    file = encoded(scene(64, 48), kind, exif=block).replace(other, entry)
    assert decode(file).size == (48, 64)
    clean, kinds = cleaned(file)
    assert POSITION in kinds
    assert decode(clean).tobytes() == decode(file).tobytes()
    assert b"Phone" not in clean


def test_a_jpeg_loses_its_comments_its_thumbnail_and_what_follows_it() -> None:
    plain = encoded(scene(), comment=b"0812345678")
    thumbnail = b"\xff\xe0" + (8 + 9).to_bytes(2) + b"JFXX\0\x10" + bytes(9)
    file = plain[:2] + thumbnail + plain[2:] + b"a film"
    clean, kinds = cleaned(file)
    assert set(kinds) == {A_COMMENT, THUMBNAIL, OTHER}
    assert clean == encoded(scene())
    assert cleaned(encoded(scene(), icc_profile=b"colours"))[1] == []


def test_masking_holds_for_all_that_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(scene(), exif=exif(6)))
    (tmp_path / "b.bmp").write_bytes(encoded(scene(seed=3), "BMP"))
    table = write_jsonl(
        tmp_path / "t.jsonl",
        {"id": "081-234-5678", "photo": "a.jpg", "comment": "ไลน์ @somchai", "note": "a@b.co"},
        {"id": "081-234-5678", "photo": "b.bmp", "comment": "LINE ID: mali_99", "note": "1555"},
        {"id": "081-234-5679", "photo": "gone.jpg", "comment": "โทร 081-234-5679", "note": ""},
    )
    options = ["--keep", "comment", "note", "--test-share", "0", "--mask"]
    rows = sorted(run(table, tmp_path / "out", *options)["train"], key=lambda row: row["name"])
    assert [row["name"] for row in rows] == ["[phone]", "[phone] (2)"]
    assert [row["captions"] for row in rows] == [["ไลน์ [line]"], ["LINE ID: [line]"]]
    assert [row["comment"] for row in rows] == ["ไลน์ [line]", "LINE ID: [line]"]
    assert [row["note"] for row in rows] == ["[email]", "1555"]
    assert b"Phone" not in rows[0]["image"]
    assert dropped(tmp_path / "out") == {"[phone]": "no such file"}
    page = text_of(tmp_path / "out")
    for found in ("in texts: Line id 4", "in texts: telephone number 2", "in files: device 1",
                  "in files: position (GPS) 1", "What was found was taken out"):  # fmt: skip
        assert found in page
    assert not re.search(r"\d{3}-\d{4}|somchai|mali", page)
