"""clip_caption as it is served, and a translator; made once per run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from tests.clip_caption.collection import COUNT
from tests.clip_caption.photos import Site, serving
from tests.clip_caption.searching import UNDATED
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


@pytest.fixture(params=["clip_url", pytest.param("clip_stock_url", marks=pytest.mark.thorough)])
def any_url(request: pytest.FixtureRequest, clip_model: Path) -> str:  # noqa: ARG001
    """Each of the two."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture
def site() -> Iterator[Site]:
    """A server of photos, which counts what it is asked for."""
    with serving() as running:
        yield running


@pytest.fixture(scope="session")
def dated(photos: Path, embedded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scenes with a date each, a day apart; the photos themselves aren't embedded again."""
    from clip_caption import explore

    place = tmp_path_factory.mktemp("dated")
    (place / "000").symlink_to(photos / "000")
    table = pd.read_csv(photos / "manifest.csv", keep_default_na=False).head(COUNT)
    days = pd.date_range("2026-01-01", periods=COUNT).astype(str)
    table["date"] = [f"{day}T08:30:00+07:00" for day in days[:-UNDATED]] + ["soon", ""]
    table.to_csv(place / "manifest.csv", index=False)
    shutil.copytree(embedded, place / "embeddings")
    options = "--captions greedy --part 25 --batch-size 8 --thumbnail 96".split()
    explore.main(["embed", str(place / "manifest.csv"), "-o", str(place / "embeddings"), *options])
    return place / "embeddings"


@pytest.fixture(scope="session")
def scene_index(dated: Path) -> Path:
    """Their index."""
    from clip_caption import explore

    output = dated.parent / "index"
    columns = ["--category", "type", "--place", "place", "--date", "date"]
    explore.main(["index", str(dated), "-o", str(output), *columns, "-k", "5"])
    return output


@pytest.fixture(scope="session")
def scenes(dated: Path) -> pd.DataFrame:
    """What is known of each scene, by its name."""
    return pd.read_parquet(dated).set_index("id")


@pytest.fixture(scope="session")
def collection_url(clip_model: Path, scene_index: Path) -> Iterator[str]:
    """The address of a server that has their index mounted."""
    mounted = {"MLFLOW_MODELS_WORKERS": "1", "THERESA_COLLECTION": str(scene_index)}
    with serve(clip_model, mounted) as url:
        yield url
