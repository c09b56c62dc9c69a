"""The page of a model that has none of its own: it is made of what the model declares."""

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.test_models.conftest import OpenPage, app, findings, fits, opening
from tests.test_models.servers import Flaky, serving

DECLARED = {
    "task": "audio-classification",
    "summary": "Says which language is spoken.",
    "columns": [{"name": "audio", "kind": "file", "description": "A recording."}],
    "parameters": [
        {"name": "top", "type": "long", "list": False, "default": 3, "minimum": 1, "maximum": 9,
         "description": "Languages to name."},
    ],
}  # fmt: skip
GETS = {
    "/v2/models": {"models": ["language_id"]},
    "/v2/models/language_id": {"name": "language_id", "parameters": {"declaration": DECLARED}},
}
RECORD = {
    "language": "th",
    "probability": 0.91,
    "languages": [{"language": "th", "probability": 0.91}, {"language": "lo", "probability": 0.05}],
}


@pytest.fixture
def open_echo(browser: Browser, echo_url: str, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens the pages in front of the echo alone."""
    with app(tmp_path, f"echo={echo_url}") as pages, opening(browser, pages) as opened:
        yield opened


def test_a_text_is_answered_with_its_parameters(open_echo: OpenPage) -> None:
    page = open_echo("/other", width=390)
    page.get_by_role("button", name="Options").click()
    expect(page.get_by_label("words")).to_have_accessible_description("Words to say back.")
    page.get_by_label("words").fill("สวัสดี, 你好")
    page.get_by_role("textbox", name="Text").fill("我爱中国")
    page.get_by_role("button", name="Ask").click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer.get_by_role("row", name="text")).to_contain_text("我爱中国")
    expect(answer.get_by_role("row", name="words")).to_contain_text('["สวัสดี","你好"]')
    assert findings(page) == []
    fits(page, 390)
    page.get_by_label("seconds").fill("-1")
    page.get_by_role("button", name="Ask").click()
    expect(page.get_by_role("alert").filter(has_text="'seconds'")).to_be_visible()


def test_a_file_is_answered_with_a_table(browser: Browser, tmp_path: Path) -> None:
    asked: list[dict[str, object]] = []

    def answer(body: bytes) -> bytes:
        asked.append(json.loads(body))
        return json.dumps({"predictions": [RECORD]}).encode()

    with serving(Flaky(answer, [], GETS)) as url, app(tmp_path, f"spoken={url}") as pages:
        page = browser.new_page(locale="en-US")
        page.goto(f"{pages}/other")
        page.get_by_role("button", name="Options").click()
        page.get_by_label("top").fill("2")
        page.locator("#other-file-input").set_input_files(
            {"name": "a.flac", "mimeType": "audio/flac", "buffer": b"sound"}
        )
        page.get_by_role("button", name="Ask").click()
        languages = page.get_by_role("region", name="languages")
        expect(languages.get_by_role("row")).to_have_text(
            ["languageprobability", "th0.910", "lo0.050"]
        )
        page.close()
    (request,) = asked
    table = request["dataframe_split"]
    assert isinstance(table, dict)
    assert (table["columns"], b64decode(table["data"][0][0])) == (["audio"], b"sound")
    assert request["params"] == {"top": 2}
