"""prepare.py: every source is read, photos are fetched once and politely, failures are told."""

import csv
import html
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, concatenate_datasets, load_from_disk
from PIL import ExifTags, Image

from clip_caption import prepare
from clip_caption.preparing.cells import canonical, position
from clip_caption.preparing.metadata import COMMENT as A_COMMENT
from clip_caption.preparing.metadata import DEVICE, OTHER, POSITION, THUMBNAIL, cleaned
from clip_caption.preparing.privacy import mask
from demos.clip_caption import scenes
from tests.clip_caption.photos import Site, jpeg, save, serving
from tests.zoo.pictures import encoded, scene
from zoo.data.images import FILE_FORMATS, decode, format_of
from zoo.data.tables import listed
from zoo.errors import ZooError

HEADER = "ticket_id type organization comment coords photo photo_after address state".split()
COMMENT = 'น้ำท่วมถนน\nหน้าตลาด "บางรัก", รถผ่านไม่ได้'


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


def traffy(path: Path, photos: list[str], **columns: str) -> Path:
    """An export of complaints, as a spreadsheet writes it, a row for each photo."""
    usual = {"type": "{น้ำท่วม,ถนน}", "comment": COMMENT, "coords": "100.53084,13.81865"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, HEADER, restval="")
        table.writeheader()
        for number, photo in enumerate(photos):
            row = {**usual, "ticket_id": f"2022-{number:03}", "photo": photo, **columns}
            table.writerow(row)
    return path


def write_jsonl(path: Path, *rows: dict[str, str]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def text_of(output: Path) -> str:
    """The words of the report's page, with one space between them."""
    page = (output / "report.html").read_text(encoding="utf-8").partition("</head>")[2]
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())


def run(source: Path, output: Path, *options: str) -> dict[str, Dataset]:
    """Prepares; the parts by their names."""
    quick = ["--pause", "0", "--private-addresses"]
    prepare.main([str(source), "-o", str(output), *quick, *options])
    return {p.parent.name: load_from_disk(str(p.parent)) for p in output.glob("*/state.json")}


