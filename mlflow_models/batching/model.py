"""The model that scores: where it is, what it reads, and the Spark types of its answers."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import capabilities, tracking
from zoo.building.packaging import MODELS
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql.types import DataType


@dataclass(frozen=True)
class SavedModel:
    """A saved model.

    Args:
        directory: Where the model is.
        identity: The build's identifier.
        columns: MLflow's type, `string` or `binary`, of each column that the model reads.
        params: The names of the model's parameters.
        answers: The Spark type of each field of the records; `error` comes last.
        free: The fields of any form, which Spark has as variants.
        alone: Whether one engine uses all the cores that it gets.
    """

    directory: Path
    identity: str
    columns: dict[str, str]
    params: tuple[str, ...]
    answers: "dict[str, DataType]"
    free: frozenset[str]
    alone: bool


def find(model: str, tracking_uri: str, work: Path) -> Path:
    """Find the directory of a model.

    Args:
        model: A saved model's name, its directory, or an MLflow URI.
        tracking_uri: The registry of `models:/NAME@ALIAS`.
        work: The directory for downloads.

    Raises:
        ZooError: The model isn't found, or the registry doesn't answer.
    """
    if re.fullmatch(r"\w+", model) and not (Path(model) / "MLmodel").is_file():
        if (MODELS / model / "MLmodel").is_file():
            return MODELS / model
        builders = [folder.name for folder in capabilities.folders()]
        if model in builders:
            raise ZooError(
                f"{model} isn't built yet; `python mlflow_models/{model}/build.py` does it."
            )
        raise ZooError(
            f"Model '{model}' not found; available: {', '.join(builders)}, a directory, or an "
            "MLflow URI."
        )
    if (Path(model) / "MLmodel").is_file():
        return Path(model).resolve()
    if ":" not in model:
        raise ZooError(f"'{model}' is not a saved model: it has no file MLmodel.")
    import mlflow

    if model.startswith("models:"):
        tracking.reach(tracking_uri)
    try:
        mlflow.set_tracking_uri(tracking_uri)
        return Path(mlflow.artifacts.download_artifacts(model, dst_path=str(work)))
    except Exception as error:  # each store raises its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ZooError(f"The model '{model}' can't be loaded: {reason}") from error


def read(directory: Path) -> SavedModel:
    """Read what a saved model says of itself.

    Raises:
        ZooError: The model can't score batches, since it doesn't report what is wrong with a row.
    """
    from mlflow.models import Model

    about = Model.load(str(directory))
    signature = about.signature
    params = tuple(one.name for one in signature.params) if signature and signature.params else ()
    if signature is None or signature.outputs is None or "on_error" not in params:
        raise ZooError(
            f"The model in '{directory}' isn't a model of this zoo: its signature lacks the "
            "parameter 'on_error', or the types of its answers."
        )
    fields = {spec.name: spec.type for spec in signature.outputs}
    return SavedModel(
        directory,
        str(about.model_uuid),
        {spec.name: spec.type.name for spec in signature.inputs},
        params,
        {**{name: spark_type(kind) for name, kind in fields.items()}, "error": _string()},
        frozenset(name for name, kind in fields.items() if _is_free(kind)),
        not (about.metadata or {}).get("fork_safe", True),
    )


def spark_type(kind: Any) -> "DataType":
    """Give Spark's type for MLflow's; a field of any form is JSON at first.

    MLflow's own `Schema.as_spark_schema` (3.17) doesn't know arrays and objects.
    """
    from mlflow.types.schema import Array, Map, Object
    from pyspark.sql.types import ArrayType, MapType, StringType, StructField, StructType

    if _is_free(kind):
        return StringType()
    if isinstance(kind, Array):
        return ArrayType(spark_type(kind.dtype))
    if isinstance(kind, Map):
        return MapType(StringType(), spark_type(kind.value_type))
    if isinstance(kind, Object):
        fields = [StructField(one.name, spark_type(one.dtype)) for one in kind.properties]
        return StructType(fields)
    plain: DataType = kind.to_spark()
    return plain


def _is_free(kind: Any) -> bool:
    from mlflow.types.schema import AnyType

    return isinstance(kind, AnyType)


def _string() -> "DataType":
    from pyspark.sql.types import StringType

    return StringType()
