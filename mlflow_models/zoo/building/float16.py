"""Converts ONNX graphs to float16: half the bytes to read, and a GPU's fastest products.

Some operators stay in float32, because in float16 their results are too large or too coarse:
float16 ends at 65,504 and has 11 bits. Casts stand only where float16 and float32 meet.

`LayerNormalization`, `Softmax`, attention and products of matrices aren't among these operators:
ONNX Runtime's CUDA kernels sum in float32, and only their results are float16.

ONNX Runtime's own converter (`onnxruntime.transformers.float16`) isn't used. It must be told the
types of its own operators' results, makes an invalid graph where two operators that stay in float32
read one tensor, passes numbers through float16 between two such operators, and changes `sys.path`.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.building.rounding import results
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    import onnx

# Powers, exponentials and sums over many values leave float16's range. A Range counts,
# and the scales of a Resize are always float32.
KEPT = frozenset(
    "CumSum Exp GroupNormalization InstanceNormalization Log Max Min Pow Range ReduceL1 ReduceL2 "
    "ReduceLogSumExp ReduceMean ReduceSum ReduceSumSquare Resize TopK".split()
)
# What computes with these results alone stays in float32, too: the root of a mean of squares, say.
FOLLOWING = frozenset("Add Div Mul Neg Reciprocal Sqrt Sub".split())
# Masks add -3.4e38 to attention's scores. In float16 it becomes this, so that the sum is finite.
LARGEST = 30_000.0
SMALLEST = np.float16(6e-8)  # what isn't 0 stays so: something may be divided by it
MAX_INLINE_BYTES = 1_500_000_000  # a protocol buffer ends at 2 GiB; beyond it the weights are apart
MAX_ERROR = 0.1  # of the largest result; trained networks are at a hundredth of it
SMALL_BYTES = 1024  # tensors that tell shapes, such as the one of a Reshape


def to_float16(
    path: Path, keep: Collection[str] = (), example: Mapping[str, np.ndarray] | None = None
) -> None:
    """Convert a graph's arithmetic and weights from float32 to float16, in place.

    Its inputs and outputs keep their types, so the code that runs the graph stays the same.
    Weights beyond `MAX_INLINE_BYTES` are written to a file beside the graph.

    Args:
        path: The graph; its weights may be in files beside it.
        keep: What else stays in float32: types of operators, such as `Softmax`, or the beginning
            of nodes' names, such as `/convolutions.0/`.
        example: Inputs to try both graphs with. None: they aren't tried.

    Raises:
        CheckpointError: On the example float16 gives other results: the checkpoint has numbers
            that are too large for it.
    """
    expected = results(path, example, rounded=False) if example else []
    _convert(path, keep)
    found = results(path, example, rounded=True) if example else []
    for one, other in zip(found, expected, strict=True):
        if not np.abs(one - other).max() <= MAX_ERROR * np.abs(other).max():  # it may be nan
            raise CheckpointError(
                "float16 is too small for this checkpoint's numbers; build it with "
                "--precision fp32."
            )


def _convert(path: Path, keep: Collection[str]) -> None:
    """Convert a graph in place, as `to_float16` says."""
    import onnx

    model = onnx.load(path)
    files = [path, *_weight_files(path)]
    graph = model.graph
    _move_constants(graph)
    floats, kept = _floats(model), _kept(graph, keep)
    exact = {one.name for one in graph.input}  # the tensors that stay in float32
    exact.update(name for node in graph.node if node.name in kept for name in node.output)
    changed = [node for node in graph.node if node.name not in kept]
    used = {name for node in changed for name in (*node.input, *node.output)}
    halves = (used & floats) - exact
    for tensor in graph.initializer:
        if tensor.name in halves:
            tensor.CopyFrom(_half(tensor))
    for node in changed:
        if node.output[0] in floats:
            _make_half(node)
    nodes = _cast(graph, kept, floats, halves)
    del graph.node[:], graph.value_info[:]  # ONNX Runtime finds the types itself
    graph.node.extend(nodes)
    for file in files:
        file.unlink()
    if sum(len(one.raw_data) for one in graph.initializer) > MAX_INLINE_BYTES:
        onnx.save(model, path, save_as_external_data=True, location=f"{path.name}.data")
    else:
        onnx.save(model, path)


def _move_constants(graph: "onnx.GraphProto") -> None:
    """Make weights of a graph's constants, so that both are converted in one way."""
    from onnx import helper, numpy_helper

    nodes = [node for node in graph.node if node.op_type != "Constant"]
    for node in graph.node:
        if node.op_type == "Constant":
            (value,) = (helper.get_attribute_value(one) for one in node.attribute)
            if isinstance(value, int | float | list):
                array = np.array(value)
                array = array.astype(np.float32) if array.dtype.kind == "f" else array
                value = numpy_helper.from_array(array)
            value.name = node.output[0]
            graph.initializer.append(value)
    del graph.node[:]
    graph.node.extend(nodes)


