"""Exports PyTorch modules as ONNX graphs, and quantizes these to int8."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

OPSET = 20


def export(
    module: "torch.nn.Module",
    path: Path,
    inputs: "Mapping[str, torch.Tensor]",
    outputs: Sequence[str],
    axes: Mapping[str, Sequence[str]],
) -> None:
    """Write a module's `forward` as a graph, by tracing it.

    Args:
        module: The network; it is put into evaluation mode.
        path: The graph's file.
        inputs: For each input of the graph, in the order of `forward`, an example: it has the
            graph's shape and dtype.
        outputs: The outputs' names in the graph.
        axes: For each input and output the names of its first axes, whose sizes stay open, such as
            ("batch", "samples"). The other axes get the example's sizes.
    """
    import torch

    # For an even number of heads torch uses its fused attention, which ONNX doesn't know.
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Tracing warns that it makes a constant of a size that the network reads. Tests compare
            # other sizes with the reference.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: dict(enumerate(names)) for name, names in axes.items()},
                opset_version=OPSET,
                dynamo=False,  # the new exporter takes a hundred times as long for the same graph
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def quantize(path: Path) -> None:
    """Turn a graph's weight matrices into int8, in place; activations are quantized at each run.

    Each output channel has its own scale: for ELECTRA-small that halves the error of a scale per
    matrix.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    full = path.rename(path.with_suffix(".fp32"))
    quantize_dynamic(
        full,
        path,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )
    full.unlink()
