"""The model that scores: what it reads, and the Spark types of its answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import settings
from zoo.errors import ZooError
from zoo.serving import devices

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
        alone: Whether one engine uses all the cores that it gets, or the GPU.
    """

    directory: Path
    identity: str
    columns: dict[str, str]
    params: tuple[str, ...]
    answers: "dict[str, DataType]"
    free: frozenset[str]
    alone: bool


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
        _is_alone(about.metadata or {}),
    )


def _is_alone(about: dict[str, Any]) -> bool:
    """Tell by a model's metadata whether a machine has room for one engine only."""
    wanted = settings.read(settings.DeviceSettings).device != "cpu"
    takes_gpu = bool(about.get("cuda")) and wanted and devices.is_there()
    return takes_gpu or not about.get("fork_safe", True)


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
