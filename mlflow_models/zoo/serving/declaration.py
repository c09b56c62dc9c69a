"""What a capability says of itself, once: columns, parameters, record, task, languages.

From a `Declaration` come MLflow's signature, the checks of a request, the card's table, and the
server's description of itself. A parameter is a field of a pydantic model: a type, a default,
bounds and one sentence.
"""

import inspect
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from zoo.errors import BadParameter

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

Kind = Literal["text", "file", "url"]
LISTS = (list, tuple)
TYPES = {bool: "boolean", int: "long", float: "double", str: "string"}  # MLflow's names


class Options(BaseModel):
    """The parameters of a request. A capability adds its own; every field has a default."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    on_error: Literal["raise", "report"] = Field(
        "raise",
        description="`raise` refuses a request with a bad row; `report` answers the good rows, and "
        "gives each row an `error`.",
    )


Asked = TypeVar("Asked", bound=Options)


class Url(str):
    """A row's web address, told apart from its other texts."""


@dataclass(frozen=True)
class Column:
    """A column of a request.

    Attributes:
        name: The column's name.
        kind: `text`; `file`, which is bytes, or base64 in JSON; or `url`.
        description: One sentence.
        max_characters: The most characters of a text or a URL.
    """

    name: str
    kind: Kind
    description: str
    max_characters: int = 1_000_000

    @property
    def mlflow_type(self) -> str:
        """MLflow's name of the column's type."""
        return "binary" if self.kind == "file" else "string"


