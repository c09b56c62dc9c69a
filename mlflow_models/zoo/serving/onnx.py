"""Opens ONNX graphs: the only place that chooses where they run."""

import contextlib
import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zoo.serving import devices, failures
from zoo.serving.devices import Device
from zoo.settings import DeviceSettings, read

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# This fusion of a sum and a layer normalization is up to seven times slower than both apart.
SLOW_FUSION = "SkipLayerNormFusion"
# This choice of layouts for 2-D convolutions crashes (1.31.1, CPU) on a float16 graph in which a
# product was fused with the transposition before it. A graph without such convolutions loses
# nothing by leaving it out.
CRASHES_IN_FLOAT16 = "NchwcTransformer"
ERRORS_ONLY = 3  # ONNX Runtime's log level
# A message of ONNX Runtime begins with places in its source; the cause begins with one of these.
CAUSE = re.compile("(?:CUDA|CUBLAS|CUDNN|CUDNN_FE) failure|Failed to allocate|Available memory")
CAUSE_CHARACTERS = 200


def open_session(
    path: Path,
    threads: int,
    disabled: Sequence[str] = (),
    gpu: bool = True,
    share: float = 1.0,
) -> Any:
    """Open a graph: on the GPU if there is one and ONNX Runtime is its build for CUDA.

    Args:
        path: The `.onnx` file.
        threads: How many threads one run has on the CPU.
        disabled: Optimizations of ONNX Runtime to leave out on a CPU, where they are slow.
        gpu: Whether a GPU runs this graph faster.
        share: Of the memory that the model may take on the GPU, the part for this graph.

    Returns:
        An `onnxruntime.InferenceSession`.

    Raises:
        ZooError: `THERESA_DEVICE` asks for a GPU, but none can be used.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    opened = functools.partial(onnxruntime.InferenceSession, str(path), options, enable_fallback=0)
    if gpu and device().kind == "cuda":
        try:
            session = opened([(CUDA, _cuda_options(share)), CPU])
        except Exception as error:  # ONNX Runtime's errors have no common class
            devices.stay_on_cpu(f"'{path.name}' can't be opened on it ({_cause(error)})")
        else:
            if on_gpu(session):
                session.run = again(session.run, "gpu:0")
                session.run_with_iobinding = again(session.run_with_iobinding, "gpu:0")
                return session
            devices.stay_on_cpu("ONNX Runtime can't load CUDA's libraries or cuDNN")
    return opened([CPU], disabled_optimizers=list(disabled))


@functools.cache  # the driver is asked once, in the process that computes
def device() -> Device:
    """Find where ONNX graphs run in this process.

    Raises:
        ZooError: `THERESA_DEVICE` asks for a GPU, but none can be used.
    """
    import onnxruntime

    if CUDA not in onnxruntime.get_available_providers():
        why = "the ONNX Runtime installed here is for CPUs (build.py --gpu packs the other)"
        wanted = read(DeviceSettings).device == "cuda"
        return devices.stay_on_cpu(why) if wanted or devices.is_there() else Device("cpu", why=why)
    found = devices.find(int(onnxruntime.cuda_version.partition(".")[0]))
    if found.kind == "cuda":
        onnxruntime.set_default_logger_severity(ERRORS_ONLY)
        onnxruntime.preload_dlls()  # CUDA's libraries and cuDNN, from their Python packages
    return found


def on_gpu(session: Any) -> bool:
    """Tell whether a session runs on a GPU."""
    return bool(session.get_providers()[0] == CUDA)


def device_of(*sessions: Any) -> str:
    """Name the device for what sessions pass on, as ONNX Runtime does: `cuda` or `cpu`.

    The GPU's memory may have room for only some of the sessions: then it is `cpu`.
    """
    return "cuda" if all(map(on_gpu, sessions)) else "cpu"


def again(run: Callable[..., Any], arena: str) -> Callable[..., Any]:
    """Let a session try again where memory has run out.

    Its arena keeps what batches of many sizes had, in pieces that a larger batch doesn't fit into.
    A run that is told to gives free pieces back at its end, also if it fails.

    Args:
        run: The session's method.
        arena: Which arena, as ONNX Runtime names it: `gpu:0`.
    """
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", arena)

    def patient(*arguments: Any) -> Any:
        try:
            return run(*arguments)
        except Exception as error:
            if not failures.memory_ran_out(error):
                raise
        with contextlib.suppress(Exception):
            return run(*arguments, options)
        return run(*arguments)

    return patient


def memory_bytes() -> int:
    """Tell how much of the GPU's memory this model may take; 0 on a CPU."""
    return devices.allowed_bytes(device())


def _cuda_options(share: float) -> dict[str, str]:
    """Choose the provider's options: exact arithmetic, and memory that grows as it is asked for."""
    limit = round(read(DeviceSettings).gpu_memory * devices.GB * share)
    return {
        "device_id": "0",
        "use_tf32": "0",  # TF32's products have 10 bits; float32 is to give the CPU's answers
        "cudnn_conv_algo_search": "HEURISTIC",  # the search by trying would run for every shape
        "arena_extend_strategy": "kSameAsRequested",  # the other strategy doubles the arena
        **({"gpu_mem_limit": str(limit)} if limit else {}),
    }


def _cause(error: Exception) -> str:
    """Find the cause in a message of ONNX Runtime, which ends with it."""
    (line, *_) = str(error).strip().splitlines() or [type(error).__name__]
    found = CAUSE.search(line)
    cause = line[found.start() :] if found else line[-CAUSE_CHARACTERS:]
    return cause.partition(" ; ")[0][:CAUSE_CHARACTERS].strip(" .")
