"""Opens ONNX graphs: the one place that chooses where they run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
# The fused kernel of a sum and a layer normalization is up to seven times slower than the two.
SLOW_FUSION = "SkipLayerNormFusion"
ERRORS_ONLY = 3  # ONNX Runtime's log level


def open_session(
    path: Path, threads: int, providers: Sequence[str] = (CPU,), disabled: Sequence[str] = ()
) -> Any:
    """Open a graph.

    Args:
        path: Of the `.onnx` file.
        threads: Inside one run.
        providers: Where it may run, best first; what isn't installed is left out.
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