def _kept(graph: "onnx.GraphProto", keep: Collection[str]) -> set[str]:
    """Name the nodes that stay in float32; nodes without a name get one."""
    operators = KEPT.union(keep)
    prefixes = tuple(one for one in keep if one.startswith("/"))
    constant = {one.name for one in graph.initializer}
    wide: set[str] = set()  # tensors in float32
    names = set()
    for place, node in enumerate(graph.node):
        node.name = node.name or f"node {place}"
        read = [name for name in node.input if name and name not in constant]
        follows = node.op_type in FOLLOWING and read and wide.issuperset(read)
        if follows or node.op_type in operators or (prefixes and node.name.startswith(prefixes)):
            names.add(node.name)
            wide.update(node.output)
    return names


def _cast(
    graph: "onnx.GraphProto",
    kept: Collection[str],
    floats: Collection[str],
    halves: Collection[str],
) -> "list[onnx.NodeProto]":
    """Put casts between float16 and float32.

    Args:
        graph: The graph; the tensors' names in its nodes are changed.
        kept: The names of the nodes that compute in float32.
        floats: The names of the tensors that were float32.
        halves: Those of them that are float16 now.

    Returns:
        The nodes in the order of their use.
    """
    from onnx import TensorProto, helper

    ends = {one.name for one in graph.output}.intersection(halves)
    renamed = {name: f"{name} float16" for name in ends}  # the output has the name, in float32
    nodes: list[onnx.NodeProto] = []
    made: set[str] = set()

    def cast(name: str, to: int, result: str) -> str:
        if result not in made:
            nodes.append(helper.make_node("Cast", [name], [result], f"cast to {result}", to=to))
            made.add(result)
        return result

    for node in graph.node:
        for place, name in enumerate(node.input):
            own = renamed.get(name, name)
            if node.name in kept and name in halves:
                own = cast(own, TensorProto.FLOAT, f"{name} float32")
            elif node.name not in kept and name in floats and name not in halves:
                own = cast(own, TensorProto.FLOAT16, f"{name} float16")
            node.input[place] = own
        for place, name in enumerate(node.output):
            node.output[place] = renamed.get(name, name)
        nodes.append(node)
    for name, own in renamed.items():
        cast(own, TensorProto.FLOAT, name)
    return nodes


def _make_half(node: "onnx.NodeProto") -> None:
    """Change the attribute by which a node makes float32, if it has one."""
    from onnx import TensorProto, helper

    if node.op_type == "Cast":
        made = helper.make_attribute("to", TensorProto.FLOAT16)
    elif node.op_type == "ConstantOfShape":
        zero = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
        (value,) = [one.t for one in node.attribute] or [zero]
        made = helper.make_attribute("value", _half(value))
    else:
        return
    del node.attribute[:]
    node.attribute.append(made)


def _half(tensor: "onnx.TensorProto") -> "onnx.TensorProto":
    """Turn a float32 tensor into float16."""
    from onnx import numpy_helper

    full = numpy_helper.to_array(tensor)
    half = np.array(np.clip(full, -LARGEST, LARGEST), np.float16)
    lost = (half == 0) & (full != 0)
    half[lost] = np.copysign(SMALLEST, full[lost])
    return numpy_helper.from_array(half, tensor.name)


def _weight_files(path: Path) -> list[Path]:
    """List the files beside a graph that have its weights."""
    import onnx

    names = {
        entry.value
        for tensor in onnx.load(path, load_external_data=False).graph.initializer
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [path.parent / name for name in sorted(names)]


def _floats(model: "onnx.ModelProto") -> set[str]:
    """Name the float32 tensors of a graph.

    ONNX infers types, but knows no operators of ONNX Runtime's own. The results of these are
    floating-point numbers. Weights are left out: a graph over 2 GiB couldn't be passed to ONNX.
    """
    import onnx
    from onnx import helper

    known = {one.name for one in (*model.graph.output, *model.graph.value_info)}
    graph = onnx.GraphProto()
    for field in ("node", "input", "output", "value_info"):
        getattr(graph, field).extend(getattr(model.graph, field))
    for tensor in model.graph.initializer:
        if len(tensor.raw_data) <= SMALL_BYTES:
            graph.initializer.append(tensor)
        else:
            kind = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            graph.input.append(kind)
    for node in model.graph.node:
        if node.domain not in ("", "ai.onnx"):
            graph.value_info.extend(
                helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
                for name in node.output
                if name and name not in known
            )
    skeleton = onnx.ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    skeleton.graph.CopyFrom(graph)
    found = onnx.shape_inference.infer_shapes(skeleton).graph
    values = (*found.value_info, *found.input, *found.output)
    return {
        one.name for one in values if one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    } | {one.name for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT}
