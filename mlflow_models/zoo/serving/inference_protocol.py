"""The Open Inference Protocol (KServe's v2, REST): describes the model, reads and writes tensors.

Every tensor has the datatype BYTES and the shape (rows,). In JSON a text is a string, and a file is
base64; with the protocol's extension for binary data, a file's bytes follow the JSON. In an output
a text is a string ("" for null), and any other value is JSON.

Source: https://github.com/kserve/open-inference-protocol, specification/protocol/inference_rest.md,
and Triton's extension_binary_data.md.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from zoo.errors import BadInput

LENGTH_BYTES = 4  # of the length before each element of binary data, little-endian
CLIENT_PARAMETERS = ("binary_data_output",)  # clients send it; our answers are always JSON
Columns = dict[str, list[Any]]


class InferenceRequest(NamedTuple):
    """A request for inference.

    Attributes:
        columns: The values of each column.
        params: The parameters.
        outputs: The fields to answer. None: all.
        marker: The request's id; None if it has none.
    """

    columns: Columns
    params: dict[str, Any]
    outputs: tuple[str, ...] | None
    marker: str | None


def metadata(name: str, version: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a model in the protocol's form.

    Args:
        name: The model's name.
        version: The model's version.
        about: What the build wrote about the model, with its `declaration`; all of it but the name
            is given as `parameters`.
    """
    declaration = about.get("declaration", {})
    fields = declaration.get("record", {}).get("properties", {})
    return {
        "name": name,
        "versions": [version],
        "platform": "mlflow_pyfunc",
        "inputs": [_tensor(one["name"]) for one in declaration.get("columns", [])],
        "outputs": [
            *(_output(field, _is_text(kind)) for field, kind in fields.items()),
            _output("error", True),  # with `on_error` "report"
        ],
        "parameters": {key: value for key, value in about.items() if key != "name"},
    }


def read(body: bytes, json_bytes: int | None) -> InferenceRequest:
    """Read a request for inference.

    Args:
        body: The request's body.
        json_bytes: How many bytes of the body are JSON, if binary data follows. None: all.

    Raises:
        BadInput: The request isn't valid. The message names the tensor, never its content.
    """
    if json_bytes is not None and not 0 <= json_bytes <= len(body):
        raise BadInput("Inference-Header-Content-Length is larger than the body.")
    try:
        message = json.loads(body[:json_bytes])
    except (ValueError, RecursionError):
        raise BadInput("The body is not valid JSON.") from None
    inputs = message.get("inputs") if isinstance(message, dict) else None
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        raise BadInput("The body has no list 'inputs' of tensors.")
    rest = memoryview(body)[len(body) if json_bytes is None else json_bytes :]
    columns: Columns = {}
    for tensor in inputs:
        name = str(tensor.get("name"))[:40].encode(errors="replace").decode()
        if name in columns:
            raise BadInput(f"Tensor '{name}': it occurs twice.")
        columns[name], rest = _elements(name, tensor, rest)
    if len(rest):
        raise BadInput("The body has more binary data than its tensors say.")
    if len({len(values) for values in columns.values()}) > 1:
        raise BadInput("The tensors have different numbers of rows.")
    given = message.get("parameters") or {}
    if not isinstance(given, dict):
        raise BadInput("'parameters' is not a JSON object.")
    params = {key: value for key, value in given.items() if key not in CLIENT_PARAMETERS}
    marker = message.get("id")
    return InferenceRequest(
        columns, params, _wanted(message), marker if isinstance(marker, str) else None
    )


def _wanted(message: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Read the outputs that a request names; None: it names none, and gets all."""
    named = message.get("outputs") or []
    if not isinstance(named, list) or not all(isinstance(one, dict) for one in named):
        raise BadInput("'outputs' is not a list of tensors.")
    return tuple(str(one.get("name")) for one in named) or None


def write(
    records: Sequence[Mapping[str, Any]], about: Mapping[str, Any], request: InferenceRequest
) -> dict[str, Any]:
    """Write answers in the protocol's form: a tensor for each field of the records.

    Args:
        records: The answers.
        about: The model's `metadata`, which tells for each field whether it is a text or JSON.
        request: The request, which may name its outputs.

    Raises:
        BadInput: The request names an output that the model doesn't have.
    """
    kinds = {one["name"]: one["parameters"]["content_type"] for one in about["outputs"]}
    if not set(request.outputs or ()) <= set(kinds):
        raise BadInput(f"An output in 'outputs' is not found; available: {', '.join(kinds)}.")
    outputs = []
    for field in request.outputs or dict.fromkeys(field for record in records for field in record):
        values = [record.get(field) for record in records]
        is_text = kinds.get(field, "text") == "text" and all(
            value is None or isinstance(value, str) for value in values
        )
        data = [
            (value or "") if is_text else json.dumps(value, ensure_ascii=False) for value in values
        ]
        outputs.append({**_output(field, is_text, len(records)), "data": data})
    answer = {
        "model_name": about["name"],
        "model_version": about["versions"][0],
        "outputs": outputs,
    }
    return {**answer, **({} if request.marker is None else {"id": request.marker})}


def _output(name: str, is_text: bool, rows: int = -1) -> dict[str, Any]:
    """Describe an output's tensor, and tell whether its elements are texts or JSON."""
    kind = "text" if is_text else "json"
    return {**_tensor(name, rows), "parameters": {"content_type": kind}}


def _is_text(kind: Mapping[str, Any]) -> bool:
    """Tell whether a field's JSON schema is that of a text, or of a text or null."""
    kinds = [one.get("type") for one in kind.get("anyOf", [kind])]
    return "string" in kinds and set(kinds) <= {"string", "null"}


def _tensor(name: str, rows: int = -1) -> dict[str, Any]:
    return {"name": name, "datatype": "BYTES", "shape": [rows]}


def _elements(
    name: str, tensor: Mapping[str, Any], rest: memoryview
) -> tuple[list[Any], memoryview]:
    """Read a tensor's elements; return them, and the binary data that is left."""
    if tensor.get("datatype") != "BYTES":
        raise BadInput(f"Tensor '{name}': its datatype is not BYTES.")
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not shape or any(type(one) is not int for one in shape):
        raise BadInput(f"Tensor '{name}': its shape is not a list of whole numbers.")
    if any(one != 1 for one in shape[1:]):
        raise BadInput(f"Tensor '{name}': its shape is not [rows].")
    given = tensor.get("parameters")
    size = given.get("binary_data_size") if isinstance(given, dict) else None
    if size is None:
        values = tensor.get("data")
        if not isinstance(values, list):
            raise BadInput(f"Tensor '{name}': it has no list 'data'.")
        values = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in values]
    else:
        if type(size) is not int or not 0 <= size <= len(rest):
            raise BadInput(f"Tensor '{name}': its binary_data_size is not what the body has.")
        values, rest = _unpacked(name, rest[:size]), rest[size:]
    if len(values) != shape[0]:
        raise BadInput(
            f"Tensor '{name}': it has {len(values)} elements, and a shape of {shape[0]}."
        )
    return values, rest


def _unpacked(name: str, data: memoryview) -> list[bytes]:
    values = []
    while len(data):
        length = int.from_bytes(data[:LENGTH_BYTES], "little")
        if len(data) < LENGTH_BYTES + length:
            raise BadInput(f"Tensor '{name}': its binary data is cut short.")
        values.append(bytes(data[LENGTH_BYTES : LENGTH_BYTES + length]))
        data = data[LENGTH_BYTES + length :]
    return values
