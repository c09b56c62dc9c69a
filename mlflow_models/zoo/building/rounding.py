"""Runs float16 graphs on a CPU as a GPU would: with each result rounded to float16."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx


def round_results(graph: "onnx.GraphProto") -> None:
    """Make a CPU round each result to its type, as a GPU does.

    The CPU computes float16 in float32, and ONNX Runtime leaves out the casts between two
    operators. An `Identity` after each of them holds a true float16. So what is too large for it
    becomes infinite. ONNX Runtime must not optimize such a graph.
    """
    from onnx import helper

    ends = {one.name for one in graph.output}
    for node in list(graph.node):
        for place, name in enumerate(node.output):
            if name and name not in ends:
                node.output[place] = f"{name} exact"
                graph.node.append(helper.make_node("Identity", [f"{name} exact"], [name]))


def open_as_it_is(graph: Path | bytes) -> Any:
    """Open a graph, or its file, as an `onnxruntime.InferenceSession` that optimizes nothing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options)


def results(path: Path, example: Mapping[str, np.ndarray], rounded: bool) -> list[np.ndarray]:
    """Run a graph on a CPU, and give its results; of an ArgMax, the scores that it chooses from.

    Args:
        path: The graph; its weights may be in files beside it.
        example: The inputs, by name.
        rounded: Whether each result is rounded to its type.

    Returns:
        One float32 array for each output of the graph, in its shape.
    """
    import onnx

    model = onnx.load(path, load_external_data=False)  # the files stay where they are
    makers = {name: node for node in model.graph.node for name in node.output}
    numbers = [
        one.name
        if one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
        else makers[one.name].input[0]  # what ArgMax chooses from
        for one in model.graph.output
    ]
    shown = {one.name for one in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in {*numbers} - shown)
    if rounded:
        round_results(model.graph)
    trial = path.with_suffix(".trial")
    onnx.save(model, trial)
    try:
        found = open_as_it_is(trial).run(numbers, dict(example))
        return [one.astype(np.float32) for one in found]
    finally:
        trial.unlink()
