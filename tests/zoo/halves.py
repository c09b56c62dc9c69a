"""Runs float16 graphs on a CPU as a GPU would: with each result rounded to float16."""

from pathlib import Path

import onnx
import onnxruntime

from zoo.building.rounding import round_results


def rounding_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a float16 graph so that no result keeps more bits than it would have on a GPU."""
    model = onnx.load(path)
    round_results(model.graph)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)
