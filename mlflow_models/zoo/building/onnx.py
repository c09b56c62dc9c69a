"""PyTorch modules as ONNX graphs, and these in int8."""

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
        path: Of the graph.
        inputs: An example of each input by its name in the graph, in the order of `forward`, of the
            shape and type that the graph is to have.
        outputs: The outputs' names in the graph.
        axes: Names of the first axes of inputs and outputs, whose sizes stay open. The others get
            the example's sizes.
    """
    import torch

    # torch's fused attention, which it takes for an even number of heads, is nothing ONNX knows
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            # Tracing takes sizes for constants where a network asks for them; the capabilities'
            # tests hold other sizes equal to the reference.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                tuple(inputs.values()),
                str(path),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_axes={name: dict(enumerate(names)) for name, names in axes.items()},
                opset_version=OPSET,
                dynamo=False,  # the other exporter took a hundred times as long for the same graph
            )
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def quantize(path: Path) -> None:
    """Turn a graph's weight matrices into int8, in place; activations are quantized as they come.

    One scale per output channel halves the error of one per matrix (seen on ELECTRA-small).
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
