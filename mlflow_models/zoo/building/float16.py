"""Converts ONNX graphs to float16: half the bytes to read, and a GPU's fastest products.

ONNX Runtime's own converter does it. Two things are added here. It must know the type of each
tensor, also after operators that only ONNX Runtime has. And some operators stay in float32, since
in float16 their results are too large or too coarse: float16 ends at 65,504 and has 11 bits.

`LayerNormalization`, `Softmax`, attention and products of matrices aren't among them: ONNX
Runtime's CUDA kernels sum in float32 and only their results are float16.
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

# Powers and exponentials leave float16's range, and so do sums over many values.
KEPT = frozenset(
    "CumSum Exp GroupNormalization InstanceNormalization Log Max Min Pow Range ReduceL1 ReduceL2 "
    "ReduceLogSumExp ReduceMean ReduceSum ReduceSumSquare TopK".split()
)
# What computes with these results alone stays in float32, too: the root of a mean of squares, say.
FOLLOWING = frozenset("Add Div Mul Neg Reciprocal Sqrt Sub".split())
# Masks add -3.4e38 to attention's scores. In float16 it becomes this, so that the sum is finite.
LARGEST = 30_000.0
MAX_INLINE_BYTES = 1_500_000_000  # a protocol buffer ends at 2 GiB; beyond it the weights are apart
SMALL_BYTES = 1024  # tensors that tell shapes, such as the one of a Reshape


def to_float16(path: Path, keep: Collection[str] = ()) -> None:
    """Convert a graph's arithmetic and weights from float32 to float16, in place.

    Its inputs and outputs keep their types, so the code that runs the graph stays the same.
    Weights beyond `MAX_INLINE_BYTES` are written to a file beside the graph.

    Args:
        path: The graph; its weights may be in files beside it.
        keep: What else stays in float32: types of operators, such as `Softmax`, or the beginning
            of nodes' names, such as `/convolutions.0/`.
    """
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    model = onnx.load(path)
    apart = _weight_files(path)
    kept = _kept(model.graph, keep)
    model.graph.value_info.extend(_types(model))
    converted = convert_float_to_float16(
        model,
        max_finite_val=LARGEST,
        keep_io_types=True,
        disable_shape_infer=True,
        op_block_list=[],
        node_block_list=kept,
    )
    del converted.graph.value_info[:]  # ONNX Runtime finds them itself
    _tidy(converted.graph)
    whole = OnnxModel(converted)
    whole.prune_graph(allow_remove_graph_inputs=False)
    whole.topological_sort()
    for file in (path, *apart):
        file.unlink()
    size = sum(len(one.raw_data) for one in converted.graph.initializer)
    if size > MAX_INLINE_BYTES:
        onnx.save(converted, path, save_as_external_data=True, location=f"{path.name}.data")
    else:
        onnx.save(converted, path)


def _kept(graph: "onnx.GraphProto", keep: Collection[str]) -> list[str]:
    """Name the nodes that stay in float32; nodes without a name get one."""
    operators = KEPT.union(keep)
    prefixes = tuple(one for one in keep if one.startswith("/"))
    constant = {one.name for one in graph.initializer}
    wide: set[str] = set()  # tensors in float32
    names = []
    for place, node in enumerate(graph.node):
        node.name = node.name or f"node {place}"
        if node.op_type == "Constant":
            constant.update(node.output)
        read = [name for name in node.input if name and name not in constant]
        follows = node.op_type in FOLLOWING and read and wide.issuperset(read)
        if follows or node.op_type in operators or (prefixes and node.name.startswith(prefixes)):
            names.append(node.name)
            wide.update(node.output)
    return names


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


def _types(model: "onnx.ModelProto") -> Iterator["onnx.ValueInfoProto"]:
    """Yield the type of each tensor that a graph's nodes make.

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
    for one in onnx.shape_inference.infer_shapes(skeleton).graph.value_info:
        if one.name not in known:
            yield one


def _tidy(graph: "onnx.GraphProto") -> None:
    """Remove the casts that the converter makes in vain.

    It casts to float32 before each node that stays in float32, and to float16 after it. So if two
    such nodes read one tensor, it is cast twice. And between two such nodes values would pass
    through float16 after all, and could leave its range.
    """
    once = {node.output[0]: node for node in graph.node}
    halved = {
        name: node.input[0]
        for name, node in once.items()
        if node.name.endswith("_cast_to_fp16_node") or node.name.startswith("graph_input_cast")
    }
    exact = {  # from what was cast there and back to what it was before
        name: halved[node.input[0]]
        for name, node in once.items()
        if node.op_type == "Cast" and node.input[0] in halved and name not in halved
    }
    for node in once.values():
        for place, name in enumerate(node.input):
            node.input[place] = exact.get(name, name)
        if node.output[0] in exact:  # an output of the graph may still need it, by this name
            node.op_type, node.input[0] = "Identity", exact[node.output[0]]
            del node.attribute[:]
    del graph.node[:]
    graph.node.extend(once.values())
