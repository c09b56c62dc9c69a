"""Runs float16 graphs on a CPU as a GPU would: with each result rounded to float16."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

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


def results(path: Path, example: Mapping[str, np.ndarray], rounded: bool) -> list[np.ndarray]:
    """Run a graph on a CPU; give its numbers, float32, also those that it makes choices of."""
    import onnx
    import onnxruntime

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
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    trial = path.with_suffix(".trial")
    onnx.save(model, trial)
    try:
        session = onnxruntime.InferenceSession(trial, options)
        return [one.astype(np.float32) for one in session.run(numbers, dict(example))]
    finally:
        trial.unlink()
