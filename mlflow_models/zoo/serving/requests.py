"""Scores one request: from a body in MLflow's protocol, or a file, to the JSON of its answer.

A bad request raises a `ZooError` with one sentence, which never repeats what was sent. A fault of
ours raises any other exception.
"""

import json
import math
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from mlflow.pyfunc import PyFuncModel  # type: ignore[attr-defined]
from mlflow.types import DataType, ParamSpec

from zoo.errors import BadInput, BadParameter, UnsupportedMedia
from zoo.serving import bodies, devices, inference_protocol, metrics, runner, tables
from zoo.serving.model import ZooModel
from zoo.serving.rows import LONE_SURROGATE
from zoo.settings import Settings

TYPES = (tables.CSV, tables.JSON, tables.PARQUET)
# The type doesn't tell what a file is: browsers send recordings as video/webm, curl octet-stream.
FILES = ("audio/", "image/", "video/", "application/ogg", "application/octet-stream")


class RequestScorer:
    """Answers requests with a model. One object serves any number of threads.

    Args:
        model: A loaded pyfunc.
        settings: How many rows a request may have, and how large an unpacked body may be.
    """

    def __init__(self, model: PyFuncModel, settings: Settings) -> None:
        self._model: ZooModel = model.unwrap_python_model()
        self._settings = settings
        about = model.metadata.metadata or {}
        self.name, self.version = str(about.get("name", "")), str(model.metadata.model_uuid)
        told = {**about, "device": devices.used().describe()}
        self.metadata = inference_protocol.metadata(self.name, self.version, told)
        self._schema = model.metadata.get_input_schema()
        optional = [column.name for column in self._schema if not column.required]
        self._read = tables.TableReader(
            self._schema.input_names(), optional, settings.max_rows, settings.max_body_bytes
        )
        params = model.metadata.get_params_schema()
        self._params: dict[str, ParamSpec] = {spec.name: spec for spec in params or ()}

    def __call__(
        self, body: bytes | Path, content_type: str, query: Sequence[tuple[str, str]], gzipped: bool
    ) -> bytes:
        """Answer one request.

        Args:
            body: The body in any form of MLflow's protocol; or a file, which is one row. Or the
                path of a file that has the body.
            content_type: The body's type.
            query: Parameters beside those of a JSON body.
            gzipped: Whether the body is compressed by gzip.

        Returns:
            The answer, JSON in UTF-8.

        Raises:
            ZooError: The request can't be answered; any other exception is a fault of ours.
        """
        columns, params = self._request(body, content_type, query, gzipped)
        return _packed({"predictions": self._answer(columns, params)})

    def stream(
        self, body: bytes | Path, content_type: str, query: Sequence[tuple[str, str]], gzipped: bool
    ) -> Generator[tuple[str, Any], None, None]:
        """Answer one request of one row in parts.

        Args:
            body: As for `__call__`.
            content_type: Likewise.
            query: Likewise.
            gzipped: Likewise.

        Yields:
            Each event's name and data.

        Raises:
            ZooError: As `__call__` does.
        """
        columns, params = self._request(body, content_type, query, gzipped)
        if (count := tables.rows(columns)) != 1:
            raise BadInput(f"An answer in parts is of one row; the request has {count} rows.")
        yield from self._model.answer_stream(columns, self._counted(columns, params))

    def _request(
        self, body: bytes | Path, content_type: str, query: Sequence[tuple[str, str]], gzipped: bool
    ) -> tuple[tables.Columns, dict[str, Any]]:
        """Read a request's columns and parameters."""
        kind = self._kind(content_type)
        if gzipped:
            body = bodies.unpacked(body, self._settings, kind not in TYPES)
        if kind in TYPES:
            columns, given = self._read(_content(body), kind)
        else:
            columns, given = {kind: [body]}, None
        if given is not None and not isinstance(given, dict):
            raise BadInput("'params' is not a JSON object.")
        params = {**(given or {}), **self._from_query(query, given or {})}
        return columns, params

    def infer(self, body: bytes | Path, json_bytes: int | None, gzipped: bool) -> bytes:
        """Answer one request of the Open Inference Protocol.

        Args:
            body: JSON, followed by the tensors' binary data.
            json_bytes: How many bytes of the body are JSON. None: all.
            gzipped: Whether the body is compressed by gzip.

        Raises:
            ZooError: The request can't be answered; any other exception is a fault of ours.
        """
        if gzipped:
            body = bodies.unpacked(body, self._settings)
        request = inference_protocol.read(_content(body), json_bytes)
        texts = {column.name for column in self._schema if column.type == DataType.string}
        columns = {
            name: [_text(one) for one in values] if name in texts else values
            for name, values in request.columns.items()
        }
        self._read.check(columns)
        records = self._answer(columns, request.params)
        return _packed(inference_protocol.write(records, self.metadata, request))

    def is_file(self, content_type: str) -> bool:
        """Tell whether a body of this type is a file, which is one row.

        Raises:
            UnsupportedMedia: The model doesn't take such a body.
        """
        return self._kind(content_type) not in TYPES

    @property
    def takes_files(self) -> bool:
        """Whether a file may be the body."""
        return any(one.type == DataType.binary for one in self._schema)

    def _kind(self, content_type: str) -> str:
        """Find the form of a table, or the column that a file belongs to."""
        mime, *rest = (part.strip().lower() for part in content_type.split(";"))
        if mime in TYPES:
            if any(part.replace('"', "") not in ("", "charset=utf-8") for part in rest):
                raise UnsupportedMedia("Content-Type's only parameter is charset=utf-8.")
            return mime
        column = next((one.name for one in self._schema if one.type == DataType.binary), None)
        if column is None:
            raise UnsupportedMedia(f"Content-Type must be one of {', '.join(TYPES)}.")
        if not mime.startswith(FILES):
            types = ", ".join((*TYPES, "audio/*", "image/*", "video/*", *FILES[3:]))
            raise UnsupportedMedia(f"Content-Type must be one of {types}.")
        return str(column)

    def _from_query(self, query: Sequence[tuple[str, str]], body: dict[str, Any]) -> dict[str, Any]:
        """Read the parameters of a query, in the types of the model's signature."""
        found: dict[str, Any] = {}
        for name, value in query:
            spec = self._spec(name)
            if name in body:
                raise BadParameter(name, "is both in the query and in the body")
            if name in found and not spec.shape:
                raise BadParameter(name, "occurs twice in the query")
            if spec.dtype == DataType.string:
                read: Any = value.split(",") if spec.shape else value
            else:
                try:
                    read = json.loads(value)
                except (ValueError, RecursionError):
                    raise BadParameter(name, f"is not {_type(spec)}") from None
                if spec.shape and not isinstance(read, list):
                    read = [read]
            found[name] = [*found[name], *read] if name in found else read
        return found

    def _answer(self, columns: tables.Columns, params: dict[str, Any]) -> list[dict[str, Any]]:
        return self._model.answer(columns, self._counted(columns, params))

    def _counted(self, columns: tables.Columns, params: dict[str, Any]) -> dict[str, Any]:
        """Check a request's parameters, and count its rows."""
        params = {name: self._checked(name, value) for name, value in params.items()}
        runner.stop_if_cancelled()
        metrics.rows.observe(tables.rows(columns))
        return params

    def _spec(self, name: str) -> ParamSpec:
        if name not in self._params:
            known = ", ".join(self._params) or "none"
            shown = name[:40].encode(errors="replace").decode()
            raise BadParameter(shown, f"not found; available: {known}")
        return self._params[name]

    def _checked(self, name: str, value: Any) -> Any:
        """Check a parameter's type; a number becomes a list where the parameter is one."""
        spec = self._spec(name)
        if spec.shape and isinstance(value, int | float):
            value = [value]
        values = value if isinstance(value, list) else [value]
        if any(isinstance(one, str) and LONE_SURROGATE.search(one) for one in values):
            raise BadParameter(name, "is not valid Unicode: it has half a surrogate pair")
        try:
            if any(isinstance(one, float) and not math.isfinite(one) for one in values):
                raise ValueError
            ParamSpec.validate_param_spec(value, spec)
        except Exception:
            raise BadParameter(name, f"is not {_type(spec)}") from None
        return value


def _packed(answer: dict[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _text(value: Any) -> Any:
    """Decode a text that came as bytes; leave other bytes, which the row's check refuses."""
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value


def _type(spec: ParamSpec) -> str:
    return f"a list of {spec.dtype.name}s" if spec.shape else f"a {spec.dtype.name}"


def _content(body: bytes | Path) -> bytes:
    return body.read_bytes() if isinstance(body, Path) else body
