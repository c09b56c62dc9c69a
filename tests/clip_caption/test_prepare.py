"""prepare.py: an export becomes a data set; copies and sites stay together; failures are told."""

import csv
import os
import re
from pathlib import Path

import pytest

from clip_caption import prepare
from tests.clip_caption.photos import Site, jpeg, save
from tests.clip_caption.prepared import COMMENT, dropped, run, text_of, traffy, write_jsonl
from tests.zoo.pictures import encoded, scene
from zoo.data.tables import listed
from zoo.errors import ZooError


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
