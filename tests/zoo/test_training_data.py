"""What all prepare and finetune commands share: contents told, copies found, a page to read."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clip_caption.preparing.copies import near_pairs, perceptual_hash
from zoo.data.fingerprints import changed, fingerprint, fingerprints
from zoo.training.leaks import across, linked, normalised, same
from zoo.training.page import PAGE, PageSample, ReportPage, Section, draw, verdict

SOUND = b"RIFF\x00"


def test_a_fingerprint_is_of_the_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "data.csv").write_text("x", encoding="utf-8")
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b") != ""
    then = fingerprints([tmp_path / "a", tmp_path / "b"])
    (tmp_path / "a" / "deep" / "data.csv").write_text("y", encoding="utf-8")
    (tmp_path / "b" / "deep" / "data.csv").rename(tmp_path / "b" / "deep" / "other.csv")
    now = fingerprints([tmp_path / "a", tmp_path / "b"])
    assert changed(then, then) == ""
    assert all(f"'{tmp_path / name}' has changed" in changed(then, now) for name in ("a", "b"))
    assert fingerprint(tmp_path / "none") == ""
    assert "'c' is new" in changed({}, {"c": "1"})
    assert "'c' is gone" in changed({"c": "1"}, {})


def test_rows_that_are_the_same_belong_together() -> None:
    keys = ["x", "y", "x", None, "y", None, "z"]
    assert same(keys) == [(0, 2), (1, 4)]
    assert linked(7, [*same(keys), (4, 6)]) == [0, 1, 0, 3, 1, 5, 1]
    parts = ["train", "train", "test", "train", "train", "test", "test"]
    (leak,) = across(same(keys), parts, [f"{row}.wav" for row in range(7)], "same sound")
    assert (leak.first, leak.second, leak.parts) == ("0.wav", "2.wav", ("train", "test"))


@pytest.mark.parametrize(
    ("one", "other"),
    [("你好，世界！", "你好世界"), ("Hello  world.", "hello world"), ("ＡＢ１", "ab1")],
)
def test_punctuation_case_and_width_make_no_other_text(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_a_photo_that_is_saved_again_is_a_near_copy() -> None:
    rng = np.random.default_rng(1)
    images = [
        Image.fromarray(rng.integers(0, 255, (6, 8, 3), np.uint8)).resize((320, 240))
        for _ in range(40)
    ]
    again = [images[3].resize((200, 150)), images[7].crop((4, 4, 318, 238))]
    hashes = np.array([perceptual_hash(image) for image in [*images, *again]], np.uint64)
    assert {(one, other) for one, other, _ in near_pairs(hashes)} == {(3, 40), (7, 41)}
    assert near_pairs(hashes[:2], 64) == [(0, 1, int(np.bitwise_count(hashes[0] ^ hashes[1])))]


def test_a_report_is_one_page_that_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "a.svg").write_text("<svg/>", encoding="utf-8")
    sections = [
        Section("Kept", "of <all>", ["reason", "rows"], [["kept", 1234], ["<script>", 1.5]]),
        Section("Heard", picture=tmp_path / "a.svg",
                samples=[PageSample("a.wav", "สวัสดี", SOUND, "audio/wav"), PageSample("b", "好")]),
    ]  # fmt: skip
    page = ReportPage("Report", verdict(["2 copies"], "1,234 rows"), sections)
    page.write(tmp_path / "out")
    text = (tmp_path / "out" / PAGE).read_text(encoding="utf-8")
    assert "<script" not in text
    assert not re.search(r'(?:src|href)="(?!data:)', text)
    assert "data:audio/wav;base64,UklGRgA=" in text
    assert all(words in text for words in ("สวัสดี", "1,234", "2 copies"))
    assert verdict([], "1,234 rows") != page.verdict
    assert draw(range(100), 5) == draw(range(100), 5) == sorted(draw(range(100), 5))
