"""Reads the weights of a TorchScript archive, which is how OpenAI published CLIP.

`torch.jit.load` would load the program that such a file holds along with them, and `torch.load`
with `weights_only` refuses the format; so this reads its pickle with everything shut out but
tensors.
"""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

STORAGES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
}


def read_torchscript(path: Path) -> dict[str, torch.Tensor]:
    """The state dict of a TorchScript archive, by the names that `state_dict()` would give.

    Shapes and types are the archive's own: OpenAI's are float16, matrices (out, in).

    Raises:
        Exception: of any kind, where it is no such archive.
    """
    with zipfile.ZipFile(path) as archive:
        (pickled,) = [one for one in archive.namelist() if one.endswith("/data.pkl")]
        module = _Unpickler(archive, pickled.removesuffix("/data.pkl")).load()
    weights: dict[str, torch.Tensor] = {}

    def collect(node: _Module, prefix: str) -> None:
        for name, value in vars(node).items():
            if isinstance(value, torch.Tensor):
                weights[prefix + name] = value
            elif isinstance(value, _Module):
                collect(value, f"{prefix}{name}.")

    collect(module, "")
    return weights


class _Module:
    """Stands for any TorchScript module of an archive: its attributes, and none of its code."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    """Reads the tensors of a TorchScript archive; whatever else a pickle can call is refused."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(archive.open(f"{root}/data.pkl"))
        self._archive, self._root = archive, root

    def find_class(self, module: str, name: str) -> Any:
        """Modules, tensors and the containers of TorchScript; the code of none of them."""
        if module.startswith("__torch__"):
            return _Module
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        known = {
            "torch._utils._rebuild_tensor_v2": _rebuild,
            "collections.OrderedDict": dict,
        }
        if module == "torch.jit._pickle":  # lists of numbers, and types by their names
            return lambda content, *_: content
        return known[f"{module}.{name}"]

    def persistent_load(self, pid: Any) -> torch.Tensor:
        """The storage of a tensor: its numbers in a row."""
        _, dtype, key, _, count = pid
        content = bytearray(self._archive.read(f"{self._root}/data/{key}"))
        return torch.frombuffer(content, dtype=dtype, count=count)


def _rebuild(
    storage: torch.Tensor, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> torch.Tensor:
    return storage.as_strided(shape, strides, offset)
