"""Finds the GPU, by NVIDIA's driver alone: before any library of a model is loaded.

A process must not ask the driver before it forks: what CUDA has set up doesn't survive a fork.
"""

import concurrent.futures
import ctypes
import functools
import logging
import multiprocessing
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from zoo.errors import ZooError
from zoo.settings import DeviceSettings, read

# These files exist where `docker run --gpus` gives a container a GPU, or where Windows lends one.
FILES = (Path("/dev/nvidiactl"), Path("/dev/dxg"))
LIBRARY = "libcuda.so.1"  # the driver's; the container toolkit puts it into the container
LEAST_DRIVER = {12: "525.60.13", 13: "580.65.06"}  # NVIDIA's, by CUDA's major version
NO_DEVICE = 100  # CUDA's error: there is a driver, but this process sees no GPU
REASONS = {
    46: "the GPU is busy: another process has it alone",
    801: "this GPU can't compute",
    803: "the driver's library and the driver have different versions; restart the host",
    804: "the container's CUDA is newer than the driver",
    999: "this process has no rights to the GPU's device files, or the driver has failed",
}
GB = 1_000_000_000
log = logging.getLogger("theresa.device")


@dataclass(frozen=True)
class Device:
    """Where a model computes.

    Attributes:
        kind: `cpu` or `cuda`.
        name: The GPU's name; "" for a CPU.
        memory_bytes: The GPU's memory; 0 for a CPU.
        why: For a CPU, why there is no GPU.
    """

    kind: Literal["cpu", "cuda"]
    name: str = ""
    memory_bytes: int = 0
    why: str = ""

    def describe(self) -> dict[str, Any]:
        """Give the fields that the server tells, in JSON's types."""
        if self.kind == "cpu":
            return {"kind": "cpu", "why": self.why}
        return {"kind": "cuda", "name": self.name, "memory_bytes": self.memory_bytes}


class _Used:
    """What this process computes on; a fork passes it on."""

    device = Device("cpu", why="this model computes on the CPU")


def used() -> Device:
    """Give what this process computes on, as far as its networks are opened."""
    return _Used.device


def is_there() -> bool:
    """Tell whether this machine, or container, has a GPU; this asks no driver."""
    return any(file.exists() for file in FILES)


def look(line: int) -> Device:
    """Ask the driver for the first GPU that this process may use.

    Args:
        line: CUDA's major version, for which the library that will compute is built: 12 or 13.

    Returns:
        The GPU; or the CPU, with the reason.
    """
    return _ask(line, _driver())


def look_apart(line: int) -> Device:
    """Do as `look`, in a process of its own: this one may fork afterwards.

    Raises:
        ZooError: The driver ended that process.
    """
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        try:
            return pool.submit(look, line).result()
        except BrokenProcessPool:
            raise ZooError(
                f"The GPU's driver crashed ({LIBRARY}); THERESA_DEVICE=cpu leaves it alone."
            ) from None


def find(line: int) -> Device:
    """Choose what this process computes on, as `THERESA_DEVICE` allows it.

    Args:
        line: As for `look`.

    Raises:
        ZooError: `THERESA_DEVICE` asks for a GPU, but none can be used.
    """
    if read(DeviceSettings).device == "cpu":
        _Used.device = Device("cpu", why="THERESA_DEVICE is 'cpu'")
        return _Used.device
    found = look(line)
    if found.kind == "cpu":
        return stay_on_cpu(found.why)
    log.info("Found %s, %.0f GB.", found.name, found.memory_bytes / GB)
    _Used.device = found
    return found


def allowed_bytes(device: Device) -> int:
    """Tell how much of a GPU's memory the model may take (`THERESA_GPU_MEMORY`); 0 for a CPU."""
    limit = round(read(DeviceSettings).gpu_memory * GB)
    return min(device.memory_bytes, limit or device.memory_bytes)


def stay_on_cpu(why: str) -> Device:
    """Compute on the CPU, and say why in the log; refuse to where the operator asks for a GPU.

    Args:
        why: Why no GPU can be used.

    Raises:
        ZooError: `THERESA_DEVICE` is `cuda`.
    """
    if read(DeviceSettings).device == "cuda":
        raise no_gpu(why)
    _say(f"No GPU is used: {why}.")
    _Used.device = Device("cpu", why=why)
    return _Used.device


def no_gpu(why: str) -> ZooError:
    """Make the refusal to start where the operator asks for a GPU."""
    return ZooError(f"THERESA_DEVICE is 'cuda', but no GPU can be used: {why}.")


@functools.cache  # a model has several networks, and one reason
def _say(sentence: str) -> None:
    log.warning(sentence)


def _driver() -> Any:
    """Load the driver's library; None if it isn't here."""
    try:
        return ctypes.CDLL(LIBRARY)
    except OSError:
        return None


def _ask(line: int, driver: Any) -> Device:
    """Ask a driver (CUDA's driver API) for its first GPU."""
    if driver is None:
        why = "none is here (`docker run --gpus all` gives a container its host's)"
        if is_there():
            why = f"the container lacks {LIBRARY}; NVIDIA_DRIVER_CAPABILITIES must have 'compute'"
        return Device("cpu", why=why)
    version, count, device = (ctypes.c_int() for _ in range(3))
    driver.cuDriverGetVersion(ctypes.byref(version))  # 12040 is 12.4
    newest = version.value // 1000, version.value % 1000 // 10
    if newest[0] and newest[0] < line:
        return Device(
            "cpu",
            why=f"the driver is for CUDA {newest[0]}.{newest[1]}, and this model is built for CUDA "
            f"{line}: it needs driver {LEAST_DRIVER[line]} or newer",
        )
    status = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    if status == NO_DEVICE or (not status and not count.value):
        return Device("cpu", why="the driver shows none to this process (CUDA_VISIBLE_DEVICES?)")
    name, size = ctypes.create_string_buffer(256), ctypes.c_size_t()
    status = (
        status
        or driver.cuDeviceGet(ctypes.byref(device), 0)
        or driver.cuDeviceGetName(name, len(name), device)
        or driver.cuDeviceTotalMem_v2(ctypes.byref(size), device)
    )
    if status:
        return Device("cpu", why=REASONS.get(status, f"the driver gives CUDA's error {status}"))
    return Device("cuda", name.value.decode(errors="replace"), size.value)
