"""ExecuTorch's `.pte`, which its XNNPACK delegate runs on the cores of a phone."""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import torch

from wav2vec2_asr.exports.fixed import FixedLength
from zoo.errors import ZooError

Run = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]  # as `FixedLength.forward`


def version() -> str:
    """The version of ExecuTorch that is installed.

    Raises:
        ZooError: none is.
    """
    try:
        return importlib.metadata.version("executorch")
    except importlib.metadata.PackageNotFoundError as error:
        raise ZooError(
            "ExecuTorch isn't installed; wav2vec2_asr/exports/requirements.txt has its version."
        ) from error


def write(network: FixedLength, path: Path, int8: bool) -> None:
    """Writes a network as a program.

    Args:
        network: in evaluation mode.
        path: of the `.pte` file.
        int8: weights of the linear layers in 8 bits, and products of 8 bits: a quarter of the size.
    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner  # type: ignore
    from executorch.exir import to_edge_transform_and_lower  # type: ignore

    program = torch.export.export(network, network.example(), strict=False)
    if int8:
        program = _quantized(program, network.example())
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
    with path.open("wb") as file:
        lowered.to_executorch().write_to_file(file)


def load(path: Path) -> Run:
    """The network as its own runtime has it, from the file."""
    from executorch.runtime import Runtime  # type: ignore

    method = Runtime.get().load_program(path).load_method("forward")
    if method is None:
        raise ZooError(f"'{path}' has no method 'forward'.")

    def run(waves: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = method.execute([waves, length])[0]
        return logits.clone()  # the runtime writes the next answer to the same place

    return run


def _quantized(
    program: torch.export.ExportedProgram, example: tuple[torch.Tensor, ...]
) -> torch.export.ExportedProgram:
    """Linear layers in int8: weights by channel, activations as they come."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (  # type: ignore
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e  # type: ignore

    config = get_symmetric_quantization_config(is_per_channel=True, is_dynamic=True)
    quantizer = XNNPACKQuantizer().set_module_type(torch.nn.Linear, config)
    observed = prepare_pt2e(program.module(), quantizer)
    observed(*example)
    return torch.export.export(convert_pt2e(observed), example, strict=False)
