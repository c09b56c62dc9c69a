"""Which tests are slow: their fixtures or their file mark them, by this plugin of pytest.

pyproject.toml says what the marks mean; `make check` leaves all of them out.
"""

from typing import Any

import pytest

from tests.zoo import containers

FIXTURES = {
    "browser": "browser",
    "build_of": "build",
    "clip_model": "build",
    "echo_model": "server",
    "java": "spark",
    "mapped": "training",
    "ner_build": "build",
    "ner_images": "container",
    "playwright": "browser",
    "wav2vec2_model": "build",
    "whisper_images": "container",
    "whisper_model": "build",
}
FILES = {
    "test_finetune.py": "training",
    "test_training.py": "training",
    "test_tuned_checkpoints.py": "training",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Marks what is slow, before a command's -m chooses by marks; the browser's tests come last."""
    for item in items:
        marks = {FIXTURES.get(name) for name in item.fixturenames} | {FILES.get(item.path.name)}
        for mark in filter(None, marks):
            item.add_marker(mark)
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)  # Makefile: why


def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: Any) -> None:
    """Fails a test that gets something slow by a fixture's name alone, and isn't marked for it."""
    mark = FIXTURES.get(name := fixturedef.argname)
    if mark and not request._pyfuncitem.get_closest_marker(mark):
        pytest.fail(f"The fixture {name} is slow; mark the test with @pytest.mark.{mark}.")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs a Docker engine where none runs."""
    if item.get_closest_marker("container") and not containers.has_engine():
        pytest.skip("no Docker engine is running")
