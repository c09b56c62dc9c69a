"""The search box on the page of photos, in a real browser, and the command for it."""

import json
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Locator, Page, expect

from test_models.calls import Refused
from test_models.client import Client
from tests.clip_caption.collection import COUNT, facts, types
from tests.clip_caption.serving import FILES, FLOOD
from tests.test_models.conftest import OpenPage, findings, fits
from tests.test_models.test_caption_page import card, choose, drop, left
from tests.test_models.test_command import run

PAGE = 24  # photos that are shown at a time


def opened(open_page: OpenPage, **options: object) -> Page:
    """The page, with the model that has a collection chosen."""
    page = open_page("/caption", **options)
    choose(page, "searched")
    expect(page.get_by_role("search")).to_be_visible()
    return page


def found(page: Page) -> Locator:
    """The photos that were found."""
    return page.locator(".found > li")


def test_photos_are_found_by_words_filtered_and_paged(
    open_page: OpenPage, embedded: Path, uploads: Path
) -> None:
    page = open_page("/caption")
    expect(page.get_by_role("search")).to_be_hidden()  # the first model has no collection
    choose(page, "searched")
    expect(page.get_by_text(f"{COUNT} photos", exact=True)).to_be_visible()
    page.get_by_role("searchbox", name="Words").fill("a flood")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"{PAGE} of {COUNT} photos")).to_be_visible()
    expect(found(page).first).to_contain_text("flood")
    picture = found(page).first.locator("img")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("one => one.naturalWidth") > 50
    page.get_by_role("button", name="Show more").click()
    expect(found(page)).to_have_count(2 * PAGE)
    names = found(page).get_by_role("button").evaluate_all("all => all.map(one => one.ariaLabel)")
    assert len({*names}) == 2 * PAGE
    known = facts(embedded)
    both = (known["type"] == "flood") & (known["place"] == "temple")
    page.get_by_label("Category").select_option("flood")
    page.get_by_label("Place").select_option("temple")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(found(page)).to_have_count(int(both.sum()))
    expect(page.get_by_role("button", name="Show more")).to_be_hidden()
    assert findings(page) == []
    assert left(uploads) == []


def test_photos_are_found_that_are_like_one(open_page: OpenPage, uploads: Path) -> None:
    page = opened(open_page, width=390)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("Give words, a photo, or both.")).to_be_visible()
    drop(page, "caption-zone", [("own.jpg", FILES["fallen_tree"])])
    page.get_by_role("button", name="Caption", exact=True).click()
    card(page, "own.jpg").get_by_role("button", name="Find similar photos").click()
    expect(found(page).first).to_contain_text("fallen tree")
    page.get_by_role("searchbox", name="Words").fill("a temple")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(found(page).first).to_contain_text("temple")
    page.get_by_role("button", name="Remove own.jpg").last.click()
    page.locator("#search-photo").set_input_files(
        {"name": "cut.jpg", "mimeType": "image/jpeg", "buffer": FLOOD[:9000]}
    )
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("cut off")).to_be_visible()
    fits(page, 390)
    assert left(uploads) == []


def test_a_thumbnail_that_is_not_there_is_not_found(pages_url: str) -> None:
    for asked in ("searched?number=999", "searched?number=x", "searched", "nobody?number=1"):
        assert httpx2.get(f"{pages_url}/caption/found/{asked}").status_code == 404
    photo = httpx2.get(f"{pages_url}/caption/found/searched?number=0")
    assert photo.content.startswith(b"\xff\xd8")


def test_a_command_finds_photos(searched_url: str, clip_url: str, embedded: Path) -> None:
    known = types(embedded)
    options = ["--category", "pothole", "-n", "3", "--format", "json", "--url", searched_url]
    record = json.loads(run("search", "a hole in the road", *options).stdout)
    assert [known[one["id"]] for one in record["neighbours"]] == ["pothole"] * 3
    assert record["total"] == sum(kind == "pothole" for kind in known.values())
    table = run("search", "a flood", "--url", searched_url, "-n", "2").stdout
    assert "flood" in table
    refused = run("search", "a flood", "--url", clip_url)
    assert refused.returncode == 1
    assert "collection" in refused.stderr
    with Client(clip_url) as client, pytest.raises(Refused) as none:
        client.facets()
    assert none.value.status == 404
