"""The model that scores: what it reads, and the Arrow types of its answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo import settings
from zoo.errors import ZooError
from zoo.serving import devices


@dataclass(frozen=True)
class SavedModel:
    """A saved model.

    Args:
        directory: Where the model is.
        identity: The build's identifier.
        columns: MLflow's type, `string` or `binary`, of each column that the model reads.
        params: The names of the model's parameters.
        answers: The Arrow type of each field of the records; `error` comes last.
        free: The fields of any form, which are written as JSON.
        alone: Whether one engine uses all the cores that it gets, or the GPU.
    """

    directory: Path
    identity: str
    columns: dict[str, str]
    params: tuple[str, ...]
    answers: dict[str, pa.DataType]
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
        {**{name: arrow_type(kind) for name, kind in fields.items()}, "error": pa.string()},
        frozenset(name for name, kind in fields.items() if _is_free(kind)),
        _is_alone(about.metadata or {}),
    )


def _is_alone(about: dict[str, Any]) -> bool:
    """Tell by a model's metadata whether a machine has room for one engine only."""
    wanted = settings.read(settings.DeviceSettings).device != "cpu"
    takes_gpu = bool(about.get("cuda")) and wanted and devices.is_there()
    return takes_gpu or not about.get("fork_safe", True)


def arrow_type(kind: Any) -> pa.DataType:
    """Give Arrow's type for MLflow's; a field of any form is JSON."""
    from mlflow.types.schema import Array, Map, Object

    if _is_free(kind):
        return pa.string()
    if isinstance(kind, Array):
        return pa.list_(arrow_type(kind.dtype))
    if isinstance(kind, Map):
        return pa.map_(pa.string(), arrow_type(kind.value_type))
    if isinstance(kind, Object):
        return pa.struct([(one.name, arrow_type(one.dtype)) for one in kind.properties])
    return pa.from_numpy_dtype(kind.to_numpy())


def _is_free(kind: Any) -> bool:
    from mlflow.types.schema import AnyType

    return isinstance(kind, AnyType)
