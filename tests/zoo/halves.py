"""Runs float16 graphs on a CPU as a GPU would: with each result rounded to float16."""

from pathlib import Path

import onnx
import onnxruntime

from zoo.building.rounding import open_as_it_is, round_results


def rounding_session(path: Path) -> onnxruntime.InferenceSession:
    """Open a float16 graph so that no result keeps more bits than it would have on a GPU."""
    model = onnx.load(path)
    round_results(model.graph)
    session: onnxruntime.InferenceSession = open_as_it_is(model.SerializeToString())
    return session
