"""The page of photos, in a real browser: captions, and the map of a collection."""

import csv
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.clip_caption.collection import facts, types
from tests.test_models.conftest import OpenPage, findings, fits, kept
from tests.zoo.pictures import encoded
from zoo.building.packaging import ROOT

SAMPLES = ROOT / "mlflow_models" / "clip_caption" / "samples"
FLOOD = (SAMPLES / "flood.jpg").read_bytes()


def cards(page: Page) -> Locator:
    """The photos that were dropped."""
    return page.locator(".cards > li")


def card(page: Page, name: str) -> Locator:
    """One of them."""
    return cards(page).filter(has_text=name)


def meter(card: Locator) -> Locator:
    """How well the sentence fits a photo."""
    return card.get_by_role("meter", name="Fits (cosine)")


def choose(page: Page, model: str) -> None:
    """Chooses a model."""
    page.get_by_label("Model", exact=True).click()
    page.get_by_role("option", name=model).click()


def drop(page: Page, zone: str, files: list[tuple[str, bytes]]) -> None:
    """Gives files to a zone."""
    payload = [{"name": name, "mimeType": "", "buffer": content} for name, content in files]
    page.locator(f"#{zone}-input").set_input_files(payload)  # type: ignore[arg-type]


def left(uploads: Path) -> list[Path]:
    """The uploads that are still there."""
    return [one for one in uploads.rglob("*") if one.is_file()]


def test_a_sample_is_captioned_by_one_click(open_page: OpenPage, uploads: Path) -> None:
    page = open_page("/caption")
    page.get_by_role("textbox", name="Does this sentence fit?").fill("a flood by a temple")
    page.get_by_role("button", name="Try a sample").click()
    expect(page.get_by_text("4 of 4 captioned")).to_be_visible()
    expect(card(page, "flood.jpg")).to_contain_text("a flood around a green tuk-tuk")
    expect(card(page, "fallen_tree.jpg")).to_contain_text("fallen tree")
    fits = {
        name: float(meter(card(page, name)).get_attribute("value") or "")
        for name in ("flood.jpg", "fallen_tree.jpg", "broken_lamp.jpg", "rubbish.jpg")
    }
    assert max(fits, key=lambda name: fits[name]) == "flood.jpg"
    assert findings(page) == []
    assert left(uploads) == []


def test_many_photos_come_in_batches_and_go_into_files(open_page: OpenPage, uploads: Path) -> None:
    page = open_page("/caption")
    evil = "<img src=x onerror=document.title=1>.jpg"
    phone = encoded(Image.open(SAMPLES / "flood.jpg"), "HEIF")
    photos = [(f"{n:02}.jpg", FLOOD) for n in range(16)]
    photos += [("phone.heic", phone), (evil, FLOOD[:9000])]
    drop(page, "caption-zone", photos)
    expect(cards(page)).to_have_count(18)
    page.get_by_text("Options").click()
    page.get_by_label("Captions of a photo").fill("2")
    page.get_by_role("button", name="Caption", exact=True).click()
    expect(page.get_by_text("17 of 18 captioned; 1 can't be read")).to_be_visible()
    expect(card(page, "15.jpg").locator("ol > li")).to_have_count(2)
    card(page, "phone.heic").scroll_into_view_if_needed()
    expect(card(page, "phone.heic")).to_contain_text("This browser can't show it")
    expect(card(page, "phone.heic")).to_contain_text("flood")
    expect(card(page, evil)).to_contain_text("The file is cut off")
    saved = {}
    for kind in ("CSV", "JSON"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {kind}").click()
        saved[kind] = Path(download.value.path()).read_text(encoding="utf-8-sig")
    table = list(csv.DictReader(saved["CSV"].splitlines()))
    records = json.loads(saved["JSON"])
    assert [row["name"] for row in table] == [one["name"] for one in records]
    assert [row["name"] for row in table] == [name for name, _ in photos]
    assert table[3]["caption_2"] == records[3]["captions"][1]["text"] != table[3]["caption_1"]
    assert "cut off" in table[17]["error"]
    assert page.title() == "Photos · Theresa"
    assert left(uploads) == []


def test_a_model_that_fails_is_said_beside_the_button(open_page: OpenPage, uploads: Path) -> None:
    page = open_page("/caption")
    drop(page, "caption-zone", [("photo.jpg", FLOOD)])
    button = page.get_by_role("button", name="Caption", exact=True)
    for model, sentence in (("broken-caption", "isn't a model's"), ("gone-caption", "be reached")):
        choose(page, model)
        button.click()
        expect(page.locator("#caption-zone").get_by_role("alert")).to_contain_text(sentence)
        expect(button).to_be_enabled()
    expect(page.get_by_text("down", exact=True)).to_be_visible()
    assert findings(page) == []
    choose(page, "clip_caption")
    button.click()
    expect(card(page, "photo.jpg")).to_contain_text("flood")
    expect(page.locator("#caption-zone").get_by_role("alert")).to_be_empty()
    assert left(uploads) == []


def test_what_isnt_taken_is_never_sent(open_page: OpenPage, uploads: Path) -> None:
    page = open_page("/caption")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    drop(page, "caption-zone", [("large.jpg", bytes(3_000_001)), ("words.txt", b"words")])
    alert = page.locator("#caption-zone").get_by_role("alert")
    expect(alert).to_contain_text("“large.jpg” is larger than 3 MB.")
    expect(alert).to_contain_text("“words.txt” isn't of a kind that is taken here.")
    expect(page.get_by_role("button", name="Caption", exact=True)).to_be_disabled()
    assert [url for url in sent if "upload" in url] == []
    page.evaluate("theresa.maxBytes = 1e9")  # a browser that was told another limit
    drop(page, "caption-zone", [("large.jpg", bytes(3_000_001))])
    page.get_by_role("button", name="Caption", exact=True).click()
    expect(alert).to_contain_text("The upload failed")
    assert left(uploads) == []


def test_it_fits_a_phone_in_thai(open_page: OpenPage) -> None:
    page = open_page("/caption", width=390, locale="th-TH")
    page.get_by_role("button", name="ลองตัวอย่าง").click()
    expect(page.get_by_text("บรรยายแล้ว 4 จาก 4 ภาพ")).to_be_visible()
    expect(page.get_by_text("green tuk-tuk in front")).to_be_visible()  # in English, as it came
    fits(page, 390)
    assert findings(page) == []


def test_all_is_done_by_the_keyboard(open_page: OpenPage) -> None:
    page = open_page("/caption")
    page.locator("#caption-zone-input").focus()
    for _ in range(2):  # its button is off as long as there are no files
        if page.evaluate("document.activeElement.textContent") != "Try a sample":
            page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Try a sample")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 of 4 captioned")).to_be_visible()
    picture = page.get_by_role("button", name="Enlarge flood.jpg")
    for _ in range(20):
        if picture.evaluate("one => one === document.activeElement"):
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("tuk-tuk")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(picture).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # removes it
    expect(cards(page)).to_have_count(3)


