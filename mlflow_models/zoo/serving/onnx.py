"""Opens ONNX graphs: the only place that chooses where they run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# This fusion of a sum and a layer normalization is up to seven times slower than both apart.
SLOW_FUSION = "SkipLayerNormFusion"
ERRORS_ONLY = 3  # ONNX Runtime's log level


def open_session(
    path: Path, threads: int, providers: Sequence[str] = (CPU,), disabled: Sequence[str] = ()
) -> Any:
    """Open a graph.

    Args:
        path: The `.onnx` file.
        threads: Threads in one run.
        providers: Where the graph may run, best first; what isn't installed is left out.
        disabled: Optimizations of ONNX Runtime to leave out.

    Returns:
        An `onnxruntime.InferenceSession`.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = ERRORS_ONLY
    known = onnxruntime.get_available_providers()
    return onnxruntime.InferenceSession(
        str(path),
        options,
        [name for name in providers if name in known],
        disabled_optimizers=list(disabled),
    )
