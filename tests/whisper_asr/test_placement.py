"""Where Whisper computes, and how much at once; here without a GPU."""

from pathlib import Path

import ctranslate2
import pytest

from whisper_asr.building.convert import convert
from whisper_asr.engine import Engine
from zoo.building.packaging import ROOT
from zoo.errors import ZooError
from zoo.serving import devices
from zoo.serving.ctranslate2 import Placement, shares, windows_in_memory
from zoo.serving.devices import GB, Device

DEMO = ROOT / "mlflow_models/whisper_asr/demo"
pytestmark = pytest.mark.skipif(
    ctranslate2.get_cuda_device_count() > 0, reason="a GPU is here: see tests/gpu"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, as the engine loads it."""
    output = tmp_path_factory.mktemp("demo")
    convert(DEMO, str(DEMO), output, "auto")
    return output


@pytest.mark.parametrize(
    ("gigabytes", "streams", "windows"), [(16, 2, range(8, 13)), (8, 1, range(4, 8))]
)
def test_a_gpu_computes_as_much_at_once_as_its_memory_is_enough_for(
    gigabytes: int, streams: int, windows: range
) -> None:
    found, keys_bytes = shares(gigabytes * GB, weights_bytes=3_090_000_000)  # large-v3, float16
    assert found == streams
    assert windows_in_memory(1280, 30, keys_bytes, number_bytes=2) in windows
    base, keys_bytes = shares(gigabytes * GB, weights_bytes=145_000_000)
    assert base == 2
    assert windows_in_memory(512, 30, keys_bytes, number_bytes=2) >= 32


def test_a_gpu_that_cant_be_used_is_told_and_the_cpu_is_taken(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Device("cuda", "one that isn't here", 16 * GB)
    for load in ({}, {"load_cublas": lambda: True}):  # no cuBLAS; a driver that fails
        for name, function in load.items():
            monkeypatch.setattr(f"zoo.serving.ctranslate2.{name}", function)
        monkeypatch.setattr(devices, "is_there", lambda: True)
        monkeypatch.setattr(devices, "find", lambda _: gpu)
        engine = Engine(model)
        assert engine.device == devices.used().kind == "cpu"
        assert engine.model.placement.compute_type == "int8_float32"


def test_no_server_starts_without_the_gpu_that_it_must_have(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THERESA_DEVICE", "cuda")
    with pytest.raises(ZooError, match="THERESA_DEVICE"):
        Engine(model)


def test_only_a_gpu_waits_for_other_requests() -> None:
    assert Placement(Device("cpu"), "int8_float32", 2).wait_seconds == 0
    assert Placement(Device("cuda"), "float16", 2).wait_seconds > 0
