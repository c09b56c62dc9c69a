"""What MLflow is told of a recognizer of speech: its column, and the shape of its answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types import ParamSpec


def of_recognizer(scores: Sequence[str], params: "list[ParamSpec]") -> "ModelSignature":
    """Column `audio`, the parameters, and the record of one row.

    Args:
        scores: what a segment has beside its times, text and words.
        params: the model's own; `on_error` is added.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array, Object, Property

    word = Object(
        [
            Property("text", "string"),
            Property("start", "double"),
            Property("end", "double"),
            Property("probability", "double"),
        ]
    )
    segment = Object(
        [
            Property("id", "long"),
            Property("start", "double"),
            Property("end", "double"),
            Property("text", "string"),
            Property("words", Array(word), required=False),
            *(Property(name, "double") for name in scores),
        ]
    )
    return ModelSignature(
        inputs=Schema([ColSpec("binary", "audio")]),
        outputs=Schema(
            [
                ColSpec("string", "text"),
                ColSpec("string", "language"),
                ColSpec("double", "duration"),
                ColSpec(Array(segment), "segments"),
            ]
        ),
        params=ParamSchema([*params, ParamSpec("on_error", "string", "raise")]),
    )
