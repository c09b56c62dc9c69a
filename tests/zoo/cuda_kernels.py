"""Which nodes of a graph ONNX Runtime's CUDA provider has kernels for.

A node without one is computed on the CPU, without a word, and its tensors are copied there and
back. The table says what ONNX Runtime's docs/OperatorKernels.md says in the section on the
CUDAExecutionProvider, for opset 20, of the operators and types that graphs of this repository have.
Where a kernel has a type in its name, the library of onnxruntime-gpu 1.31.1 has the same names.
"""

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import TensorProto, helper

FLOATS, WHOLE = {"FLOAT", "FLOAT16"}, {"INT32", "INT64"}
NUMBERS = FLOATS | WHOLE
ANY = NUMBERS | {"BOOL"}
KERNELS = {
    "": {
        **dict.fromkeys(
            "ArgMax AveragePool Conv Gelu Gemm LayerNormalization LogSoftmax MatMul Reciprocal "
            "Relu Sigmoid Softmax Sqrt Tanh".split(),
            FLOATS,
        ),
        **dict.fromkeys(
            "Add Div GreaterOrEqual Less Mod Mul Neg ReduceSum Sub TopK Where".split(), NUMBERS
        ),
        **dict.fromkeys(
            "Cast Concat Constant ConstantOfShape Equal Expand Flatten Gather GatherElements "
            "Identity Reshape Shape Slice Split Squeeze Transpose Unsqueeze".split(),
            ANY,
        ),
        "And": {"BOOL"},
        "Clip": FLOATS | {"INT64"},
        "Not": {"BOOL"},
        "Range": WHOLE | {"FLOAT"},
        "ReduceL2": FLOATS | {"INT32"},
        "ReduceMean": FLOATS | {"INT32"},
    },
    "com.microsoft": {
        "FastGelu": FLOATS,
        "GroupQueryAttention": {"FLOAT16"},
        "MultiHeadAttention": FLOATS,
    },
}
# What an operator gives where it isn't what it is given.
GIVEN = dict.fromkeys(("Shape", "ArgMax"), "INT64") | dict.fromkeys(
    ("Equal", "GreaterOrEqual", "Less"), "BOOL"
)


def without_kernel(path: Path) -> set[tuple[str, str]]:
    """The nodes that run on the CPU: the operator, and the type that it computes in."""
    return {
        (operator, kind)
        for domain, operator, kind in operators(path)
        if kind not in KERNELS[domain].get(operator, set())
    }


def operators(path: Path) -> Iterator[tuple[str, str, str]]:
    """For each node of a graph its operator's domain and name, and the type it computes in."""
    graph = onnx.load(path, load_external_data=False).graph
    types = {one.name: _name(one.type.tensor_type.elem_type) for one in graph.input}
    types |= {one.name: _name(one.data_type) for one in graph.initializer}
    for node in graph.node:
        how = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type in ("Constant", "ConstantOfShape"):
            kind = _name(how["value"].data_type)
            given = kind
        else:
            kind = types[node.input[node.op_type == "Where"]]
            given = _name(how["to"]) if node.op_type == "Cast" else GIVEN.get(node.op_type, kind)
        types |= dict.fromkeys(node.output, given)
        if node.op_type == "TopK":
            types[node.output[1]] = "INT64"
        yield node.domain, node.op_type, kind


def _name(kind: int) -> str:
    """A type's name: FLOAT, INT64."""
    name: str = TensorProto.DataType.Name(kind)
    return name