@pytest.fixture
def shown_map(open_page: OpenPage, mapped: Path, embedded: Path, uploads: Path) -> Page:
    """The page with a map that was dropped."""
    page = open_page("/caption")
    files = [mapped / "map.parquet", *sorted(embedded.glob("part-*.parquet"))]
    drop(page, "caption-map-zone", [(one.name, one.read_bytes()) for one in files])
    page.get_by_role("button", name="Show the map").click()
    expect(page.get_by_label("Colour by")).to_be_visible()
    assert left(uploads) == []
    return page


def test_photos_are_placed_among_a_collection(
    shown_map: Page, embedded: Path, photos: Path
) -> None:
    page, known = shown_map, facts(embedded)
    own = "000/000000.jpg"
    drop(page, "caption-zone", [("own.jpg", (photos / own).read_bytes())])
    page.get_by_role("button", name="Caption", exact=True).click()
    near = card(page, "own.jpg").locator(".thumbnails button")
    expect(near).to_have_count(5)
    expect(near.first).to_have_text("1.00")  # it is in the collection itself
    named = [str(one.get_attribute("aria-label")).split(":")[0] for one in near.all()]
    assert named[0] == own
    assert sum((known.loc[name] == known.loc[own]).any() for name in named) >= 4
    page.get_by_role("button", name="Try a sample").click()
    expect(page.get_by_text("4 of your photos are on the map")).to_be_visible()
    page.get_by_label("Colour by").select_option("type")
    assert findings(page) == []
    kept(page, "caption")


def test_a_part_of_the_map_is_selected(shown_map: Page, embedded: Path) -> None:
    """By a group's button, by words, and by the lasso."""
    page, known = shown_map, types(embedded)
    selected = page.get_by_role("region", name="Selection")
    page.get_by_label("Colour by").select_option("type")
    floods = list(known.values()).count("flood")
    page.get_by_role("button", name="Select flood").click()
    expect(selected.get_by_role("heading")).to_have_text(f"{floods} selected")
    expect(selected.locator("li")).to_have_count(floods)
    page.get_by_role("checkbox", name="Show flood").uncheck()
    page.get_by_role("button", name="Lasso").click()
    canvas = page.get_by_role("application")
    canvas.hover()  # scrolls to it, and waits until it stays where it is
    box = canvas.bounding_box()
    assert box
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)]
    for n, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if n == 0:
            page.mouse.down()
    page.mouse.up()
    expect(selected.get_by_role("heading")).to_have_text(f"{len(known) - floods} selected")
    page.get_by_label("Words in the caption").fill("fallen tree")
    captions = selected.locator("li").filter(has_not_text=re.compile("fallen", re.I))
    expect(selected.locator("li").first).to_be_visible()
    expect(captions).to_have_count(0)


def test_what_is_no_map_is_said(open_page: OpenPage, embedded: Path, uploads: Path) -> None:
    page = open_page("/caption")
    part = (embedded / "part-00000.parquet").read_bytes()
    drop(page, "caption-map-zone", [("part-00000.parquet", part)])
    page.get_by_role("button", name="Show the map").click()
    alert = page.locator("#caption-map-zone").get_by_role("alert")
    expect(alert).to_contain_text("There is no map among the files")
    assert left(uploads) == []
