"""The pages as a user has them: in front of real models, in a real browser."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.conftest import Once
from tests.test_models.servers import Flaky, nobody, serving
from zoo.building import speakers
from zoo.building.local_server import free_port, running, serve
from zoo.building.packaging import ROOT
from zoo.errors import CheckpointError
from zoo.speech.speakers import SPEAKERS

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
MAX_UPLOAD = 3_000_000  # bytes
TASKS = {"asr": "automatic-speech-recognition", "ner": "token-classification",
         "caption": "image-to-text"}  # fmt: skip
# What is half faded in has too little contrast; spinners turn for ever.
AT_REST = """() => document.getAnimations().every(one =>
  one.playState !== "running" || one.effect.getComputedTiming().endTime === Infinity)"""
OpenPage = Callable[..., Page]
expect.set_options(timeout=30_000)  # ms: CI's machine is slow, and models answer in between


@contextmanager
def app(uploads: Path, *arguments: str) -> Iterator[str]:
    """The address of the running pages; what browsers upload goes to `uploads`."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "test_models.app", "--port", str(port), *arguments]
    environment = {"TMPDIR": str(uploads), "PYTHONPATH": str(ROOT)}
    with running(command, f"{url}/", environment, "the pages"):
        yield url


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages keep what browsers upload."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="session")
def searched_url(clip_model: Path, embedded: Path, once: Once) -> Iterator[str]:
    """The address of a clip_caption that has the embedded scenes mounted as its collection."""

    def write(index: Path) -> None:
        from clip_caption import explore

        columns = ["--category", "type", "--place", "place"]
        explore.main(["index", str(embedded), "-o", str(index), *columns, "-k", "5"])

    index = once("searched", write)
    with serve(clip_model, {"THERESA_CORES": "1", "THERESA_COLLECTION": str(index)}) as url:
        yield url


@pytest.fixture(scope="session")
def pages_url(
    uploads: Path,
    whisper_url: str,
    wav2vec2_url: str,
    zoo_url: str,
    clip_url: str,
    searched_url: str,
    echo_url: str,
) -> Iterator[str]:
    """The pages in front of the demo models and the echo; and, of every task, of a model that is
    down, `gone`, and one that is `broken`: these don't describe themselves."""
    with nobody() as gone, serving(Flaky(lambda _: b"nonsense", [])) as broken:
        models = {"whisper_asr": whisper_url, "wav2vec2_asr": wav2vec2_url, "hanlp_ner": zoo_url,
                  "clip_caption": clip_url, "searched": searched_url, "echo": echo_url}  # fmt: skip
        arguments = [f"--max-upload={MAX_UPLOAD}"]
        for page, task in TASKS.items():
            models |= {f"gone-{page}": gone.url, f"broken-{page}": broken}
            arguments += [f"--task={kind}-{page}={task}" for kind in ("gone", "broken")]
        arguments += [f"{name}={url}" for name, url in models.items()]
        with app(uploads, *arguments) as url:
            yield url


@pytest.fixture(scope="session")
def telling(whisper_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of whisper_asr with a network that tells speakers apart."""
    try:
        checkpoint = speakers.find("resemblyzer")
    except CheckpointError as error:
        pytest.skip(f"The package index doesn't have Resemblyzer: {error}")
    model = tmp_path_factory.mktemp("telling") / "whisper_asr"
    shutil.copytree(whisper_model, model)
    speakers.convert(checkpoint, model / "artifacts" / "model" / SPEAKERS)
    with serve(model) as url:
        yield url


def chromium() -> str:
    """The browser; the test is skipped without one."""
    found = shutil.which("chromium")
    if not found:
        pytest.skip("chromium isn't installed")
    return found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """What starts browsers; a process has one."""
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    """Chromium."""
    browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture
def open_page(browser: Browser, pages_url: str) -> Iterator[OpenPage]:
    """Opens a page of `pages_url`: `open_page("/asr", locale="th-TH", width=390)`."""
    with opening(browser, pages_url) as opened:
        yield opened


@contextmanager
def opening(browser: Browser, pages_url: str) -> Iterator[OpenPage]:
    """Opens pages in a browser.

    At the end nothing must have been asked of another host, and no script have failed.
    """
    asked: list[str] = []
    failed: list[str] = []
    contexts = []

    def opened(path: str, width: int = 1200, **options: Any) -> Page:
        size = {"width": width, "height": 900}
        context = browser.new_context(**{"locale": "en-US", "viewport": size, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: failed.append(str(error)))
        page.goto(pages_url + path)
        page.get_by_role("heading", level=1).wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    local = ("blob:", "data:", pages_url, pages_url.replace("http", "ws"))
    assert [url for url in asked if not url.startswith(local)] == []
    assert failed == []


def kept(page: Page, name: str) -> None:
    """Keeps a picture of the page for the README, if THERESA_SCREENSHOTS names a folder."""
    if folder := os.environ.get("THERESA_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, animations="disabled")


def fits(page: Page, width: int) -> None:
    """Waits until nothing is wider than a screen of so many pixels."""
    page.wait_for_function(f"document.documentElement.scrollWidth <= {width}")


def findings(page: Page) -> list[str]:
    """What axe finds of serious or critical faults of accessibility, once the page is at rest."""
    page.wait_for_function(AT_REST)
    result = Axe().run(page)
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]} ({len(one['nodes'])})"
        for one in result.response["violations"]
        if one["impact"] in ("serious", "critical")
    ]
