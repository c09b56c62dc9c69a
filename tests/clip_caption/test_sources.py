"""prepare.py reads folders, tables, COCO's JSON, GeoJSON, and photos of every format."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import concatenate_datasets

from clip_caption.preparing.cells import canonical, position
from demos.clip_caption import scenes
from tests.clip_caption.photos import Site, jpeg, save
from tests.clip_caption.prepared import COMMENT, dropped, run, text_of
from tests.zoo.pictures import encoded, scene
from zoo.data.images import decode, format_of
from zoo.data.tables import listed


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


def test_odd_cells_are_understood() -> None:
    assert [canonical(listed(c)) for c in ('{c,"a, b"}', "{}", "{ถนน}", " x ", "")] == [
        '["a, b", "c"]', "", "ถนน", "x", ""]  # fmt: skip
    assert position(["13.7", "100.5"]) == (13.7, 100.5)
    for wrong in (["", ""], ["100.5", "13.7"], ["x"], ["nan", "1"], []):
        assert position(wrong) == (None, None)
