"""What the tests share: each model is built and served once per run."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import tiers
from tests.zoo import containers, echo
from zoo.building.local_server import serve
from zoo.building.packaging import ROOT

os.environ["HF_HUB_OFFLINE"] = "1"  # what can't be reached fails at once


def pytest_configure(config: pytest.Config) -> None:
    """A plugin's hooks hear of every fixture; those of a conftest.py not of a session's."""
    config.pluginmanager.register(tiers, "tiers")


@pytest.fixture(autouse=True)
def _own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is loaded puts its own code first on the path; it shan't stay there, where the
    processes that a later test starts would find it."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real recordings, texts and schemas that THERESA_SHARED names."""
    folder = os.environ.get("THERESA_SHARED")
    if not folder:
        pytest.skip("THERESA_SHARED, the folder of real material, isn't set")
    return Path(folder)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tracking server's database that only this run uses."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


@pytest.fixture(scope="session")
def echo_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved model without weights, for tests of the server alone."""
    return echo.save(tmp_path_factory.mktemp("models") / "echo")


@pytest.fixture(scope="session")
def echo_url(echo_model: Path) -> Iterator[str]:
    """The address of the zoo's own server of that model: two workers, short deadlines."""
    limits = {
        "MLFLOW_MODELS_WORKERS": "2",
        "THERESA_HEADER_SECONDS": "1",
        "THERESA_IDLE_SECONDS": "2",
        "THERESA_BODY_SECONDS": "1",
        "THERESA_MAX_BODY_BYTES": "2000000",
    }
    with serve(echo_model, limits) as url:
        yield url


def built(
    name: str, registry: str, factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """A finished `build.py` of a demo checkpoint; `args[-1]` is the saved model."""
    output = factory.mktemp("models") / name
    script = ROOT / "mlflow_models" / name / "build.py"
    return subprocess.run(
        [sys.executable, str(script), "--tracking-uri", registry, "--output", str(output)],
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.fixture(scope="session")
def ner_build(
    tmp_path_factory: pytest.TempPathFactory, registry: str
) -> subprocess.CompletedProcess[str]:
    """The builder of hanlp_ner."""
    return built("hanlp_ner", registry, tmp_path_factory)


@pytest.fixture(scope="session")
def ner_model(ner_build: subprocess.CompletedProcess[str]) -> Path:
    """The saved model hanlp_ner."""
    return Path(ner_build.args[-1])


@pytest.fixture(scope="session")
def ner_images(ner_model: Path) -> Iterator[containers.Images]:
    """The images of hanlp_ner."""
    with containers.built("hanlp_ner", ner_model) as images:
        yield images


@pytest.fixture(scope="session")
def ner_url(ner_model: Path) -> Iterator[str]:
    """The address of a real `mlflow models serve` of hanlp_ner, with two workers."""
    with serve(ner_model, {"MLFLOW_MODELS_WORKERS": "2"}, stock=True) as url:
        yield url


@pytest.fixture(scope="session")
def zoo_url(ner_model: Path) -> Iterator[str]:
    """The address of the zoo's own server of hanlp_ner: two workers, low limits."""
    limits = {
        "MLFLOW_MODELS_WORKERS": "2",
        "THERESA_MAX_ROWS": "1000",
        "THERESA_MAX_BODY_BYTES": "5000000",
        "THERESA_BODY_SECONDS": "2",
    }
    with serve(ner_model, limits) as url:
        yield url


@pytest.fixture(scope="session")
def whisper_model(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Path:
    """The saved model whisper_asr."""
    return Path(built("whisper_asr", registry, tmp_path_factory).args[-1])


@pytest.fixture(scope="session")
def whisper_images(whisper_model: Path) -> Iterator[containers.Images]:
    """The images of whisper_asr."""
    with containers.built("whisper_asr", whisper_model) as images:
        yield images


@pytest.fixture(scope="session")
def whisper_stock_url(whisper_model: Path) -> Iterator[str]:
    """The address of a real `mlflow models serve` of whisper_asr."""
    with serve(whisper_model, {"MLFLOW_MODELS_WORKERS": "1"}, stock=True) as url:
        yield url


@pytest.fixture(scope="session")
def whisper_url(whisper_model: Path) -> Iterator[str]:
    """The address of the zoo's own server of whisper_asr."""
    with serve(whisper_model) as url:
        yield url


@pytest.fixture(scope="session")
def wav2vec2_model(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Path:
    """The saved model wav2vec2_asr."""
    return Path(built("wav2vec2_asr", registry, tmp_path_factory).args[-1])


@pytest.fixture(scope="session")
def wav2vec2_stock_url(wav2vec2_model: Path) -> Iterator[str]:
    """The address of a real `mlflow models serve` of wav2vec2_asr."""
    with serve(wav2vec2_model, {"MLFLOW_MODELS_WORKERS": "1"}, stock=True) as url:
        yield url


@pytest.fixture(scope="session")
def wav2vec2_url(wav2vec2_model: Path) -> Iterator[str]:
    """The address of the zoo's own server of wav2vec2_asr."""
    with serve(wav2vec2_model) as url:
        yield url


@pytest.fixture(scope="session")
def clip_model(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Path:
    """The saved model clip_caption."""
    return Path(built("clip_caption", registry, tmp_path_factory).args[-1])


@pytest.fixture(scope="session")
def clip_url(clip_model: Path) -> Iterator[str]:
    """The address of the zoo's own server of clip_caption: two workers, which may fetch photos from
    every host with a public address."""
    with serve(clip_model, {"MLFLOW_MODELS_WORKERS": "2", "THERESA_IMAGE_HOSTS": "*"}) as url:
        yield url


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of scenes that no training saw, with their manifest; one of them is damaged."""
    from demos.clip_caption import scenes
    from tests.clip_caption.collection import COUNT

    folder = tmp_path_factory.mktemp("photos")
    scenes.main(
        ["--output", str(folder), "--count", str(COUNT), "--seed", "7007", "--width", "128"]
    )
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        columns = len(next(csv.reader(file)))
    with (folder / "manifest.csv").open("a", encoding="utf-8", newline="") as file:
        for name in ("damaged.jpg", "missing.jpg"):
            csv.writer(file).writerow([name, *[""] * (columns - 1)])
    whole = (folder / "000" / "000000.jpg").read_bytes()
    (folder / "damaged.jpg").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.fixture(scope="session")
def embedded(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manifest's photos, embedded and captioned in parts of 25."""
    from clip_caption import explore

    output = tmp_path_factory.mktemp("embedded") / "embeddings"
    options = "--captions greedy --part 25 --batch-size 8 --thumbnail 96".split()
    explore.main(["embed", str(photos / "manifest.csv"), "-o", str(output), *options])
    return output


@pytest.fixture(scope="session")
def mapped(embedded: Path) -> Path:
    """Their map."""
    from clip_caption import explore

    output = embedded.parent / "map"
    views = ["--tensorboard", str(embedded.parent / "tensorboard"), "--colour", "type"]
    explore.main(["map", str(embedded), "-o", str(output), "--smallest", "5", "--neighbours", "6",
                  *views])  # fmt: skip
    return output
