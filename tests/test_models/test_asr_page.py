"""The speech page in a real browser, in front of the demo models; the microphone is Chromium's."""

import re
import threading
import wave
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, FloatRect, Locator, Page, Playwright, expect

from tests.test_models import test_flowing
from tests.test_models.conftest import (
    FLAGS,
    MAX_UPLOAD,
    OpenPage,
    app,
    chromium,
    findings,
    kept,
    opening,
)
from tests.test_models.servers import Flaky, serving
from zoo.building.packaging import ROOT
from zoo.data.audio import decode

CHINESE = ROOT / "mlflow_models" / "whisper_asr" / "samples" / "office.flac"
THAI = ROOT / "mlflow_models" / "wav2vec2_asr" / "samples" / "coffee.flac"
# Whether all that is shown ends before so many pixels.
FIT = """width => [...document.querySelectorAll("main :is(p, b, h1, button, canvas, article)")]
  .every(one => one.getBoundingClientRect().right <= width)"""


# Opens `/v1/realtime`, and gives what ends it.
LIVE = """async ([host, model]) => new Promise(resolve => {
  const socket = new WebSocket(`ws://${host}/v1/realtime?intent=transcription&model=${model}`);
  socket.onmessage = event => {
    const told = JSON.parse(event.data);
    if (told.type === "session.created") socket.send('{"type": "session.close"}');
    if (told.type === "error") resolve(told.error.message);
  };
  socket.onclose = event => resolve(`closed with ${event.code}`);
})"""


def said(file: Path) -> str:
    """What a sample says."""
    return file.with_suffix(".txt").read_text(encoding="utf-8").strip()


def put(page: Page, name: str, content: bytes) -> None:
    """Chooses a file."""
    zone = page.locator("#asr-file-input")
    zone.set_input_files({"name": name, "mimeType": "audio/flac", "buffer": content})


def answer_of(page: Page, model: str) -> Locator:
    """What the page shows of a model's answer."""
    return page.get_by_role("article").filter(has=page.get_by_role("heading", name=model))


def segment(page: Page, model: str) -> Locator:
    """The first segment of a model's answer."""
    return answer_of(page, model).get_by_role("listitem").get_by_role("button").first


def place(page: Page, model: str) -> FloatRect:
    """Where a model's answer is on the page, in pixels."""
    box = answer_of(page, model).bounding_box()
    assert box
    return box


