"""Which device a model takes: what the driver says, and what the operator wants."""

import ctypes
import logging
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from zoo.errors import ZooError
from zoo.serving import devices, launch, onnx
from zoo.serving.devices import Device
from zoo.speech import silero


class Driver:
    """CUDA's driver API, as far as it is asked; each answer is a status, as the real one's."""

    def __init__(self, version: int = 13_000, status: int = 0, gpus: int = 1) -> None:
        self._version, self._status, self._gpus = version, status, gpus

    def cuDriverGetVersion(self, version: Any) -> int:
        version._obj.value = self._version
        return 0

    def cuInit(self, _flags: int) -> int:
        return self._status

    def cuDeviceGetCount(self, count: Any) -> int:
        count._obj.value = self._gpus
        return 0

    def cuDeviceGet(self, device: Any, number: int) -> int:
        device._obj.value = number
        return 0

    def cuDeviceGetName(self, name: Any, _size: int, _device: ctypes.c_int) -> int:
        name.value = b"NVIDIA L4"
        return 0

    def cuDeviceTotalMem_v2(self, size: Any, _device: ctypes.c_int) -> int:
        size._obj.value = 24 * devices.GB
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that gives this machine a driver."""
    devices._say.cache_clear()
    onnx.device.cache_clear()
    monkeypatch.setattr(devices._Used, "device", devices.used())
    return lambda found: monkeypatch.setattr(devices, "_driver", lambda: found)


def test_a_gpu_is_found_with_its_memory(driver: Any) -> None:
    driver(Driver())
    found = devices.find(13)
    assert found == Device("cuda", "NVIDIA L4", 24 * devices.GB)
    assert devices.used().describe() == {
        "kind": "cuda",
        "name": "NVIDIA L4",
        "memory_bytes": 24 * devices.GB,
    }


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (None, ["none"]),
        (Driver(version=12_080), ["12.8", "13", devices.LEAST_DRIVER[13]]),
        (Driver(status=100), ["CUDA_VISIBLE_DEVICES"]),
        (Driver(gpus=0), ["CUDA_VISIBLE_DEVICES"]),
        (Driver(status=999), ["rights"]),
        (Driver(status=803), ["restart"]),
        (Driver(status=77), ["77"]),
    ],
)
def test_without_one_the_cpu_computes_and_the_log_says_why(
    driver: Any, given: Any, words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    driver(given)
    with caplog.at_level(logging.WARNING, "theresa.device"):
        found = devices.find(13)
        devices.find(13)
    assert found.kind == "cpu"
    assert all(word in found.why for word in words)
    assert [found.why in one.message for one in caplog.records] == [True]


def test_an_older_line_of_cuda_is_content_with_its_driver(driver: Any) -> None:
    driver(Driver(version=12_080))
    assert devices.find(12).kind == "cuda"


def test_an_operator_may_insist_on_either(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(Driver())
    monkeypatch.setenv("THERESA_DEVICE", "cpu")
    assert devices.find(13).kind == "cpu"
    driver(None)
    monkeypatch.setenv("THERESA_DEVICE", "cuda")
    with pytest.raises(ZooError, match="THERESA_DEVICE"):
        devices.find(13)


def test_a_graph_that_no_gpu_opens_is_run_by_the_cpu(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver shows a GPU, but ONNX Runtime here is the build for CPUs, which can't open it."""
    driver(Driver())
    monkeypatch.setattr(onnx, "device", lambda: devices.find(13))
    graph = silero.weights()
    session = onnx.open_session(graph, 1)
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert not onnx.on_gpu(session)
    assert devices.used().kind == "cpu"
    monkeypatch.setenv("THERESA_DEVICE", "cuda")
    with pytest.raises(ZooError, match="THERESA_DEVICE"):
        onnx.open_session(graph, 1)


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (
            "/src/cuda_call.cc:148 bool onnxruntime::CudaCall() CUDA failure 36: API call is not "
            "supported in the installed CUDA driver ; GPU=-1 ; hostname=vm ; line=70\n\n",
            "CUDA failure 36: API call is not supported in the installed CUDA driver",
        ),
        (
            "/src/bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t) "
            "Failed to allocate memory for requested buffer of size 4096\n",
            "Failed to allocate memory for requested buffer of size 4096",
        ),
        ("x" * 300 + " is missing.", "x" * 188 + " is missing"),
        ("", "RuntimeError"),
    ],
)
def test_the_log_has_the_cause_from_onnx_runtime_s_long_message(said: str, cause: str) -> None:
    assert onnx._cause(RuntimeError(said)) == cause


class Session:
    """As far as its device is asked for."""

    def __init__(self, *providers: str) -> None:
        self._providers = providers

    def get_providers(self) -> list[str]:
        return list(self._providers)


def test_what_graphs_pass_on_is_on_the_gpu_only_if_all_of_them_are() -> None:
    there, here = Session(onnx.CUDA, onnx.CPU), Session(onnx.CPU)
    assert onnx.device_of(there, there) == "cuda"
    assert onnx.device_of(there, here) == onnx.device_of(here) == "cpu"


def test_a_model_takes_the_memory_that_it_is_allowed(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver(Driver())
    monkeypatch.setattr(onnx, "device", lambda: devices.find(13))
    for allowed, taken in (("0", 24), ("6", 6), ("80", 24)):
        monkeypatch.setenv("THERESA_GPU_MEMORY", allowed)
        assert onnx.memory_bytes() == taken * devices.GB


def test_the_build_for_cpus_says_so(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(Driver())
    assert onnx.CUDA not in onnxruntime.get_available_providers()
    monkeypatch.setattr(devices, "FILES", (Path("/dev/null"),))
    assert "--gpu" in onnx.device().why


def saved(directory: Path, cuda: str) -> Path:
    """A saved model, as far as the launcher reads it."""
    text = f"metadata:\n  fork_safe: true\n  cuda: '{cuda}'\n"
    (directory / "MLmodel").write_text(text, "utf-8")
    return directory


def test_a_model_without_a_gpu_keeps_its_workers_on_a_gpu_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "FILES", (Path("/dev/null"),))
    assert launch.survives_fork(saved(tmp_path, ""))
    monkeypatch.setattr(devices, "look_apart", lambda line: Device("cuda", f"for CUDA {line}"))
    assert launch.survives_fork(saved(tmp_path, ""))
    assert not launch.survives_fork(saved(tmp_path, "13"))
    monkeypatch.setenv("THERESA_DEVICE", "cpu")
    assert launch.survives_fork(saved(tmp_path, "13"))


def test_a_gpu_that_cant_be_used_leaves_the_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "FILES", (Path("/dev/null"),))
    found = devices.look_apart(13)
    if found.kind == "cuda":
        pytest.skip("this machine has a GPU")
    assert launch.survives_fork(saved(tmp_path, "13"))
    monkeypatch.setenv("THERESA_DEVICE", "cuda")
    for cuda in ("", "13"):
        with pytest.raises(ZooError, match="THERESA_DEVICE"):
            launch.survives_fork(saved(tmp_path, cuda))
