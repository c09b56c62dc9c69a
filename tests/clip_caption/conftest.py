"""clip_caption as it is served, and a translator; made once per run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clip_caption.photos import Site, serving
from tests.clip_caption.translator import write_translator
from zoo.building.local_server import serve


@pytest.fixture(scope="session")
def clip_stock_url(clip_model: Path) -> Iterator[str]:
    """The address of a real `mlflow models serve` of clip_caption, which may fetch from nowhere."""
    with serve(clip_model, {"MLFLOW_MODELS_WORKERS": "1"}, stock=True) as url:
        yield url


@pytest.fixture(scope="session")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of Marian that knows four Thai sentences."""
    return write_translator(tmp_path_factory.mktemp("marian") / "opus-mt-th-en")


@pytest.fixture(params=["clip_stock_url", "clip_url"])
def any_url(request: pytest.FixtureRequest, clip_model: Path) -> str:  # noqa: ARG001
    """Each of the two."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def site() -> Iterator[Site]:
    """A server of photos, which counts what it is asked for."""
    with serving() as running:
        yield running