def tab_to(page: Page, name: str) -> None:
    """Presses Tab until what has that name, or begins with it, has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        focused = "document.activeElement"
        found = page.evaluate(f"{focused}.getAttribute('aria-label') ?? {focused}.innerText")
        if found.strip().startswith(name):
            return
    raise AssertionError(f"'{name}' can't be reached by Tab.")


def test_a_sample_is_transcribed_and_played(open_page: OpenPage, uploads: Path) -> None:
    page = open_page("/asr")
    page.get_by_role("checkbox", name="wav2vec2_asr").check()
    page.get_by_role("button", name="Try a sample").click()
    expect(segment(page, "whisper_asr")).to_contain_text(said(CHINESE))
    expect(segment(page, "wav2vec2_asr").locator(".unsure").first).to_be_visible()  # it is Thai's
    expect(answer_of(page, "whisper_asr")).to_contain_text("Chinese")
    expect(page.locator("[data-drawn]")).to_have_count(1)
    segment(page, "whisper_asr").click()
    expect(segment(page, "whisper_asr")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("slider")).not_to_have_attribute("aria-valuenow", "0.0")
    forms = {"txt": said(CHINESE), "srt": " --> ", "vtt": "WEBVTT", "json": '"probability"'}
    for form, part in forms.items():
        with page.expect_download() as download:
            answer_of(page, "whisper_asr").get_by_role("button", name=form, exact=True).click()
        assert download.value.suggested_filename == f"office.whisper_asr.{form}"
        assert part in download.value.path().read_text(encoding="utf-8")
    assert findings(page) == []
    assert [one for one in uploads.rglob("*") if one.is_file()] == []
    kept(page, "asr")


def test_models_stand_side_by_side_and_one_may_fail(open_page: OpenPage) -> None:
    page = open_page("/asr")
    for model in ("whisper_asr", "wav2vec2_asr", "broken-asr"):
        page.get_by_role("checkbox", name=model).set_checked(True)
    put(page, name := "<img src=x onerror=alert(1)>.flac", THAI.read_bytes())
    page.get_by_role("button", name="Transcribe").click()
    expect(segment(page, "wav2vec2_asr")).to_contain_text(said(THAI))
    expect(answer_of(page, "wav2vec2_asr")).to_contain_text(re.compile(r"Took\s*\d+\.\d\d s"))
    expect(segment(page, "whisper_asr")).to_be_visible()
    failure = answer_of(page, "broken-asr").get_by_role("alert")
    expect(failure).to_have_text("The server's answer isn't a model's; is the address right?")
    whisper, wav2vec2 = (place(page, one) for one in ("whisper_asr", "wav2vec2_asr"))
    assert whisper["x"] + whisper["width"] <= wav2vec2["x"]
    expect(page.get_by_text(name)).to_have_count(2)  # as it is, in the zone and the player


def test_the_options_are_those_of_the_models(open_page: OpenPage) -> None:
    page = open_page("/asr")
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Chinese script").select_option("繁體")
    expect(page.get_by_label("punctuation")).to_have_accessible_description(
        "Whether punctuation stays in the text."
    )
    page.get_by_role("checkbox", name="Times of words").uncheck()
    page.get_by_role("button", name="Try a sample").click()
    expect(segment(page, "whisper_asr")).to_contain_text("媽媽在廈門的辦公室等我們")
    expect(segment(page, "whisper_asr").locator(".word")).to_have_count(1)  # the segment's own
    page.get_by_role("checkbox", name="wav2vec2_asr").check()
    page.get_by_role("checkbox", name="whisper_asr").uncheck()
    expect(page.get_by_label("Chinese script")).to_be_hidden()
    expect(page.get_by_label("language_model")).to_be_visible()
    expect(page.get_by_text("live text by wav2vec2_asr")).to_be_visible()
    page.get_by_role("button", name="Try a sample").click()
    expect(segment(page, "wav2vec2_asr")).to_contain_text(said(THAI))


def test_a_file_that_is_too_large_or_no_sound_is_refused(open_page: OpenPage) -> None:
    page = open_page("/asr")
    put(page, "long.wav", bytes(MAX_UPLOAD + 1))
    expect(page.get_by_role("alert").filter(has_text="“long.wav” is larger than")).to_be_visible()
    put(page, "noise.wav", b"no sound at all")
    expect(page.get_by_text("This browser can't play the recording")).to_be_visible()
    page.get_by_role("button", name="Transcribe").click()
    expect(answer_of(page, "whisper_asr").get_by_role("alert")).to_contain_text("decode")
    page.get_by_role("checkbox", name="whisper_asr").uncheck()
    page.get_by_role("button", name="Transcribe").click()
    expect(page.get_by_role("alert").filter(has_text="No model is chosen.")).to_be_visible()


def test_it_fits_a_phone_in_thai(open_page: OpenPage) -> None:
    page = open_page("/asr", width=390, locale="th-TH")
    page.get_by_role("checkbox", name="wav2vec2_asr").check()
    page.get_by_role("button", name="ลองตัวอย่าง").click()
    expect(page.get_by_role("button", name="json")).to_have_count(2)
    whisper, wav2vec2 = (place(page, one) for one in ("whisper_asr", "wav2vec2_asr"))
    assert whisper["y"] + whisper["height"] <= wav2vec2["y"]
    page.wait_for_function(FIT, arg=390)


def test_keys_alone_suffice(open_page: OpenPage) -> None:
    page = open_page("/asr")
    tab_to(page, "Try a sample")
    page.keyboard.press("Enter")
    expect(segment(page, "whisper_asr")).to_be_visible()
    expect(page.get_by_role("button", name="Play")).to_be_enabled()
    tab_to(page, "Position")
    slider = page.get_by_role("slider")
    length = float(slider.get_attribute("aria-valuemax") or 0)
    for key, seconds in {"End": length, "Home": 0.0, "ArrowRight": 1.0}.items():
        page.keyboard.press(key)
        expect(slider).to_have_attribute("aria-valuenow", f"{seconds:.1f}")
    tab_to(page, "0:00")
    page.keyboard.press("Enter")
    expect(segment(page, "whisper_asr")).to_have_attribute("aria-current", "true")
    tab_to(page, "txt")


def test_a_long_recording_comes_as_it_is_heard_and_can_be_given_up(
    browser: Browser, uploads: Path
) -> None:
    looked = threading.Event()

    def answer(_: bytes) -> Iterator[bytes]:
        yield from test_flowing.flowing(2, b"")
        while not looked.wait(0.01):  # until the page has shown it, and given it up
            yield b": alive\n\n"
        yield from list(test_flowing.flowing())[4:]

    flaky = Flaky(answer, [])
    with (
        serving(flaky) as url,
        app(uploads, f"slow={url}", "--task=slow=automatic-speech-recognition") as pages,
        opening(browser, pages) as opened,
    ):
        page = opened("/asr")
        put(page, "long.wav", test_flowing.LONG)
        page.get_by_role("button", name="Transcribe", exact=True).click()
        lines = answer_of(page, "slow").get_by_role("list", name="Segments").get_by_role("button")
        expect(lines).to_have_count(2)
        expect(lines.last).to_contain_text("第1句")
        bar = answer_of(page, "slow").get_by_role("progressbar")
        expect(bar).to_have_attribute("aria-valuetext", "0:30.0 / 1:59.0")
        assert findings(page) == []
        page.get_by_role("button", name="Stop transcribing").click()
        assert flaky.left.wait(30)
        expect(answer_of(page, "slow")).to_contain_text("Stopped: ")
        expect(lines).to_have_count(2)
        looked.set()
        page.get_by_role("button", name="Transcribe", exact=True).click()
        expect(answer_of(page, "slow").get_by_role("button", name="srt")).to_be_visible()
        expect(lines).to_have_count(4)
        assert [one for one in uploads.rglob("*") if one.is_file()] == []


@pytest.fixture
def open_speaking(playwright: Playwright, pages_url: str, tmp_path: Path) -> Iterator[OpenPage]:
    """Opens pages in a browser whose microphone hears the Chinese sample, then silence."""
    sound = decode(CHINESE.read_bytes())  # 16 kHz
    samples = np.concatenate([np.zeros(8_000), sound, np.zeros(16_000 * 20)]).repeat(3)
    with wave.open(str(file := tmp_path / "microphone.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(48_000)
        writer.writeframes((samples * 32767).astype("<i2").tobytes())
    flags = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}%noloop",
    ]
    browser = playwright.chromium.launch(executable_path=chromium(), args=[*FLAGS, *flags])
    with opening(browser, pages_url) as opened:
        yield opened
    browser.close()


def test_text_appears_while_a_person_speaks(open_speaking: OpenPage) -> None:
    page = open_speaking("/asr")
    page.get_by_role("button", name="Speak").click()
    live = page.get_by_role("region", name="Live text")
    expect(live.locator(".tail")).to_have_text(re.compile(".{2}"))  # a guess, then what stays
    expect(live.locator(".stable")).to_have_text(re.compile(".{4}"))
    clock = page.get_by_text(re.compile(r"^\d:(0[4-9]|[1-5]\d)\.\d$"))
    expect(clock).to_be_visible()  # all is said by then
    page.get_by_role("button", name="Stop").click()
    final = page.get_by_role("status").filter(has_text="Final text: ")
    expect(final).to_have_text(re.compile(".{4}$"))
    text = final.inner_text().removeprefix("Final text: ")
    expect(live).to_have_text(text)
    assert SequenceMatcher(None, text, said(CHINESE)).ratio() > 0.7
    assert findings(page) == []
    page.get_by_role("button", name="Transcribe").click()  # the recording, whole
    whole = segment(page, "whisper_asr").locator(".text")
    expect(whole).to_have_text(re.compile(".{4}"))
    assert SequenceMatcher(None, whole.inner_text(), text).ratio() > 0.7
    expect(page.locator("[data-drawn]")).to_have_count(1)


def test_live_text_that_cant_be_had_is_told(open_page: OpenPage) -> None:
    page = open_page("/asr")
    host = page.evaluate("location.host")
    elsewhere = host.replace("127.0.0.1", "localhost")  # the page's Origin isn't this Host
    asked = {
        "closed with 1000": "whisper_asr",
        "'gone-asr' is down: ": "gone-asr",
        "Model 'broken-asr' has no live text": "broken-asr",
        "Model 'nobody' not found; available: whisper_asr": "nobody",
        "'hanlp_ner' is not a speech model.": "hanlp_ner",
    }
    for sentence, model in asked.items():
        assert sentence in page.evaluate(LIVE, [host, model])
    assert page.evaluate(LIVE, [elsewhere, "whisper_asr"]) == "closed with 1006"


def test_without_a_microphone_the_page_says_why(open_page: OpenPage) -> None:
    page = open_page("/asr")
    page.add_init_script("delete Navigator.prototype.mediaDevices")
    page.reload()
    expect(page.get_by_text("on https or localhost only")).to_be_visible()
    expect(page.get_by_role("button", name="Speak")).to_be_disabled()
