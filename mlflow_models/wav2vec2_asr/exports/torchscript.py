"""TorchScript, the older way: PyTorch deprecates it, and no app should begin with it today."""

import warnings
from pathlib import Path

import torch

from wav2vec2_asr.exports.fixed import FixedLength
from wav2vec2_asr.exports.phone import Format, Run

ANDROID = "2.1.0"  # the last release of PyTorch's runtime for Android
INTRO = """**The older way.** PyTorch deprecates TorchScript, and its runtime for Android ended with
{android}. Begin new apps with `--to executorch`. `model.ptl` is for that runtime (its lite
interpreter); the same network as `model.pt` is for `torch.jit.load` and LibTorch."""


class TorchScript(Format):
    """Writes `model.ptl` and `model.pt`."""

    file = "model.ptl"
    attention = "eager"  # its operators are as old as the runtime

    def write(self, network: FixedLength, example: tuple[torch.Tensor, ...], path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it's deprecated, which the README says
            traced = torch.jit.trace(network, example, check_trace=False)
            frozen = torch.jit.freeze(traced)
            frozen.save(path.with_suffix(".pt"))
            frozen._save_for_lite_interpreter(str(path))

    def load(self, path: Path) -> Run:
        from torch.jit.mobile import _load_for_lite_interpreter

        run: Run = _load_for_lite_interpreter(str(path))
        return run

    def guide(self) -> dict[str, str]:
        return {
            "title": "TorchScript",
            "intro": INTRO.format(android=ANDROID),
            "depend": f'implementation("org.pytorch:pytorch_android_lite:{ANDROID}")',
            "imports": "org.pytorch",
            "load": "LiteModuleLoader.load(path)",
            "run": "module.forward(IValue.from(waves), IValue.from(length)).toTensor()",
        }