def dropped(output: Path) -> dict[str, str]:
    """Why photos were left out, by their names."""
    with (output / "dropped.csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}


def test_an_export_of_complaints_becomes_a_data_set(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = ["1.jpg", "2.jpg", "1.jpg", "busy/2/3.jpg", "later/4.jpg", "404", "page", "cut",
             "empty", "nowhere"]  # fmt: skip
    photos = [f"{site.address}/{path}" for path in paths]
    photos[-1] = "http://photos.invalid/5.jpg"
    table = traffy(tmp_path / "export.csv", [*photos, ""])
    with table.open("a", encoding="utf-8") as file:
        file.write("2022-100,{ถนน},x,an unquoted, comma,,,,,\r\n")
        file.write(f"2022-101,ถนน,กขค,  ,,{site.address}/6.jpg,,,\r\n")
    parts = run(table, tmp_path / "out", "--test-share", "0.4", "--keep", "state")

    assert set(parts) == {"train", "test"}
    rows = {row["name"]: row for part in parts.values() for row in part}
    assert set(rows) == {f"2022-00{n}" for n in range(5)}
    first = rows["2022-000"]
    assert first["image"] == jpeg(1)
    assert first["captions"] == [" ".join(COMMENT.split())]
    assert listed(first["type"]) == ["ถนน", "น้ำท่วม"]
    assert (first["latitude"], first["longitude"]) == (13.81865, 100.53084)
    assert first["state"] == ""
    # the same photo of two complaints is fetched once, and is in one part
    assert rows["2022-002"]["image"] == first["image"]
    assert any({"2022-000", "2022-002"} <= set(part["name"]) for part in parts.values())

    assert site.asked["/1.jpg"] == 1
    assert site.asked["/busy/2/3.jpg"] == 3
    assert site.asked["/later/4.jpg"] == 2
    assert site.asked["/404"] == site.asked["/page"] == 1
    assert "/6.jpg" not in site.asked
    assert all("theresa" in agent for agent in site.agents)

    reasons = dropped(tmp_path / "out")
    line = max(n for n in reasons if n.startswith("line"))
    assert {name: reason.split(":")[0] for name, reason in reasons.items()} == {
        "2022-005": "not downloaded",
        "2022-006": "not downloaded",
        "2022-007": "unreadable",
        "2022-008": "not downloaded",
        "2022-009": "not downloaded",
        "2022-010": "no photo",
        "2022-101": "no caption",
        line: "broken line",
    }
    assert reasons["2022-005"].endswith("the server answered 404")
    page = text_of(tmp_path / "out")
    assert "left out: not downloaded 4" in page or "not downloaded: can't be fetched" in page
    assert "น้ำท่วม 5" in page
    assert "ถนน 5" in page
    assert "1 photos are the same file as another" in page
    printed = capsys.readouterr().out
    assert "left out, not downloaded: 4" in printed
    assert "8 of 13 photos are left out" in printed.splitlines()[-1]
    assert "น้ำท่วม" in (tmp_path / "out" / "types.svg").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "sizes.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_fetched_twice_and_what_is_gone_only_when_asked(
    site: Site, tmp_path: Path
) -> None:
    table = traffy(
        tmp_path / "export.csv", [f"{site.address}/{p}" for p in ("1.jpg", "404", "busy/9/2.jpg")]
    )
    cache = ["--cache", str(tmp_path / "photos"), "--test-share", "0"]
    run(table, tmp_path / "1", *cache, "--attempts", "1")
    run(table, tmp_path / "2", *cache, "--attempts", "1")
    assert site.asked == {"/1.jpg": 1, "/404": 1, "/busy/9/2.jpg": 2}
    assert dropped(tmp_path / "1") == dropped(tmp_path / "2")
    run(table, tmp_path / "3", *cache, "--attempts", "1", "--retry-failed")
    assert site.asked == {"/1.jpg": 1, "/404": 2, "/busy/9/2.jpg": 3}


def test_a_killed_run_goes_on_where_it_was(site: Site, tmp_path: Path) -> None:
    paths = [*(f"{n}.jpg" for n in range(12)), *(f"held/{n}.jpg" for n in range(12, 24))]
    table = traffy(tmp_path / "export.csv", [f"{site.address}/{path}" for path in paths])
    output, cache = tmp_path / "out", tmp_path / "out-photos"
    options = [str(table), "-o", str(output), "--pause", "0", "--private-addresses"]
    options += ["--connections", "4"]  # then they are fetched in order
    command = [sys.executable, "-m", "clip_caption.prepare", *options]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while len(list(cache.glob("*/[!.]*"))) < 12 or not site.serving:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()  # in the middle of the held ones
    running.wait()
    assert not output.exists()
    whole = {f"/{path}" for path in paths[:12]}
    assert set(site.asked) >= whole
    (cache / "00").mkdir(exist_ok=True)
    (cache / "00" / ".part-left").write_bytes(jpeg(1)[:99])

    site.held.set()
    parts = run(table, output)
    assert sum(map(len, parts.values())) == 24
    assert {path: site.asked[path] for path in whole} == dict.fromkeys(whole, 1)
    assert max(site.asked.values()) == 2  # those that were on their way
    assert not list(cache.glob("*/.part*"))


def test_a_server_is_not_overrun(site: Site, tmp_path: Path) -> None:
    photos = [f"{site.address}/slow/{n}.jpg" for n in range(12)]
    table = traffy(tmp_path / "export.csv", photos)
    run(table, tmp_path / "1", "--per-host", "2", "--connections", "8")
    assert site.busiest == 2
    site.starts.clear()
    run(table, tmp_path / "2", "--pause", "0.1", "--per-host", "8")
    # a start is at least 0.08 s after the one before, of which the network may eat some
    assert max(site.starts) - min(site.starts) > 11 * 0.08 * 0.8


def test_private_addresses_are_for_those_who_ask(site: Site, tmp_path: Path) -> None:
    save(tmp_path / "own.jpg", 7)
    photos = [f"{site.address}/1.jpg", "http://169.254.169.254/latest", "own.jpg"]
    table = traffy(tmp_path / "export.csv", photos)
    prepare.main([str(table), "-o", str(tmp_path / "out"), "--test-share", "0"])
    assert not site.asked
    assert {reason.rpartition(" ")[2] for reason in dropped(tmp_path / "out").values()} == {
        "public"
    }
    # and another time with the switch, which what was found before doesn't prevent
    options = ["--cache", str(tmp_path / "out-photos"), "--private-addresses", "--limit", "1"]
    prepare.main([str(table), "-o", str(tmp_path / "2"), "--test-share", "0", *options])
    assert site.asked == {"/1.jpg": 1}


def folder(directory: Path) -> Path:
    for number, texts in enumerate(("A flood.\nA road under water.\n", "A fallen tree.")):
        save(directory / f"sub{number}" / f"{number}.JPG", number)
        (directory / f"sub{number}" / f"{number}.txt").write_text(texts, encoding="utf-8")
    save(directory / "without_text.jpg", 9)
    return directory


def metadata(directory: Path) -> Path:
    for number in range(2):
        save(directory / f"sub{number}" / f"{number}.JPG", number)
    rows = [("sub0/0.JPG", "A flood."), ("sub0/0.JPG", "A road under water."),
            ("sub1/1.JPG", "A fallen tree.")]  # fmt: skip
    text = "".join(f"{path};{caption}\n" for path, caption in [("file_name", "text"), *rows])
    (directory / "metadata.csv").write_text(text, encoding="utf-8")
    return directory


def manifest(directory: Path) -> Path:
    metadata(directory)
    text = "file,captions\nsub0/0.JPG,A flood.|A road under water.\nsub1/1.JPG,A fallen tree.\n"
    (directory / "list.tsv").write_text(text.replace(",", "\t"), encoding="utf-8")
    return directory / "list.tsv"


def coco(directory: Path) -> Path:
    metadata(directory)
    told = [(1, "A flood."), (2, "A fallen tree."), (1, "A road under water.\n")]
    content = {
        "images": [{"id": n + 1, "file_name": f"sub{n}/{n}.JPG"} for n in range(2)],
        "annotations": [{"image_id": image, "caption": text} for image, text in told],
    }
    (directory / "captions.json").write_text(json.dumps(content), encoding="utf-8")
    return directory / "captions.json"


@pytest.mark.parametrize("layout", [folder, metadata, manifest, coco])
def test_every_source_gives_the_same(layout: Callable[[Path], Path], tmp_path: Path) -> None:
    parts = run(layout(tmp_path / "corpus"), tmp_path / "out", "--test-share", "0")
    rows = sorted(parts["train"], key=lambda row: row["name"])
    assert list(parts) == ["train"]
    assert [row["name"] for row in rows] == ["sub0/0.JPG", "sub1/1.JPG"]
    assert rows[0]["captions"] == ["A flood.", "A road under water."]
    assert rows[1]["captions"] == ["A fallen tree."]
    assert [row["image"] for row in rows] == [jpeg(0), jpeg(1)]
    assert not (tmp_path / ".part-out").exists()
    assert not (tmp_path / "out-photos").exists()


def test_cocos_photos_are_downloaded_where_it_says(site: Site, tmp_path: Path) -> None:
    path = coco(tmp_path / "corpus")
    content = json.loads(path.read_text(encoding="utf-8"))
    for image in content["images"]:
        image["coco_url"] = f"{site.address}/{image['id']}.jpg"
    path.write_text(json.dumps(content), encoding="utf-8")
    parts = run(path, tmp_path / "out", "--test-share", "0")
    assert sorted(parts["train"]["image"]) == sorted([jpeg(1), jpeg(2)])
    parts = run(path, tmp_path / "local", "--test-share", "0", "--images", str(path.parent))
    assert sorted(parts["train"]["image"]) == sorted([jpeg(0), jpeg(1)])


def test_drawn_scenes_are_read_with_what_is_to_be_seen(tmp_path: Path) -> None:
    scenes.main(["-o", str(tmp_path / "scenes"), "--count", "6", "--width", "96"])
    options = ["--keep", "place", "weather", "--test-share", "0.34"]
    parts = run(tmp_path / "scenes" / "manifest.csv", tmp_path / "out", *options)
    assert {name: len(part) for name, part in parts.items()} == {"train": 4, "test": 2}
    for row in concatenate_datasets(list(parts.values())):
        assert len(row["captions"]) == 3
        assert all(row["place"] in text and text.endswith(".") for text in row["captions"])
        assert 13 < row["latitude"] < 14.5


def test_what_repeats_is_counted_kept_together_or_left_out(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / f"{number}.jpg", number // 2)
        (tmp_path / f"{number}.txt").write_text(f"Photo {number}.", encoding="utf-8")
    (tmp_path / "1.jpg").write_bytes(jpeg(0, quality=60))  # another file of the same look
    (tmp_path / "30.jpg").write_bytes(jpeg(30, (31, 200)))
    (tmp_path / "30.txt").write_text("A strip.", encoding="utf-8")
    parts = run(tmp_path, tmp_path / "out", "--test-share", "0.3")
    looks = {name: {int(Path(n).stem) // 2 for n in part["name"]} for name, part in parts.items()}
    assert len(parts["test"]) == 6
    assert not looks["train"] & looks["test"]
    page = text_of(tmp_path / "out")
    assert "9 photos are the same file as another; 1 pairs look the same" in page
    assert "20 photos are among these" in page
    assert dropped(tmp_path / "out") == {"30.jpg": "too small"}
    for kind, kept in (("bytes", 11), ("look", 10)):
        parts = run(tmp_path, tmp_path / kind, "--duplicates", kind)
        assert sum(map(len, parts.values())) == kept


def test_parts_depend_on_the_seed_alone(tmp_path: Path) -> None:
    for number in range(30):
        save(tmp_path / "p" / f"{number}.jpg", number)
        (tmp_path / "p" / f"{number}.txt").write_text("A flood.", encoding="utf-8")

    def names(output: str, *options: str) -> dict[str, list[str]]:
        parts = run(tmp_path / "p", tmp_path / output, "--dev-share", "0.2", *options)
        return {name: part["name"][:] for name, part in parts.items()}

    found = names("1")
    assert {name: len(part) for name, part in found.items()} == {"train": 21, "dev": 6, "test": 3}
    assert names("2", "--jobs", "4") == found
    assert names("3", "--seed", "2") != found


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


def test_near_copies_and_sites_stay_in_one_part(tmp_path: Path) -> None:
    rows = []
    for number in range(12):
        picture = scene(seed=number)
        files = {
            "whole": encoded(picture),
            "small": encoded(picture.resize((160, 120)), quality=60),
            "crop": encoded(picture.crop((3, 2, 317, 238))),
            "other": encoded(scene(seed=100 + number)),
        }
        for name, content in files.items():
            (tmp_path / f"{number}{name}.jpg").write_bytes(content)
            site = f"site {number}" if name in ("whole", "other") else ""
            rows.append({"photo": f"{number}{name}.jpg", "comment": "A flood.", "site": site})
    table = write_jsonl(tmp_path / "t.jsonl", *rows)
    parts = run(table, tmp_path / "out", "--test-share", "0.3", "--group", "site")
    numbers = {name: {re.match(r"\d+", n)[0] for n in part["name"]} for name, part in parts.items()}  # type: ignore[index]
    assert not numbers["train"] & numbers["test"]
    with (tmp_path / "out" / "copies.csv").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file))
    assert len({(row["name"], row["copy"]) for row in pairs}) >= 24
    assert all(row["part"] == row["part of the copy"] and int(row["bits"]) <= 8 for row in pairs)
    page = text_of(tmp_path / "out")
    assert "36 photos are among these" in page
    assert "same file: 0; near copy: 0; same place: 0; same caption: " in page
    assert (tmp_path / "out" / "report.html").read_text(encoding="utf-8").count("<img") >= 20
    strict = run(table, tmp_path / "2", "--near", "0", "--duplicates", "look")
    assert sum(map(len, strict.values())) > 24


def test_places_and_captions_of_two_parts_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = []
    for number in range(20):
        save(tmp_path / f"{number}.jpg", number)
        coords = f"100.5,13.{number // 10}"
        rows.append({"photo": f"{number}.jpg", "comment": f"A flood {number}!", "coords": coords})
    table = write_jsonl(tmp_path / "t.jsonl", *rows)
    run(table, tmp_path / "1", "--test-share", "0.3")
    assert "a place that another part has" in capsys.readouterr().out
    parts = run(table, tmp_path / "2", "--test-share", "0.5", "--group", "coords")
    assert {name: len(set(part["latitude"])) for name, part in parts.items()} == {
        "train": 1, "test": 1}  # fmt: skip
    assert "Ready: 20 photos" in capsys.readouterr().out


def test_traffy_s_geojson_is_read_with_all_types(tmp_path: Path) -> None:
    features = []
    for number, types in enumerate((["ถนน", "ทางเท้า"], ["ทางเท้า", "ถนน"], ["น้ำท่วม"], [])):
        save(tmp_path / f"{number}.jpg", number)
        properties = {
            "ticket_id": f"0000{number}", "description": COMMENT, "photo_url": f"{number}.jpg",
            "after_photo": None, "problem_type_fondue": types, "state": "เสร็จสิ้น", "star": None,
            "timestamp": "2023-05-01 10:00:00.123456+00", "org": ["สำนักงานเขตบางรัก"],
        }  # fmt: skip
        geometry = {"type": "Point", "coordinates": [100.53084, 13.81865]}
        features.append({"type": "Feature", "geometry": geometry, "properties": properties})
    content = {"type": "FeatureCollection", "features": features}
    path = tmp_path / "traffy.geojson"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    train = run(path, tmp_path / "out", "--test-share", "0", "--keep", "org")["train"]
    rows = {row["name"]: row for row in train}
    assert set(rows) == {"00000", "00001", "00002", "00003"}
    assert rows["00000"]["type"] == rows["00001"]["type"]
    assert listed(rows["00000"]["type"]) == ["ถนน", "ทางเท้า"]
    assert (rows["00002"]["type"], rows["00003"]["type"]) == ("น้ำท่วม", "")
    assert (rows["00002"]["latitude"], rows["00002"]["longitude"]) == (13.81865, 100.53084)
    page = text_of(tmp_path / "out")
    for count in ("ถนน 2", "ทางเท้า 2", "น้ำท่วม 1", "(none) 1"):
        assert count in page


def test_photos_of_every_format_are_taken_and_the_rest_is_counted(tmp_path: Path) -> None:
    kinds = {"a.avif": "AVIF", "b.bmp": "BMP", "c.tiff": "TIFF", "d.mpo": "MPO",
             "e.jp2": "JPEG2000", "f.heic": "HEIF", "g.JPG": "JPEG"}  # fmt: skip
    for number, (name, kind) in enumerate(kinds.items()):
        (tmp_path / name).write_bytes(encoded(scene(seed=number), kind))
        (tmp_path / name).with_suffix(".txt").write_text("A flood.", encoding="utf-8")
    whole = encoded(scene(seed=20))
    for name, content in (("h", whole[:-2]), ("i", whole[:-40])):
        (tmp_path / f"{name}.jpg").write_bytes(content)
        (tmp_path / f"{name}.txt").write_bytes("น้ำท่วม".encode("cp874"))
    (tmp_path / "left.txt").write_text("No photo.", encoding="utf-8")
    (tmp_path / "film.mp4").write_bytes(b"film")
    (tmp_path / ".hidden").write_bytes(b"")
    (tmp_path / "moved.jpg").symlink_to(tmp_path / "nowhere.jpg")
    rows = {r["name"]: r for r in run(tmp_path, tmp_path / "out", "--test-share", "0")["train"]}
    assert set(rows) == {*kinds, "h.jpg"}
    assert rows["h.jpg"]["captions"] == ["น้ำท่วม"]
    assert format_of(rows["c.tiff"]["image"]) == format_of(rows["e.jp2"]["image"]) == "PNG"
    assert decode(rows["c.tiff"]["image"]).tobytes() == scene(seed=2).tobytes()
    reasons = dropped(tmp_path / "out")
    assert reasons.pop("i.jpg").startswith("unreadable: is cut off")
    assert reasons == {
        "left.txt": "no photo", "film.mp4": "not a photo", "moved.jpg": "no caption"}  # fmt: skip


def test_a_photo_is_told_by_its_bytes_and_another_file_asked_for_again(
    site: Site, tmp_path: Path
) -> None:
    photos = [f"{site.address}/{path}" for path in ("text/1.jpg", "octets/2.jpg", "empty")]
    table = traffy(tmp_path / "export.csv", photos)
    cache = ["--cache", str(tmp_path / "photos"), "--test-share", "0"]
    assert run(table, tmp_path / "1", *cache)["train"]["name"][:] == ["2022-000", "2022-001"]
    run(table, tmp_path / "2", *cache)
    assert site.asked == {"/text/1.jpg": 1, "/octets/2.jpg": 1, "/empty": 2}


def test_equal_captions_of_a_photo_are_kept_and_repeated_rows_are_not(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", 1)
    said = {"photo": "a.jpg", "comment": "A flood."}
    table = write_jsonl(tmp_path / "t.jsonl", said, {**said, "comment": "Water."}, said)
    captions = run(table, tmp_path / "1", "--test-share", "0")["train"]["captions"][0]
    assert captions == ["A flood.", "Water.", "A flood."]
    assert "1 captions are equal to another of the same photo" in text_of(tmp_path / "1")
    table = write_jsonl(tmp_path / "n.jsonl", *[{**said, "id": "00000"}] * 3)
    (row,) = run(table, tmp_path / "2", "--test-share", "0")["train"]
    assert (row["name"], row["captions"]) == ("00000", ["A flood."])


def test_rows_of_one_photo_keep_their_types_and_their_sites(tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.jpg", number)
    rows = [(0, "flood", "A"), (0, "{road,flood}", "B"), (1, "tree", "A"), (2, "tree", "B")]
    said = [{"photo": f"{n}.jpg", "comment": "Help.", "type": t, "site": s} for n, t, s in rows]
    table = write_jsonl(tmp_path / "t.jsonl", *said)
    parts = run(table, tmp_path / "out", "--test-share", "0.5", "--group", "site")
    (part,) = parts.values()  # the first photo links the others
    assert dict(zip(part["name"], part["type"], strict=True))["0.jpg"] == '["flood", "road"]'
    page = text_of(tmp_path / "out")
    assert "rows in the source 4 photos in the source 3" in page


def test_odd_cells_are_understood() -> None:
    assert [canonical(listed(c)) for c in ('{c,"a, b"}', "{}", "{ถนน}", " x ", "")] == [
        '["a, b", "c"]', "", "ถนน", "x", ""]  # fmt: skip
    assert position(["13.7", "100.5"]) == (13.7, 100.5)
    for wrong in (["", ""], ["100.5", "13.7"], ["x"], ["nan", "1"], []):
        assert position(wrong) == (None, None)


def test_what_is_wrong_with_a_source_is_said(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", 1)
    table = traffy(tmp_path / "export.csv", ["missing.jpg"])
    (tmp_path / "thai.csv").write_bytes("photo,comment\na.jpg,ถนน\n".encode() + b"b,\xe0\xb8\n")
    (tmp_path / "broken.json").write_text('{"images": 1}', encoding="utf-8")
    (tmp_path / "empty").mkdir()
    for arguments, said in (
        (
            [str(table), "--caption-column", "words"],
            "'words' not found .*available: ticket_id,",
        ),
        ([str(table)], r"Nothing can be kept: no such file: 1 \('.*'\)\.$"),
        ([str(tmp_path / "thai.csv")], r"is not UTF-8 \(line 3\)"),
        ([str(tmp_path / "broken.json")], "is not a JSON file of COCO's captions"),
        ([str(tmp_path / "empty")], "neither a metadata.csv nor a photo with a text"),
        ([str(tmp_path / "nowhere")], "nowhere' not found"),
        ([str(tmp_path / "a.jpg")], "is neither a folder, a table"),
        ([str(tmp_path / "nowhere.csv")], "nowhere.csv' not found"),
        ([str(table), "--test-share", "1"], "must leave a share"),
    ):
        with pytest.raises(ZooError, match=said):
            prepare.main([*arguments, "-o", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(ZooError, match="exists; choose another output"):
        prepare.main([str(table), "-o", str(tmp_path / "out")])
    assert os.listdir(tmp_path / "out") == []
