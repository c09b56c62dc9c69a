"""Reads JSON lines without Spark, into columns of the types that Spark gives them.

Spark looks at all rows first: numbers of both kinds are doubles, values of different kinds are
texts, the fields of an object are in the order of their names, and a field that never has a value
is a text. An array in a line is several rows. Other than in Spark, a line with more than an object
is malformed; Spark takes the first one.
"""

import functools
import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from zoo.data.texts import open_text

LONG = range(-(1 << 63), 1 << 63)
LONG_DIGITS = 20  # of the decimal type that holds any long
MAX_DIGITS = 38  # of a decimal type; larger numbers are doubles
Record = dict[str, Any]


def records(path: Path) -> Iterator[Record | None]:
    """Yield the rows of a file; None for a malformed one.

    Raises:
        ZooError: The file can't be read.
    """
    with open_text(path, newline="\n") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                yield None
                continue
            rows = value if isinstance(value, list) else [value]
            yield from rows if all(isinstance(one, dict) for one in rows) else [None]


def survey(rows: Iterable[Record | None]) -> tuple[int, dict[str, pa.DataType]]:
    """Count rows, and give the type of each column, in the order of the names."""
    count, found = 0, pa.struct([])
    for row in rows:
        count += 1
        found = _merged(found, _type(row or {}))
    final = _final(found)
    return count, {field.name: field.type for field in final} if final else {}


def fitted(value: Any, kind: pa.DataType) -> Any:
    """Make a value fit its column: what isn't a text in a column of texts becomes JSON."""
    if value is None:
        return None
    if pa.types.is_string(kind):
        return value if isinstance(value, str) else _json(value)
    if pa.types.is_list(kind):
        return [fitted(one, kind.value_type) for one in value]
    if pa.types.is_struct(kind):
        return {field.name: fitted(value.get(field.name), field.type) for field in kind}
    if pa.types.is_floating(kind):
        return float(value)
    return Decimal(value) if pa.types.is_decimal(kind) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _type(value: Any) -> pa.DataType:
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int):
        digits = len(str(abs(value)))
        wide = pa.decimal128(digits, 0) if digits <= MAX_DIGITS else pa.float64()
        return pa.int64() if value in LONG else wide
    if isinstance(value, float):
        return pa.float64()
    if isinstance(value, list):
        return pa.list_(functools.reduce(_merged, map(_type, value), pa.null()))
    if isinstance(value, dict):
        return pa.struct([(name, _type(value[name])) for name in sorted(value)])
    return pa.string()


def _merged(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Give the type that holds the values of both."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(_merged(one.value_type, other.value_type))
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        fields = {field.name: field.type for field in one}
        for field in other:
            fields[field.name] = _merged(fields.get(field.name, pa.null()), field.type)
        return pa.struct(sorted(fields.items()))
    if _is_number(one) and _is_number(other):
        if pa.types.is_floating(one) or pa.types.is_floating(other):
            return pa.float64()
        digits = [kind.precision for kind in (one, other) if pa.types.is_decimal(kind)]
        return pa.decimal128(max(LONG_DIGITS, *digits), 0)
    return pa.string()


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def _final(kind: pa.DataType) -> pa.DataType | None:
    """Give a type that a column can have; None for objects that never have a field."""
    if pa.types.is_null(kind):
        return pa.string()
    if pa.types.is_list(kind):
        inner = _final(kind.value_type)
        return pa.list_(inner) if inner else None
    if pa.types.is_struct(kind):
        fields = [(field.name, _final(field.type)) for field in kind]
        known = [(name, one) for name, one in fields if one]
        return pa.struct(known) if known else None
    return kind