@dataclass(frozen=True)
class Declaration:
    """A capability.

    Attributes:
        name: The name of the folder and of the model.
        task: The Hugging Face hub's name of the task, such as `automatic-speech-recognition`.
        summary: What the capability does, in one sentence.
        languages: Codes, such as `zh`; empty if language plays no part.
        columns: The columns; a row has a value in exactly one of them.
        options: The parameters.
        record: The answer to one row. Fields with a default may be left out.
        fork_safe: Whether a loaded engine survives a fork.
    """

    name: str
    task: str
    summary: str
    languages: tuple[str, ...]
    columns: tuple[Column, ...]
    options: type[Options]
    record: type[BaseModel]
    fork_safe: bool = True

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the record's fields."""
        return tuple(self.record.model_fields)

    def signature(self, options: type[Options]) -> "ModelSignature":
        """Make MLflow's signature.

        Args:
            options: The parameters of an engine with its checkpoint.
        """
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

        alone = len(self.columns) == 1
        return ModelSignature(
            inputs=Schema([ColSpec(one.mlflow_type, one.name, alone) for one in self.columns]),
            outputs=Schema(
                [
                    ColSpec(_schema_type(field.annotation), name, _is_always_there(field))
                    for name, field in self.record.model_fields.items()
                ]
            ),
            params=ParamSchema(
                [
                    ParamSpec(one["name"], one["type"], one["default"], _shape(one))
                    for one in parameters(options)
                ]
            ),
        )

    def describe(
        self, options: type[Options], languages: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Describe the capability in JSON's types, for programs that ask the server.

        Args:
            options: The parameters of an engine with its checkpoint.
            languages: Codes of the checkpoint's languages. None: the declared languages.
        """
        return {
            "task": self.task,
            "summary": self.summary,
            "languages": list(self.languages if languages is None else languages),
            "columns": [
                {"name": one.name, "kind": one.kind, "description": one.description}
                for one in self.columns
            ],
            "parameters": parameters(options),
            "record": self.record.model_json_schema(),
        }


def tailored(options: type[Asked], **fields: Mapping[str, Any]) -> type[Asked]:
    """Fit parameters to a checkpoint.

    Args:
        options: The parameters that the capability declares.
        fields: For each changed parameter a new `default`, a bound such as `le`, or the allowed
            words, `choices`.
    """
    changed: dict[str, Any] = {}
    for name, given in fields.items():
        field, new = options.model_fields[name], dict(given)
        kind = field.annotation
        if choices := new.pop("choices", ()):
            word = Literal[tuple(choices)]  # type: ignore[valid-type]
            kind = tuple[word, ...] if get_origin(kind) in LISTS else word  # type: ignore
        default = new.pop("default", field.default)
        kept = [one for one in field.metadata if type(one).__name__.lower() not in new]
        bounds = Field(default, description=field.description, **new)
        changed[name] = (Annotated[kind, *kept] if kept else kind, bounds)
    return create_model(options.__name__, __base__=options, **changed)


def read(options: type[Asked], given: Mapping[str, Any], strict: bool = False) -> Asked:
    """Check a request's parameters.

    Args:
        options: The parameters.
        given: Values by name; a missing value gets its default.
        strict: Whether to refuse a number in a text, for example; MLflow has already checked types.

    Raises:
        BadParameter: A parameter is unknown, or has a wrong type or value.
    """
    values = {
        name: value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for name, value in given.items()
    }
    try:
        if strict:  # from JSON: there a list is a tuple too, and 1 a float
            return options.model_validate_json(json.dumps(values), strict=True)
        return options.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(options.model_fields)
            shown = name[:40].encode(errors="replace").decode()
            raise BadParameter(shown, f"not found; available: {known}") from None
        said = str(first.get("ctx", {}).get("error") or first["msg"])
        raise BadParameter(name, said.replace("Input should", "should").rstrip(".")) from None


def parameters(options: type[Options]) -> list[dict[str, Any]]:
    """Describe each parameter: `name`, `type`, `list`, `default`, bounds and `description`."""
    fields = dict(options.model_fields)
    fields["on_error"] = fields.pop("on_error")  # last, after the capability's own
    return [_describe(name, field) for name, field in fields.items()]


def table(options: type[Options]) -> str:
    """Write parameters as a Markdown table, for a model card."""
    lines = ["| parameter | default | values | meaning |", "| --- | --- | --- | --- |"]
    for one in parameters(options):
        default = json.dumps(one["default"], ensure_ascii=False)
        lines.append(f"| `{one['name']}` | `{default}` | {_values(one)} | {one['description']} |")
    return "\n".join(lines)


def _values(one: Mapping[str, Any]) -> str:
    """Write the values that a parameter may have."""
    least, most = one.get("minimum"), one.get("maximum")
    above = one.get("above")
    if choices := one.get("choices"):
        kind = ", ".join(f"`{word}`" for word in choices)
    elif least is not None or most is not None or above is not None:
        low = f"above {above:,}" if above is not None else f"{least:,}" if least is not None else ""
        kind = " to ".join(filter(None, [low, f"{most:,}" if most is not None else ""]))
    else:
        kind = {"boolean": "true, false", "long": "whole number", "double": "number"}.get(
            one["type"], "text"
        )
    return f"list: {kind}" if one["list"] else kind


def _describe(name: str, field: FieldInfo) -> dict[str, Any]:
    kind, several = field.annotation, False
    if get_origin(kind) in LISTS:
        kind, several = get_args(kind)[0], True
    bounds = list(field.metadata)
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        for one in more:
            bounds += one.metadata if isinstance(one, FieldInfo) else [one]
    found: dict[str, Any] = {"name": name}
    if get_origin(kind) is Literal:
        found["choices"], kind = list(get_args(kind)), str
    assert kind in TYPES, f"{name}: {kind}"
    for attribute, word in (("ge", "minimum"), ("gt", "above"), ("le", "maximum")):
        for one in bounds:
            if (bound := getattr(one, attribute, None)) is not None:
                found[word] = bound
    default = list(field.default) if several else field.default
    return {
        **found,
        "type": TYPES[kind],
        "list": several,
        "default": default,
        "description": field.description or "",
    }


def _shape(parameter: Mapping[str, Any]) -> tuple[int, ...] | None:
    return (-1,) if parameter["list"] else None


def _is_always_there(field: FieldInfo) -> bool:
    return field.is_required()


def _schema_type(kind: Any) -> Any:
    """Give MLflow's type for a field of a record."""
    from mlflow.types import DataType
    from mlflow.types.schema import AnyType, Array, Object, Property

    if get_origin(kind) in (Union, types.UnionType):
        (kind,) = (one for one in get_args(kind) if one is not type(None))
    if kind is Any:
        return AnyType()
    if get_origin(kind) is list:
        return Array(_schema_type(get_args(kind)[0]))
    if inspect.isclass(kind) and issubclass(kind, BaseModel):
        return Object(
            [
                Property(name, _schema_type(field.annotation), field.is_required())
                for name, field in kind.model_fields.items()
            ]
        )
    if get_origin(kind) is Literal:
        kind = type(get_args(kind)[0])
    return DataType[TYPES[kind]]
