"""ExecuTorch's `.pte`, which its XNNPACK delegate runs on the cores of a phone."""

import importlib.metadata
import importlib.util
from pathlib import Path

import torch

from wav2vec2_asr.exports.fixed import FixedLength
from wav2vec2_asr.exports.phone import Format, Run
from zoo.errors import ZooError

INTRO = """`model.pte` is a program of [ExecuTorch](https://pytorch.org/executorch) $version for its
XNNPACK delegate."""


class ExecuTorch(Format):
    """Writes `model.pte`.

    Args:
        int8: weights of the linear layers in 8 bits, and products of 8 bits: a quarter of the size.
    """

    file = "model.pte"

    def __init__(self, int8: bool = False) -> None:
        if importlib.util.find_spec("executorch") is None:
            raise ZooError(
                "ExecuTorch isn't installed; wav2vec2_asr/exports/requirements.txt has its version."
            )
        self.int8 = int8

    def write(self, network: FixedLength, example: tuple[torch.Tensor, ...], path: Path) -> None:
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner  # type: ignore
        from executorch.exir import to_edge_transform_and_lower  # type: ignore

        program = torch.export.export(network, example, strict=False)
        if self.int8:
            program = _quantized(program, example)
        lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
        with path.open("wb") as file:
            lowered.to_executorch().write_to_file(file)

    def load(self, path: Path) -> Run:
        from executorch.runtime import Runtime  # type: ignore

        method = Runtime.get().load_program(path).load_method("forward")
        if method is None:
            raise ZooError(f"'{path}' has no method 'forward'.")

        def run(waves: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = method.execute([waves, length])[0]
            return logits.clone()  # the runtime writes the next answer to the same place

        return run

    def guide(self) -> dict[str, str]:
        version = importlib.metadata.version("executorch")
        return {
            "title": "ExecuTorch",
            "intro": INTRO.replace("$version", version),
            "depend": f'implementation("org.pytorch:executorch-android:{version}")',
            "imports": "org.pytorch.executorch",
            "load": "Module.load(path)",
            "run": "module.forward(EValue.from(waves), EValue.from(length))[0].toTensor()",
        }


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
