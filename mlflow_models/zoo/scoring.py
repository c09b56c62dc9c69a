"""MLflow's scoring, with clean errors: a request in its protocol in, its JSON answer out.

MLflow echoes the rows in some errors and the stack trace in others. Here what goes wrong becomes a
`ZooError` with one sentence; what was our fault is left to be raised.
"""

import json
import math
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server  # type: ignore[attr-defined]
from mlflow.types import ColSpec, DataType, ParamSpec, Schema

from zoo import metrics, runner
from zoo.errors import BadInput, BadParameter, TooLarge, UnsupportedMedia, ZooError

FORMS = "'dataframe_split', 'dataframe_records', 'instances' or 'inputs'"
MEDIA = ("audio", "image")
TYPES = tuple(scoring_server.CONTENT_TYPES)


class Scorer:
    """Answers requests with a model. One object serves any number of threads.

    Args:
        model: A loaded pyfunc.
        max_rows: How many rows a request may have.
    """

    def __init__(self, model: PyFuncModel, max_rows: int) -> None:
        self._model, self._max_rows = model, max_rows
        self._schema: Schema = model.metadata.get_input_schema()
        # Files come as base64. MLflow would decode them, but says not which row it can't decode.
        self._sent = Schema([_as_sent(column) for column in self._schema])
        params = model.metadata.get_params_schema()
        self._params: dict[str, ParamSpec] = {spec.name: spec for spec in params or ()}

    def __call__(self, body: bytes, content_type: str, query: dict[str, str]) -> str:
        """Answers one request.

        Args:
            body: In any form of MLflow's protocol, or a raw audio file or image, which is one row.
            content_type: The body's.
            query: Parameters of a raw file.

        Returns:
            The answer, JSON.

        Raises:
            ZooError: The request can't be answered; any other exception is a fault of ours.
        """
        mime, separator, parameters = content_type.partition(";")
        mime, parameters = mime.strip().lower(), separator + parameters
        if mime.partition("/")[0] in MEDIA:
            return self._file(body, mime, query)
        if mime not in TYPES:
            raise UnsupportedMedia(
                f"Content-Type must be {', '.join(TYPES)}, or a file's own audio/* or image/*."
            )
        call = _Call(self)
        try:
            answer = scoring_server.invocations(body, mime + parameters, call, self._sent)
        except Exception as error:
            if call.failure is not None:
                raise call.failure from None
            raise _refusal(error, mime) from None
        if answer.status != 200:
            raise UnsupportedMedia("The only charset is UTF-8, and the only parameter of the type.")
        return str(answer.response)

    def _file(self, body: bytes, mime: str, query: dict[str, str]) -> str:
        column = next((one.name for one in self._schema if one.type == DataType.binary), None)
        if column is None:
            raise UnsupportedMedia(f"This model takes no {mime.partition('/')[0]} files.")
        params = {name: self._cast(name, value) for name, value in query.items()}
        answer = self.predict(pd.DataFrame({column: [body]}), params)
        return json.dumps({"predictions": answer}, ensure_ascii=False)

    def _cast(self, name: str, value: str) -> Any:
        """A parameter of a query, in the type that the model's signature has for it."""
        spec = self._params.get(name)
        if spec is None or spec.dtype == DataType.string:
            return value.split(",") if spec is not None and spec.shape else value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise BadParameter(name, f"is no {spec.dtype.name}") from None

    def predict(self, table: pd.DataFrame, params: dict[str, Any] | None) -> Any:
        """The model's answer to rows that were decoded, after checks that MLflow lacks."""
        if len(table) > self._max_rows:
            raise TooLarge(f"The request has {len(table):,} rows; at most {self._max_rows:,}.")
        for column in self._schema.required_input_names():
            if column not in table:
                raise BadInput(f"Column '{column}' is missing.")
        if not table.columns.is_unique:
            raise BadInput("A column's name occurs twice.")
        for name, value in (params or {}).items():
            self._check(name, value)
        runner.stop_if_cancelled()
        metrics.rows.observe(len(table))
        try:
            return self._model.predict(table, params=params)
        except MlflowException as error:
            if isinstance(error.__cause__, ZooError):
                raise error.__cause__ from None
            if "enforce schema" in error.message:
                raise BadInput(f"The columns don't fit the model's: {self._schema}.") from None
            raise

    def _check(self, name: str, value: Any) -> None:
        spec = self._params.get(name)
        if spec is None:
            known = ", ".join(self._params) or "no parameters"
            raise BadParameter(name[:40], f"is unknown; this model has {known}")
        try:
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError
            ParamSpec.validate_param_spec(value, spec)
        except Exception:
            kind = f"a list of {spec.dtype.name}s" if spec.shape else f"a {spec.dtype.name}"
            raise BadParameter(name, f"is not {kind}") from None


def _as_sent(column: ColSpec) -> ColSpec:
    """A column as a request has it: a file is text."""
    type_ = DataType.string if column.type == DataType.binary else column.type
    return ColSpec(type_, column.name, required=column.required)


class _Call:
    """Stands for the model in MLflow's scoring of one request, and keeps what went wrong in it."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.metadata = scorer._model.metadata
        self.failure: Exception | None = None

    def predict(self, data: Any, params: dict[str, Any] | None = None) -> Any:
        try:
            if not isinstance(data, pd.DataFrame):
                data = pd.DataFrame(data)
            if params is not None and not isinstance(params, dict):
                raise BadInput("'params' is not a JSON object.")
            return self._scorer.predict(data, params)
        except Exception as error:
            self.failure = error
            raise


def _refusal(error: Exception, mime: str) -> ZooError:
    """Why a body couldn't be read; whatever MLflow raised, before the model was asked."""
    cause = error.__cause__ or error.__context__
    if isinstance(cause, json.JSONDecodeError):
        return BadInput(f"The body is not valid JSON (line {cause.lineno}, column {cause.colno}).")
    if isinstance(cause, UnicodeDecodeError):
        return BadInput(f"The body is not valid UTF-8 (byte {cause.start}).")
    if isinstance(error, RecursionError):
        return BadInput("The body is nested too deeply.")
    if mime == "application/json":
        return BadInput(f"The body is not a JSON object with exactly one of {FORMS}, well formed.")
    return BadInput(f"The body can't be read as {mime}.")
