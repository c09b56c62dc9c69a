"""clip_caption as it is served, and a collection as it is explored, made once per run."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from clip_caption import explore
from clip_caption.training import scenes
from tests.clip_caption.collection import COUNT
from tests.clip_caption.translator import write_translator
from zoo.serving import serve


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
def any_url(request: pytest.FixtureRequest) -> str:
    """Each of the two."""
    address: str = request.getfixturevalue(request.param)
    return address


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scenes that no training saw, with their manifest; one of them is damaged."""
    folder = tmp_path_factory.mktemp("photos")
    scenes.main(
        ["--output", str(folder), "--count", str(COUNT), "--seed", "7007", "--width", "128"]
    )
    with (folder / "manifest.csv").open("a", encoding="utf-8", newline="") as file:
        columns = pd.read_csv(folder / "manifest.csv").columns
        csv.writer(file).writerow(["damaged.jpg", *[""] * (len(columns) - 1)])
        csv.writer(file).writerow(["missing.jpg", *[""] * (len(columns) - 1)])
    whole = (folder / "000" / "000000.jpg").read_bytes()
    (folder / "damaged.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="session")
def embedded(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest's photos, embedded and captioned in parts of 25."""
    output = tmp_path_factory.mktemp("embedded") / "embeddings"
    options = "--captions greedy --part 25 --batch-size 8 --thumbnail 96".split()
    explore.main(["embed", str(photos / "manifest.csv"), "-o", str(output), *options])
    return output


@pytest.fixture(scope="session")
def mapped(embedded: Path) -> Path:
    """Their map."""
    output = embedded.parent / "map"
    views = ["--tensorboard", str(embedded.parent / "tensorboard"), "--colour", "type"]
    explore.main(["map", str(embedded), "-o", str(output), "--smallest", "5", "--neighbours", "6",
                  *views])  # fmt: skip
    return output
