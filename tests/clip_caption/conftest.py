"""clip_caption as it is served, built once per run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import built
from zoo.serving import serve


@pytest.fixture(scope="session")
def clip_model(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Path:
    """The saved model clip_caption."""
    return Path(built("clip_caption", registry, tmp_path_factory).args[-1])


@pytest.fixture(scope="session")
def clip_stock_url(clip_model: Path) -> Iterator[str]:
    """The address of a real `mlflow models serve` of clip_caption, which may fetch from nowhere."""
    with serve(clip_model, {"MLFLOW_MODELS_WORKERS": "1"}, stock=True) as url:
        yield url


@pytest.fixture(scope="session")
def clip_url(clip_model: Path) -> Iterator[str]:
    """The address of the zoo's own server of clip_caption: two workers, which may fetch photos from
    every host with a public address."""
    with serve(clip_model, {"MLFLOW_MODELS_WORKERS": "2", "THERESA_IMAGE_HOSTS": "*"}) as url:
        yield url


@pytest.fixture(params=["clip_stock_url", "clip_url"])
def any_url(request: pytest.FixtureRequest) -> str:
    """Each of the two."""
    address: str = request.getfixturevalue(request.param)
    return address
