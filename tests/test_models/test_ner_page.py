"""The page of entities."""

import csv
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.test_models.conftest import MAX_UPLOAD, OpenPage, findings, fits, kept

SCRIPT = "<img src=x onerror=alert(1)>"
HOSTILE = f"王小明爱中国{SCRIPT}"
OWN = "A word and its type per line"
SURE = re.compile(r"^\d+%$")
CHINA = re.compile("^中华人民共和国 .+市$")
WITHOUT_TYPES = """text => {
  const copy = text.cloneNode(true);
  for (const type of copy.querySelectorAll("small")) type.remove();
  return copy.textContent;
}"""
LETTER = "\u3000\u3000😀张三，13800138000，\n\t去年三月五日在北京。\n"


def choose(page: Page, model: str) -> None:
    """Chooses another model."""
    page.get_by_label("Model").click()
    page.get_by_role("option", name=model).click()


def drop(page: Page, file: Path) -> None:
    """Drops a file of many texts."""
    page.get_by_role("tab", name="Many texts").click()
    page.locator("#ner-zone input").set_input_files(file)


def error(page: Page) -> Locator:
    """What the page says of a failure."""
    return page.locator("[role=alert].theresa-error, [role=alert] .theresa-error").filter(
        visible=True
    )


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A table of 600 texts, as Excel in China writes it."""
    rows = ["王小明在北京大学工作。", HOSTILE, "今天天气很好。"] * 200
    file = tmp_path / "texts.csv"
    lines = "".join(f"{number},{text}\r\n" for number, text in enumerate(rows))
    file.write_bytes(f"编号,正文\r\n{lines}".encode("gb18030"))
    return file


def test_a_sample_is_answered_in_one_click(open_page: OpenPage) -> None:
    page = open_page("/ner")
    page.get_by_role("button", name="Try a sample").first.click()
    expect(page.locator("mark", has_text="北京")).to_contain_text("LOCATION")
    row = page.get_by_role("row").filter(has_text="北京")
    expect(row.get_by_role("cell")).to_have_text(["北京", "LOCATION", CHINA, SURE, "20", "22", "1"])


def test_characters_are_counted_not_code_units(open_page: OpenPage) -> None:
    page = open_page("/ner")
    page.get_by_role("button", name="Sample: emoji").click()
    row = page.get_by_role("row").filter(has_text="杭州")
    expect(row.get_by_role("cell")).to_have_text(["杭州", "LOCATION", CHINA, SURE, "15", "17", "1"])
    expect(page.locator("mark").first).to_have_text("杭州LOCATION")
    row.get_by_role("button").click()
    expect(page.locator("mark.chosen")).to_have_count(1)


def test_own_words_come_out_and_a_wrong_line_is_said(open_page: OpenPage) -> None:
    page = open_page("/ner")
    page.get_by_role("button", name="Own words").click()
    page.get_by_label("Text", exact=True).fill("我在玩原神。")
    page.get_by_label(OWN).click()  # waits until it is all there
    page.get_by_label(OWN).fill("原神")
    page.get_by_role("button", name="Find entities").first.click()
    expect(error(page)).to_contain_text("Line 1 of your own words isn't WORD TYPE")
    page.get_by_label(OWN).fill("原神 GAME")
    page.get_by_role("button", name="Find entities").first.click()
    expect(page.locator("mark")).to_have_text("原神GAME")
    expect(error(page)).to_have_count(0)


def test_a_letter_is_dated_and_masked(open_page: OpenPage) -> None:
    page = open_page("/ner", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Reference date").fill("2026-01-01")
    page.get_by_label("Mask personal data").select_option("hash")
    page.get_by_label("Text", exact=True).fill(LETTER)
    find = page.get_by_role("button", name="Find entities").first
    find.click()
    expect(error(page)).to_contain_text("mask")  # the operator has given no key for hashes
    page.get_by_label("Mask personal data").select_option("label")
    find.click()
    row = page.get_by_role("row").filter(has_text="去年三月五日")
    expect(row.get_by_role("cell")).to_have_text(
        ["去年三月五日", "DATE", "2025-03-05", SURE, "20", "26", "1"]
    )
    expect(error(page)).to_have_count(0)
    assert page.locator(".text").first.evaluate(WITHOUT_TYPES) == LETTER  # as it was sent
    expect(page.locator("mark").filter(has_text="去年")).to_have_attribute(
        "title", re.compile("^DATE · .* · 2025-03-05$")
    )
    masked = page.get_by_role("region", name="Masked text")
    masked.get_by_role("button", name="Copy").click()
    expect(masked.get_by_role("status")).not_to_be_empty()
    copy = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch("\u3000\u3000😀\\[.+\\]，\\[.+\\]，\n\t去年三月五日在北京。\n", copy)
    with page.expect_download() as saved:
        masked.get_by_role("button", name="Download masked text").click()
    assert saved.value.path().read_text("utf-8") == copy
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON lines").click()
    line = json.loads(saved.value.path().read_text("utf-8"))
    assert line["masked"]["text"] == copy
    assert {"kind": "date", "value": "2025-03-05"} in [
        one.get("normalized") for one in line["entities"]
    ]
    assert findings(page) == []
    kept(page, "ner")


def test_many_texts_of_a_table(open_page: OpenPage, texts: Path, uploads: Path) -> None:
    page = open_page("/ner")
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Mask personal data").select_option("replace")
    drop(page, texts)
    page.locator("#ner-zone").get_by_role("button", name="Find entities").click()
    entity = page.get_by_role("button", name="王小明")
    row = page.get_by_role("row").filter(has=entity)
    expect(row.get_by_role("cell")).to_have_text(["王小明", "PERSON", "", SURE, "400", "400"])
    expect(page.get_by_label("Column of the texts")).to_have_value("正文")
    assert [one for one in uploads.rglob("*") if one.is_file()] == []
    entity.click()
    expect(page.get_by_role("heading", name="Texts with “王小明” (PERSON): 400")).to_be_focused()
    expect(page.get_by_role("listitem").filter(has_text=SCRIPT).first).to_be_visible()
    assert findings(page) == []

    with page.expect_download() as saved:
        page.get_by_role("button", name="Download CSV").click()
    rows = list(csv.DictReader(saved.value.path().read_text("utf-8-sig").splitlines()))
    people = [one for one in rows if one["entity"] == "王小明"]
    assert len(people) == 400
    assert (people[1]["text_number"], people[1]["start"], people[1]["end"]) == ("2", "0", "3")
    assert 0 < float(people[1]["confidence"]) <= 1
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download JSON lines").click()
    lines = [json.loads(one) for one in saved.value.path().read_text("utf-8").splitlines()]
    assert lines[1]["text"] == HOSTILE
    places = [(one["start"], one["end"], one["type"]) for one in lines[1]["entities"]]
    assert places == [(0, 3, "PERSON"), (4, 6, "LOCATION")]
    assert len(lines) == 600
    with page.expect_download() as saved:
        page.get_by_role("button", name="Download masked text").click()
    copies = list(csv.DictReader(saved.value.path().read_text("utf-8-sig").splitlines()))
    assert copies[1] == {"text_number": "2", "text": HOSTILE.replace("王小明", "***")}
    assert len(copies) == 600

    page.get_by_label("Column of the texts").click()
    page.get_by_role("option", name="编号").click()  # the browser sends its file again
    expect(page.get_by_text("No entity was found.")).to_be_visible()


def test_a_phone_and_only_the_keyboard(open_page: OpenPage) -> None:
    page = open_page("/ner", width=390, locale="zh-CN")
    # Gradio puts the button there some 50 ms after the text: a person's Tab doesn't come before it.
    page.get_by_role("button", name="识别实体").first.wait_for()
    page.get_by_label("文本", exact=True).focus()
    page.keyboard.type("我爱中国")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("mark")).to_have_text("中国LOCATION")
    fits(page, 390)
    assert findings(page) == []


def test_a_model_that_is_broken_or_down(open_page: OpenPage, texts: Path) -> None:
    page = open_page("/ner")
    choose(page, "broken-ner")
    page.get_by_role("button", name="Try a sample").first.click()
    sentence = "The server's answer isn't a model's; is the address right?"
    expect(error(page)).to_have_text(sentence)
    drop(page, texts)
    page.locator("#ner-zone").get_by_role("button", name="Find entities").click()
    expect(error(page)).to_have_text(sentence)
    choose(page, "gone-ner")
    expect(page.get_by_role("status").get_by_text("down", exact=True)).to_be_visible()


def test_a_too_large_file_is_refused(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page("/ner")
    file = tmp_path / "large.txt"
    file.write_bytes(b"a\n" * (MAX_UPLOAD // 2 + 1))
    drop(page, file)
    expect(error(page)).to_contain_text("is larger than 3 MB")
