"""Runs float16 graphs on a CPU as a GPU would: with each result rounded to float16."""

from pathlib import Path

import onnx
import onnxruntime
from onnx import helper


def rounding_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a float16 graph so that no result keeps more bits than it would have on a GPU.

    The CPU computes in float32, and ONNX Runtime leaves out casts between two operators. An
    `Identity` after each of them holds a true float16, so results that are too large for it become
    infinite, as they would on a GPU.
    """
    model = onnx.load(path)
    nodes = list(model.graph.node)
    ends = {one.name for one in model.graph.output}
    for node in list(nodes):
        for place, name in enumerate(node.output):
            if name and name not in ends:
                node.output[place] = f"{name} exact"
                nodes.append(helper.make_node("Identity", [f"{name} exact"], [name]))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)
