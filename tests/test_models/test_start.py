"""The start page: which models are up, and what else it says of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.test_models.conftest import OpenPage, app, findings, fits
from tests.test_models.servers import Flaky, nobody, serving

DECLARED = {"task": "audio-classification", "summary": "Says which language is spoken."}
DESCRIBED = {
    "/v2/models": {"models": ["language_id"]},
    "/v2/models/language_id": {"name": "language_id", "parameters": {"declaration": DECLARED}},
}


def card_of(page: Page, model: str) -> Locator:
    """What the page shows of a model."""
    heading = page.get_by_role("heading", name=model, exact=True)
    return page.locator(".theresa-card", has=heading)


@pytest.mark.parametrize(
    ("locale", "up", "down"),
    [
        ("th-TH", "พร้อมใช้งาน", "ไม่พร้อมใช้งาน"),
        pytest.param("zh-TW", "运行中", "未运行", marks=pytest.mark.thorough),
        pytest.param("en-US", "up", "down", marks=pytest.mark.thorough),
    ],
)
def test_it_says_which_models_are_up(open_page: OpenPage, locale: str, up: str, down: str) -> None:
    page = open_page("/", locale=locale)
    states = page.get_by_role("status")
    expect(states.get_by_text(up, exact=True)).to_have_count(9)  # with those that answer nonsense
    expect(states.get_by_text(down, exact=True)).to_have_count(3)
    expect(states.get_by_text("can't be reached").first).to_be_visible()
    assert findings(page) == []


def test_its_commands_work_and_its_cards_are_there(open_page: OpenPage) -> None:
    page = open_page("/", width=390)
    card = card_of(page, "hanlp_ner")
    card.get_by_role("button", name="From the command line").click()
    shown = card.locator(".cm-content")
    expect(shown).to_contain_text("我爱中国")
    command = "\n".join(shown.locator(".cm-line").all_inner_texts())
    answer = json.loads(subprocess.check_output(["bash", "-c", command]))
    assert answer["predictions"][0]["entities"][0]["text"] == "中国"
    card.get_by_role("button", name="Model card").click()
    expect(card.get_by_text("Chinese models are for research and teaching only")).to_be_visible()
    assert findings(page) == []
    fits(page, 390)
    card.get_by_role("link", name="Entities").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Entities")


def test_a_model_that_comes_up_is_up_by_itself(browser: Browser, tmp_path: Path) -> None:
    with nobody() as late, app(tmp_path, f"late={late.url}") as url:
        page = browser.new_page(locale="en-US")
        page.goto(url)
        state = page.locator(".theresa-state")
        expect(state).to_contain_text("down")
        with serving(Flaky(lambda body: body, [], DESCRIBED), late.taken()):
            expect(state).to_have_text("up", timeout=30_000, use_inner_text=True)
            expect(page.get_by_text("Says which language is spoken.")).to_be_visible()
            page.get_by_role("link", name="Others").last.click()
            expect(page.get_by_label("Model", exact=True)).to_have_value("late")
        page.close()


def test_a_model_says_what_it_is_and_what_it_cant_do(open_page: OpenPage) -> None:
    card = card_of(open_page("/"), "wav2vec2_asr")
    for fact in ("Turns Thai speech into text.", "Thai", "demo", "apache-2.0"):
        expect(card.get_by_text(fact, exact=True)).to_be_visible()
    expect(card.get_by_text("not human speech")).to_be_visible()


@pytest.mark.parametrize(("model", "answer"), [
    ("whisper_asr", "我的肚子有点疼"), ("hanlp_ner", "LOCATION"), ("clip_caption", "broken lamp"),
    ("echo", "我爱中国"),
])  # fmt: skip
def test_its_sample_is_answered_in_place(open_page: OpenPage, model: str, answer: str) -> None:
    page = open_page("/", locale="zh-CN", width=390)
    card = card_of(page, model)
    card.get_by_role("button", name="运行示例").click()
    expect(card.get_by_role("region", name="回答").first).to_contain_text(answer)
    assert findings(page) == []
    fits(page, 390)


def test_a_model_without_a_sample_says_so(open_page: OpenPage) -> None:
    card = card_of(open_page("/"), "broken-asr")
    card.get_by_role("button", name="Try its sample").click()
    expect(card.get_by_role("alert")).to_contain_text("doesn't show a sample")


def test_without_models_it_says_how_to_name_them(browser: Browser, tmp_path: Path) -> None:
    with app(tmp_path) as url:
        page = browser.new_page(locale="en-US")
        page.goto(url)
        expect(page.get_by_text("No model is set up")).to_be_visible()
        page.close()


@pytest.mark.parametrize(
    "given",
    [
        "whisper_asr",
        *(
            pytest.param(one, marks=pytest.mark.thorough)
            for one in ("=http://localhost:1", "a=ftp://b", "--task=b=image-to-text")
        ),
    ],
)
def test_what_names_no_model_is_refused(given: str) -> None:
    command = [sys.executable, "-m", "test_models.app", given]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert given.partition("=")[2] in done.stderr
