"""Who says what, on the speech page: in a real browser, on a call with a channel for each side."""

import itertools
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from test_models import asr
from tests.test_models import calls
from tests.test_models.conftest import OpenPage, findings, kept
from tests.test_models.test_asr_page import answer_of, put
from tests.zoo.helpers import HTTP

COLOURS = "all => all.map(one => getComputedStyle(one).backgroundColor)"
STYLES = (Path(asr.__file__).parent / "people.css").read_text(encoding="utf-8")
LEAST_CONTRAST = 3.0  # of what isn't text, by WCAG 2.2
LEAST_DIFFERENCE = 15.0  # of the lightness (CIE L*, 0 to 100) of two speakers who come together


def downloaded(page: Page, form: str) -> str:
    """A file of whisper_asr's answer."""
    with page.expect_download() as download:
        answer_of(page, "whisper_asr").get_by_role("button", name=form, exact=True).click()
    assert download.value.suggested_filename == f"call.whisper_asr.{form}"
    return download.value.path().read_text(encoding="utf-8")


def test_a_call_with_two_people_who_are_named(open_page: OpenPage) -> None:
    page = open_page("/asr")
    page.get_by_role("button", name="Options").click()
    expect(page.get_by_label("Who speaks")).to_have_value("off")
    page.get_by_label("Channels").select_option("Separate")
    page.get_by_role("button", name="Options").click()
    put(page, "call.flac", calls.call("office", "bank"))
    page.get_by_role("button", name="Transcribe").click()
    whisper = answer_of(page, "whisper_asr")
    people = whisper.get_by_role("list", name="Speakers")
    people.get_by_label("Name: speaker C1").fill("Wang")
    people.get_by_label("Name: speaker C2").fill("Li Na")
    segments = whisper.get_by_role("list", name="Segments").get_by_role("button")
    expect(segments.first).to_contain_text("Wang" + calls.said("office"))
    expect(segments.last).to_contain_text("Li Na" + calls.said("bank"))
    lanes = page.get_by_role("region", name="Speakers: whisper_asr").get_by_role("img")
    expect(lanes).to_have_count(2)
    expect(lanes.last).to_have_accessible_name(re.compile(r"Li Na: 0:0[23]\.\d"))
    expect(page.locator("[data-drawn]")).to_have_count(1)
    lanes.last.click()  # in the middle
    middle = float(page.get_by_role("slider").get_attribute("aria-valuemax") or 0) / 2
    now = float(page.get_by_role("slider").get_attribute("aria-valuenow") or 0)
    assert abs(now - middle) < 0.5
    colours = segments.locator(".mark").evaluate_all(COLOURS)
    assert len(set(colours)) == 2
    assert findings(page) == []
    kept(page, "speakers")
    people.get_by_label("Name: speaker C1").fill("<b>Wang")
    for form, part in {"vtt": "<v &lt;b&gt;Wang>妈", "srt": "Li Na: ", "rttm": " Li_Na "}.items():
        assert part in downloaded(page, form)
    people.get_by_label("Same person as: speaker C2").select_option("<b>Wang")
    people.get_by_role("button", name="Join: speaker C2").click()
    expect(lanes).to_have_count(1)
    expect(segments.last).to_contain_text("<b>Wang" + calls.said("bank"))
    record = json.loads(downloaded(page, "json"))
    assert [(one["speaker"], one["name"]) for one in record["speakers"]] == [("C1", "<b>Wang")]
    assert {one["speaker"] for one in record["segments"] + record["turns"]} == {"C1"}
    page.get_by_role("button", name="Undo").click()
    expect(segments.last).to_contain_text("Li Na")
    expect(lanes).to_have_count(2)


@pytest.mark.parametrize(
    ("form", "body", "sentence"),
    [
        ("srt", b"nothing", "isn't a transcript"),
        ("vtt", b'{"segments": [{"start": 0, "end": NaN, "text": "a"}]}', "isn't a transcript"),
        ("pdf", b"{}", "'pdf' not found; available: txt, srt"),
        ("rttm", b"{}", "doesn't say who speaks"),
    ],
)
def test_what_cant_be_a_file_is_told(pages_url: str, form: str, body: bytes, sentence: str) -> None:
    response = HTTP.post(f"{pages_url}/asr/transcript?form={form}", content=body, timeout=30)
    assert response.status_code == 400
    assert sentence in response.text


def luminance(colour: str) -> float:
    """The relative luminance (WCAG 2) of `#rrggbb`."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("theme", "background"), [("", "#ffffff"), (".dark & ", "#1e293b")])
def test_colours_are_told_apart_by_lightness_too(theme: str, background: str) -> None:
    pattern = rf"(?:^| ){re.escape(theme)}\.who\d {{ --who: (#\w+)"
    styles = STYLES if theme else re.sub(r"\.dark & [^}]*}", "", STYLES)
    found = [luminance(one) for one in re.findall(pattern, styles, re.MULTILINE)]
    assert len(found) == 8
    behind = luminance(background)
    contrasts = [(max(one, behind) + 0.05) / (min(one, behind) + 0.05) for one in found]
    assert min(contrasts) >= LEAST_CONTRAST
    lightness = [116 * one ** (1 / 3) - 16 for one in found]
    differences = [abs(a - b) for a, b in itertools.pairwise(lightness)]
    assert min(differences) >= LEAST_DIFFERENCE
