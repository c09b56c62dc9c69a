"""Reads a request's body into columns: MLflow's forms of JSON, CSV and Parquet.

MLflow's own readers guess types: a null in `instances` becomes the word "None", and a cell `NA` of
a CSV becomes null. Here a value stays as it was sent, so that a wrong value is refused with its
row. Otherwise the answers are the same as those of MLflow's server.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

from zoo.errors import BadInput, TooLarge, ZooError
from zoo.serving import runner

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
PARQUET_ROWS = 64  # unpacked at a time
Columns = dict[str, list[Any]]

csv.field_size_limit(2**31 - 1)  # a cell may be a file in base64; the body has its own limit


class TableReader:
    """Reads tables for one model.

    Args:
        columns: The names of the model's columns; other columns of a request are left out.
        optional: The columns that a row may lack.
        max_rows: How many rows a request may have.
        max_bytes: How large a Parquet file's unpacked columns may be.
    """

    def __init__(
        self, columns: Sequence[str], optional: Sequence[str], max_rows: int, max_bytes: int
    ) -> None:
        self._columns, self._optional = columns, set(optional)
        self._max_rows, self._max_bytes = max_rows, max_bytes

    def __call__(self, body: bytes, kind: str) -> tuple[Columns, Any]:
        """Read a body.

        Args:
            body: The body.
            kind: `JSON`, `CSV` or `PARQUET`.

        Returns:
            The columns, whose values are as they were sent, and the request's `params`, any JSON
            value.

        Raises:
            BadInput: The body has none of MLflow's forms. The message names the place, never the
                content.
        """
        params = None
        if kind == JSON:
            columns, params = self._json(body)
        elif kind == CSV:
            columns = self._csv(body)
        else:
            columns = self._parquet(body)
        self.check(columns)
        return columns, params

    def check(self, columns: Columns) -> None:
        """Check that columns are a table for this model.

        Raises:
            BadInput: There are too many rows, or a column is missing.
        """
        self._check_rows(rows(columns))
        for name in self._columns:
            if name not in columns and name not in self._optional:
                raise BadInput(f"Column '{name}' is missing.")

    def _check_rows(self, count: int) -> None:
        if count > self._max_rows:
            raise TooLarge(f"The request has {count:,} rows; at most {self._max_rows:,} are taken.")

    def _check_bytes(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLarge(f"The table is larger than {self._max_bytes:,} bytes, unpacked.")

    def _json(self, body: bytes) -> tuple[Columns, Any]:
        message = _parse(body)
        forms: dict[str, Callable[[Any], Columns]] = {
            "dataframe_split": self._split,
            "dataframe_records": self._records,
            "instances": self._values,
            "inputs": self._values,
        }
        given = [name for name in forms if isinstance(message, dict) and name in message]
        if len(given) != 1:
            names = ", ".join(f"'{name}'" for name in forms)
            raise BadInput(f"The body is not a JSON object with exactly one of {names}.")
        (name,) = given
        try:
            return forms[name](message[name]), message.get("params")
        except _Misshapen as error:
            raise BadInput(f"'{name}' {error}.") from None

    def _split(self, table: Any) -> Columns:
        if not isinstance(table, dict) or not isinstance(table.get("data"), list):
            raise _Misshapen("is not an object with 'columns' and 'data', both lists")
        if unknown := set(table) - {"columns", "data", "index"}:
            raise _Misshapen(f"has {len(unknown)} keys beside 'columns', 'data' and 'index'")
        names = table.get("columns")
        if not isinstance(names, list):
            raise _Misshapen("has no list of 'columns'")
        index = table.get("index")
        if index is not None and not (isinstance(index, list) and len(index) == len(table["data"])):
            raise _Misshapen("has an 'index' without exactly one entry per row")
        return self._table(names, table["data"])

    def _table(self, names: Sequence[Any], rows: Sequence[Any]) -> Columns:
        """Turn a header and rows into columns."""
        for name in self._columns:
            if names.count(name) > 1:
                raise _Misshapen(f"has column '{name}' twice")
        places = {name: names.index(name) for name in self._columns if name in names}
        found: Columns = {name: [] for name in places}
        for number, row in enumerate(rows):
            if isinstance(row, dict):  # as in pandas; a single column may have lone values
                row = [row.get(name) for name in names if isinstance(name, str)]
            cells = row if isinstance(row, list) else [row]
            if len(cells) != len(names):
                raise _Misshapen(f"has {len(cells)} values in row {number}; expected: {len(names)}")
            for name, place in places.items():
                found[name].append(cells[place])
        return found

    def _records(self, records: Any) -> Columns:
        if not isinstance(records, list):
            raise _Misshapen("is not a list of objects")
        for number, record in enumerate(records):
            if not isinstance(record, dict):
                raise _Misshapen(f"has no object in row {number}")
        given = [name for name in self._columns if any(name in record for record in records)]
        return {name: [record.get(name) for record in records] for name in given}

    def _values(self, values: Any) -> Columns:
        """Read TensorFlow Serving's forms: a list of values or of records, or lists by column."""
        if isinstance(values, dict):
            lists = {
                name: value if isinstance(value, list) else [value]
                for name, value in values.items()
            }
            if len({len(one) for one in lists.values()}) > 1:
                raise _Misshapen("has columns of different lengths")
            return {name: lists[name] for name in self._columns if name in lists}
        if not isinstance(values, list):
            raise _Misshapen("is not a list of values, or an object of lists by column")
        if values and isinstance(values[0], dict):
            return self._records(values)
        if len(self._columns) > 1:
            names = ", ".join(f"'{name}'" for name in self._columns)
            raise _Misshapen(f"names no column; available: {names}")
        return {self._columns[0]: values}

    def _csv(self, body: bytes) -> Columns:
        text = io.StringIO(_decode(body), newline="")
        reader = csv.reader(text, strict=True)
        try:
            names, *rows = ([*row] for row in reader)
            # A blank line is a row with an empty text if there is one column; else it is skipped.
            rows = [row or [""] for row in rows if row or len(names) == 1]
            columns = self._table(names, rows)
        except csv.Error:
            raise BadInput(f"The body is not valid CSV (line {reader.line_num}).") from None
        except ValueError:
            raise BadInput("The body is CSV without a header.") from None
        except _Misshapen as error:
            raise BadInput(f"The CSV {error}.") from None
        for name in self._optional & set(columns):
            columns[name] = [cell or None for cell in columns[name]]
        return columns

    def _parquet(self, body: bytes) -> Columns:
        import pyarrow.parquet

        try:
            file = pyarrow.parquet.ParquetFile(io.BytesIO(body))
            self._check_rows(file.metadata.num_rows)
            names = [name for name in self._columns if name in file.schema_arrow.names]
            groups = [file.metadata.row_group(one) for one in range(file.metadata.num_row_groups)]
            self._check_bytes(sum(group.total_byte_size for group in groups))
            found: Columns = {name: [] for name in names}
            size = 0
            for batch in file.iter_batches(PARQUET_ROWS, columns=names):
                runner.stop_if_cancelled()
                size += batch.nbytes  # the file may have a value once for many rows
                self._check_bytes(size)
                for name in names:
                    found[name] += batch.column(name).to_pylist()
            return found
        except ZooError:
            raise
        except Exception:  # pyarrow raises many classes for a bad file
            raise BadInput("The body is not valid Parquet.") from None


def rows(columns: Columns) -> int:
    """Count the rows of columns."""
    return max(map(len, columns.values()), default=0)


class _Misshapen(Exception):
    """What is wrong with a form; the message continues a sentence after its name."""


def _parse(body: bytes) -> Any:
    try:
        return json.loads(_decode(body))
    except json.JSONDecodeError as error:
        raise BadInput(
            f"The body is not valid JSON (line {error.lineno}, column {error.colno})."
        ) from None
    except RecursionError:
        raise BadInput("The body is nested too deeply.") from None
    except ValueError:
        raise BadInput("The body has a number of too many digits.") from None


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"The body is not valid UTF-8 (byte {error.start}).") from None
