"""Chooses what CTranslate2 computes on, in which arithmetic, how much at once."""

import ctypes
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from zoo.serving import devices, runner
from zoo.serving.devices import Device
from zoo.settings import DeviceSettings, read

CUDA_LINE = 12  # its wheels are built for CUDA 12; they have CUDA's runtime, but not cuBLAS
LIBRARIES = ("libcublasLt.so.12", "libcublas.so.12")  # the second needs the first
COMPUTE_TYPES = {  # by precision and device
    ("auto", "cpu"): "int8_float32",
    ("auto", "cuda"): "float16",
    ("int8", "cpu"): "int8_float32",
    ("int8", "cuda"): "int8_float16",
    ("float32", "cpu"): "float32",
    ("float32", "cuda"): "float32",
}
GIB = 1 << 30
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
# Each batch on a GPU has a stream of its own; they share the weights. While one is prepared, or its
# text is read, another is computed. More of them gain little, as CTranslate2's makers say.
MAX_STREAMS = 2
# Estimates from the sizes of Whisper's checkpoints; no GPU was at hand. A batch of eight windows
# takes about twice the weights, and three times the keys and values of the encoder's output.
BATCH_PER_WEIGHTS, BATCH_PER_KEYS = 2, 3
POSITIONS_PER_SECOND = 50  # of the encoder's output


@dataclass(frozen=True)
class Placement:
    """How a model is computed.

    Attributes:
        device: What the model computes on.
        compute_type: CTranslate2's name of the arithmetic.
        batches: How many are computed at once.
        keys_bytes: What the keys and values of one batch may take.
    """

    device: Device
    compute_type: str
    batches: int
    keys_bytes: int = GIB

    @property
    def on_gpu(self) -> bool:
        """Whether the model computes on a GPU."""
        return self.device.kind == "cuda"

    @property
    def number_bytes(self) -> int:
        """How many bytes a number of the keys and values has."""
        return 2 if self.compute_type.endswith("float16") else 4

    @property
    def wait_seconds(self) -> float:
        """How long a batch may wait for other requests."""
        return runner.GPU_WAIT_SECONDS if self.on_gpu else 0.0


def on_gpu(precision: str, weights_bytes: int, batches: int | None = None) -> Placement | None:
    """Choose how a model is computed on the GPU; None if there is none that can be used.

    Args:
        precision: `auto`, `int8` or `float32`.
        weights_bytes: The size of `model.bin`.
        batches: How many to compute at once. None: one or two, by the GPU's memory.

    Raises:
        ZooError: `THERESA_DEVICE` asks for a GPU, but none can be used.
    """
    wanted = read(DeviceSettings).device == "cuda"
    if not (_packaged() or devices.is_there() or wanted):
        return None  # a model for CPUs, on a CPU: nothing to tell
    device = devices.find(CUDA_LINE)
    if device.kind == "cpu":
        return None
    if not load_cublas():
        devices.stay_on_cpu("cuBLAS 12 can't be loaded (build.py --gpu packs it)")
        return None
    streams, keys_bytes = shares(devices.allowed_bytes(device), weights_bytes, batches)
    return Placement(device, COMPUTE_TYPES[precision, "cuda"], streams, keys_bytes)


def shares(memory_bytes: int, weights_bytes: int, batches: int | None = None) -> tuple[int, int]:
    """Share a GPU's memory out.

    Args:
        memory_bytes: What the model may take.
        weights_bytes: What its weights take.
        batches: How many to compute at once. None: one or two.

    Returns:
        How many batches are computed at once, and what one's keys and values may take, in bytes.
    """
    free = max(0, memory_bytes - weights_bytes)
    several = free >= MAX_STREAMS * BATCH_PER_WEIGHTS * weights_bytes
    streams = batches or (MAX_STREAMS if several else 1)
    return streams, free // (streams * BATCH_PER_KEYS)


def on_cpu(precision: str, threads: int, batches: int | None = None) -> Placement:
    """Choose how a model is computed on the CPU.

    Args:
        precision: `auto`, `int8` or `float32`.
        threads: Of one batch.
        batches: How many to compute at once. None: as many as the cores are enough for.
    """
    _keep_memory()
    usual = max(1, runner.cores() // threads)
    return Placement(Device("cpu"), COMPUTE_TYPES[precision, "cpu"], batches or usual)


def _packaged() -> list[Path]:
    """List cuBLAS 12 in its Python package, where CTranslate2 doesn't look."""
    found = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in found.submodule_search_locations or ()] if found else []
    return [place / "cublas" / "lib" for place in places if (place / "cublas").is_dir()]


def load_cublas() -> bool:
    """Load cuBLAS 12 from its package, or from the system."""
    packaged = _packaged()
    try:
        for name in LIBRARIES:
            path = next((str(place / name) for place in packaged), name)
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _keep_memory() -> None:
    """Tell glibc to keep freed memory for the next batch.

    CTranslate2 allocates large buffers at every layer. By default glibc maps and unmaps them each
    time, and the kernel's page faults take a fifth of the encoder's time.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return
    for option, value in ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, GIB), (M_TRIM_THRESHOLD, GIB)):
        mallopt(option, value)


def windows_in_memory(width: int, padded: int, keys_bytes: int, number_bytes: int) -> int:
    """Give how many windows are decoded together, so that memory stays bounded.

    The decoder keeps keys and values of each of the encoder's positions in each of its layers.
    Whisper's checkpoints have a layer for each 40 of their width, or fewer.

    Args:
        width: The model's: 512 for base, 1280 for large.
        padded: A window's length, in seconds.
        keys_bytes: How many bytes the keys and values may take.
        number_bytes: How many bytes a number of them has.
    """
    positions = padded * POSITIONS_PER_SECOND
    window_bytes = positions * 2 * width * -(-width // 40) * number_bytes
    return max(1, keys_bytes // window_bytes)
