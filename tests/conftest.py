"""What the tests share: each model is built and served once per run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zoo import containers
from zoo.packaging import ROOT
from zoo.serving import serve

os.environ["HF_HUB_OFFLINE"] = "1"  # what can't be reached fails at once


@pytest.fixture(autouse=True)
def _own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is loaded puts its own code first on the path; it shan't stay there, where the
    processes that a later test starts would find it."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tracking server's database that only this run uses."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"


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
