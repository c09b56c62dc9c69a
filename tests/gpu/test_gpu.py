"""What only a CUDA device can show: `pytest -m gpu`, where the models' requirements-gpu.txt are."""

import time
from collections.abc import Callable
from pathlib import Path

import jiwer
import numpy as np
import onnxruntime
import pytest

from tests.contract.conftest import FOUND
from tests.zoo.helpers import HTTP, assert_same
from whisper_asr.building.convert import convert
from whisper_asr.engine import Engine
from whisper_asr.options import Options
from zoo.building.local_server import serve
from zoo.building.packaging import ROOT
from zoo.data.audio import decode
from zoo.serving import ctranslate2, devices
from zoo.serving.onnx import CUDA
from zoo.speech.transcript import Transcript

WHISPER = ROOT / "mlflow_models/whisper_asr"
SAMPLES = sorted((WHISPER / "samples").glob("*.flac"))
ERRORS = 0.02  # characters that float16 or int8 may hear otherwise than float32
PARAMS = {"whisper_asr": {"temperature": [0.0]}}
CLOSE = 0.1  # to the CPU's scores: float16 beside float32, or beside Whisper's int8

pytestmark = pytest.mark.gpu


def missing(name: str) -> str:
    """Why a model can't compute on a GPU here; empty where it can."""
    if name == "whisper_asr":
        found = devices.look(ctranslate2.CUDA_LINE)
        lacking = "" if ctranslate2.load_cublas() else "cuBLAS 12 isn't installed"
    else:
        found = devices.look(13)
        has_build = CUDA in onnxruntime.get_available_providers()
        lacking = "" if has_build else "ONNX Runtime is the build for CPUs"
    return (found.why and f"no GPU: {found.why}") or lacking


def need(name: str) -> None:
    if why := missing(name):
        pytest.skip(why)


@pytest.mark.build
@pytest.mark.parametrize("name", FOUND)
def test_a_model_answers_on_the_gpu_what_it_does_on_the_cpu(
    name: str, gpu_model_of: Callable[[str], Path]
) -> None:
    need(name)
    request = {**FOUND[name].sample, "params": PARAMS.get(name, {})}
    answers = {}
    for kind in ("cuda", "cpu"):
        with serve(gpu_model_of(name), {"THERESA_DEVICE": kind}) as url:
            about = HTTP.get(f"{url}/v2/models/{name}").json()["parameters"]
            assert about["device"]["kind"] == kind
            answer = HTTP.post(f"{url}/invocations", json=request, timeout=60)
            answers[kind] = answer.json()["predictions"]
    assert_same(answers["cuda"], answers["cpu"], CLOSE)


def engine_of(precision: str, output: Path) -> Engine:
    """Whisper's demo in a precision, on the device that is to be taken."""
    need("whisper_asr")
    home = output / precision
    home.mkdir()
    convert(WHISPER / "demo", str(WHISPER / "demo"), home, precision)
    return Engine(home)


def heard(engine: Engine, sounds: list[np.ndarray], options: Options) -> list[str]:
    outcomes = engine(sounds, options)
    found = [one.text for one in outcomes if isinstance(one, Transcript)]
    assert len(found) == len(sounds), outcomes
    return found


@pytest.mark.parametrize(
    ("precision", "compute_type"),
    [("auto", "float16"), ("int8", "int8_float16"), ("float32", "float32")],
)
def test_whisper_hears_what_it_hears_on_a_cpu(
    precision: str, compute_type: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(precision, tmp_path)
    assert (engine.device, engine.model.model.compute_type) == ("cuda", compute_type)
    monkeypatch.setenv("THERESA_DEVICE", "cpu")
    reference = engine_of("float32", tmp_path)
    assert reference.device == "cpu"
    sounds = [decode(file) for file in SAMPLES]
    for beams in (1, 5):
        options = Options(beam_size=beams, temperature=(0.0,), word_timestamps=beams == 5)
        expected = heard(reference, sounds, options)
        assert jiwer.cer(expected, heard(engine, sounds, options)) <= ERRORS


def test_batches_pay(tmp_path: Path) -> None:
    engine = engine_of("auto", tmp_path)
    sounds = [decode(file) for file in SAMPLES] * 8
    seconds = {}
    for size in (1, 8, 1, 8):  # the first of each warms up
        begin = time.perf_counter()
        heard(engine, sounds, Options(beam_size=1, temperature=(0.0,), batch_size=size))
        seconds[size] = time.perf_counter() - begin
    assert seconds[8] < seconds[1]
