"""Collects the nodes and weights of an ONNX graph; its products are in float32, float16 or int8."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MICROSOFT = "com.microsoft"  # the domain of ONNX Runtime's own operators


class Graph:
    """Collects nodes and weights; what a node gives has the node's name."""

    def __init__(self, precision: str) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.shared: set[str] = set()
        self.int8, self.fp16 = precision == "int8", precision == "fp16"

    def add(self, kind: str, inputs: list[str], name: str, **how: Any) -> str:
        """Adds a node; the standard's, or ONNX Runtime's."""
        domain = "" if onnx.defs.has(kind, domain="") else MICROSOFT
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, domain=domain, **how))
        return name

    def weight(self, name: str, values: np.ndarray) -> str:
        """Adds a constant."""
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def stored(self, name: str, path: Path) -> str:
        """Adds a constant that is in a `.npy` file in the graph's directory, and stays there."""
        array = np.load(path, mmap_mode="r")
        kind = helper.np_dtype_to_tensor_dtype(array.dtype)
        tensor = TensorProto(name=name, data_type=kind, dims=array.shape)
        tensor.data_location = TensorProto.EXTERNAL
        where = {"location": path.name, "offset": array.offset, "length": array.nbytes}
        for key, value in where.items():
            tensor.external_data.add(key=key, value=str(value))
        self.weights.append(tensor)
        return name

    def product(
        self,
        x: str,
        weight: np.ndarray,
        name: str,
        bias: np.ndarray | None = None,
        fp16: bool = True,
    ) -> str:
        """x (rows, in) times a weight (in, out), plus a bias; in a float16 graph in float16, unless
        `fp16` is false."""
        if self.int8:
            return self._product_int8(x, weight, name, bias)
        kind = np.float16 if self.fp16 and fp16 else np.float32
        inputs = [x, self.weight(f"{name}.weight", weight.astype(kind))]
        if bias is None:
            return self.add("MatMul", inputs, name)
        return self.add("Gemm", [*inputs, self.weight(f"{name}.bias", bias.astype(kind))], name)

    def narrow(self, x: str) -> str:
        """A float32 value as the products read it: as it is, or in float16."""
        kind = TensorProto.FLOAT16
        return self.add("Cast", [x], f"{x}.narrow", to=kind) if self.fp16 else x

    def wide(self, x: str) -> str:
        """What a product gives, in float32."""
        kind = TensorProto.FLOAT
        return self.add("Cast", [x], f"{x}.wide", to=kind) if self.fp16 else x

    def _product_int8(
        self, x: str, weight: np.ndarray, name: str, bias: np.ndarray | None = None
    ) -> str:
        """The same in 8 bits: each column of the weight has a scale, each row of x a scale and a
        zero point by its own least and greatest ("vector-wise" and "zeropoint" quantization of
        Dettmers et al. 2022, arXiv 2208.07339)."""
        levels, scales = quantize(weight)
        # A row's zero point times the weight's column sums has to be taken off. So x gets columns
        # of zeros, which become the zero point, and the weight rows that sum up to minus these. The
        # zeros are a hair more, so that a row of nothing else has a scale, too.
        below = _rows_of_sum(-levels.sum(0, dtype=np.int64))
        pads = [self.once("pads", [0, 0, 0, len(below)]), self.once("hair", np.float32(1e-20))]
        wide = self.add("Pad", [x, *pads], f"{name}.wide")
        most = self.add("ReduceMax", [wide, self.once("axis", [1])], f"{name}.most", keepdims=0)
        least = self.add("ReduceMin", [wide, self.once("axis", [1])], f"{name}.least", keepdims=0)
        span = self.add("Sub", [most, least], f"{name}.span")
        scale = self.add("Mul", [span, self.once("step", np.float32(1 / 255))], f"{name}.scale")
        below_zero = self.add("Neg", [least], f"{name}.below")
        zero = self.add("QuantizeLinear", [below_zero, scale], f"{name}.zero", axis=0)
        whole = self.add("QuantizeLinear", [wide, scale, zero], f"{name}.whole", axis=0)
        inputs = [whole, self.weight(f"{name}.weight", np.concatenate((levels, below)))]
        inputs += [self.once("one", np.float32(1)), self.weight(f"{name}.scales", scales)]
        sums = self.add("MatMulIntegerToFloat", inputs, f"{name}.sums")
        column = self.add("Reshape", [scale, self.once("column", [-1, 1])], f"{name}.column")
        if bias is None:
            return self.add("Mul", [sums, column], name)
        scaled = self.add("Mul", [sums, column], f"{name}.scaled")
        return self.add("Add", [scaled, self.weight(f"{name}.bias", bias)], name)

    def once(self, name: str, values: object) -> str:
        """Adds a small constant that many nodes share."""
        array = np.array(values)
        name = f"{name}_{'_'.join(map(str, array.ravel().tolist()))}"
        if name not in self.shared:
            self.shared.add(self.weight(name, array))
        return name


def quantize(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A weight (in, out) as int8, between -127 and 127, and the scales of its columns, (out)."""
    scales = np.maximum(np.abs(weight).max(0) / 127, np.finfo(np.float32).tiny)
    return np.rint(weight / scales).astype(np.int8), scales.astype(np.float32)


def _rows_of_sum(sums: np.ndarray) -> np.ndarray:
    """Int8 rows, as few as there can be, that sum up to some integers."""
    count = max(1, -(-int(np.abs(sums).max()) // 127))
    shares = [(sums + place) // count for place in range(count)]
    return np.array(shares, np.int8).reshape(count, len(sums))
