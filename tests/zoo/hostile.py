"""Requests that mean harm, and how each one must be refused."""

import io
import json
from typing import Any

import pandas as pd

JSON = "application/json"
PARQUET = "application/vnd.apache.parquet"
GOOD = json.dumps({"dataframe_split": {"columns": ["text"], "data": [["我爱中国"]]}}).encode()


def split(data: Any, columns: Any = ("text",), **rest: Any) -> bytes:
    return json.dumps({"dataframe_split": {"columns": columns, "data": data}, **rest}).encode()


def parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()


FORM = "'dataframe_split', 'dataframe_records', 'instances', 'inputs'"
DEEP = b'{"dataframe_split": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
HOSTILE: dict[str, tuple[Any, str | None, int, str]] = {
    # name: body, Content-Type, status, what the sentence names
    "no content type": (GOOD, None, 415, "Content-Type is missing"),
    "text": (GOOD, "text/plain", 415, "Content-Type must be"),
    "form": (b"a=b", "application/x-www-form-urlencoded", 415, "Content-Type must be"),
    "multipart": (b"--x", "multipart/form-data; boundary=x", 415, "Content-Type must be"),
    "XML": (b"<a/>", "application/xml", 415, "Content-Type must be"),
    "no type at all": (GOOD, ";;;", 415, "Content-Type must be"),
    "other charset": (GOOD, "application/json; charset=gbk", 415, "charset"),
    "other parameter": (GOOD, "application/json; profile=x", 415, "charset"),
    "audio": (b"RIFF", "audio/wav", 415, "Content-Type"),
    "image": (b"\xff\xd8", "image/jpeg", 415, "Content-Type"),
    "empty": (b"", JSON, 400, "not valid JSON"),
    "blank": (b"  \n", JSON, 400, "not valid JSON"),
    "truncated": (GOOD[:-5], JSON, 400, "not valid JSON .line 1, column"),
    "truncated string": (GOOD[:50], JSON, 400, "not valid JSON"),
    "trailing": (GOOD + b"SECRET", JSON, 400, "not valid JSON"),
    "single quotes": (b"{'a': 1}", JSON, 400, "not valid JSON"),
    "invalid UTF-8": (b'{"a": "\xff"}', JSON, 400, "not valid UTF-8"),
    "UTF-16 without a mark": ('{"a": 1'.encode("utf-16-le"), JSON, 400, "JSON"),
    "null bytes": (b"\0" * 100, JSON, 400, "not valid"),
    "deep": (DEEP, JSON, 400, "nested"),
    "null": (b"null", JSON, 400, FORM),
    "true": (b"true", JSON, 400, FORM),
    "a number": (b"5", JSON, 400, FORM),
    "NaN": (b"NaN", JSON, 400, FORM),
    "a string": (b'"SECRET"', JSON, 400, FORM),
    "a list": (b"[1, 2]", JSON, 400, FORM),
    "an object": (b"{}", JSON, 400, FORM),
    "other keys": (b'{"SECRET": 1}', JSON, 400, FORM),
    "two forms": (split([["a"]], inputs=["a"]), JSON, 400, FORM),
    "split is null": (b'{"dataframe_split": null}', JSON, 400, "'dataframe_split'"),
    "split is a number": (b'{"dataframe_split": 5}', JSON, 400, "'dataframe_split'"),
    "split is a list": (b'{"dataframe_split": [["SECRET"]]}', JSON, 400, "'dataframe_split'"),
    "split has no data": (
        b'{"dataframe_split": {"columns": ["text"]}}',
        JSON,
        400,
        "'dataframe_split'",
    ),
    "records is an object": (b'{"dataframe_records": {"text": "SECRET"}}', JSON, 400, "."),
    "records of numbers": (b'{"dataframe_records": [1, 2]}', JSON, 400, "."),
    "wrong orient": (b'{"dataframe_split": [{"text": "SECRET"}]}', JSON, 400, "'dataframe_split'"),
    "inputs is null": (b'{"inputs": null}', JSON, 400, "'inputs'"),
    "inputs is a number": (b'{"inputs": 5}', JSON, 400, "'inputs'"),
    "inputs is a text": (b'{"inputs": "SECRET"}', JSON, 400, "'inputs'"),
    "instances is a text": (b'{"instances": "SECRET"}', JSON, 400, "'instances'"),
    "lists in inputs": (b'{"inputs": [["SECRET"]]}', JSON, 400, "Row 0, column 'text'"),
    "inputs by column, a null": (
        b'{"inputs": {"text": [null]}}',
        JSON,
        400,
        "Row 0, column 'text'",
    ),
    "inputs of other lengths": (
        b'{"inputs": {"text": ["a"], "id": [1, 2]}}',
        JSON,
        400,
        "'inputs'",
    ),
    "null in instances": (b'{"instances": ["a", null]}', JSON, 400, "Row 1, column 'text'"),
    "true in instances": (b'{"instances": [true]}', JSON, 400, "Row 0, column 'text'"),
    "number in instances": (b'{"instances": ["a", 123]}', JSON, 400, "Row 1, column 'text'"),
    "object in instances": (b'{"instances": [{"SECRET": 1}]}', JSON, 400, "Column 'text'"),
    "lone surrogate in instances": (
        b'{"instances": ["\\ud800"]}',
        JSON,
        400,
        "Row 0, column 'text'",
    ),
    "null in inputs": (b'{"inputs": [null]}', JSON, 400, "Row 0, column 'text'"),
    "an index of other rows": (
        b'{"dataframe_split": {"columns": ["text"], "index": [1, 2], "data": [["a"]]}}',
        JSON,
        400,
        "'index'",
    ),
    "too many digits": (b'{"inputs": [' + b"1" * 5000 + b"]}", JSON, 400, "digits"),
    "missing column": (split([["SECRET"]], ["txt"]), JSON, 400, "Column 'text' is missing"),
    "no columns": (split([[]], []), JSON, 400, "'text'"),
    "more values": (split([["a", "SECRET"]]), JSON, 400, "'dataframe_split' .* row 0"),
    "fewer values": (split([["a"]], ["text", "other"]), JSON, 400, "'dataframe_split'"),
    "duplicate columns": (split([["a", "b"]], ["text", "text"]), JSON, 400, "'text'"),
    "columns are numbers": (split([["a"]], [1]), JSON, 400, "Column 'text' is missing"),
    "null in a row": (split([["a"], [None]]), JSON, 400, "Row 1, column 'text': is null"),
    "number in a row": (split([["a"], [5]]), JSON, 400, "Row 1, column 'text': is of type int"),
    "huge number": (split([[10**400]]), JSON, 400, "Row 0, column 'text'"),
    "list in a row": (split([[["SECRET"]]]), JSON, 400, "Row 0, column 'text': is of type list"),
    "object in a row": (split([[{"a": "SECRET"}]]), JSON, 400, "Row 0, column 'text': is of type"),
    "lone surrogate": (split([["SECRET\ud800"]]), JSON, 400, "."),
    "too many characters": (split([["a" * 1_000_001]]), JSON, 400, "has 1,000,001 characters"),
    "too many rows": (split([["a"]] * 1001), JSON, 413, "has 1,001 rows; at most 1,000"),
    "too large": (split([["a" * 5_000_000]]), JSON, 413, "larger than 5,000,000 bytes"),
    "too large, in chunks": (
        iter([b"a" * 1_000_000] * 6),
        JSON,
        413,
        "larger than 5,000,000 bytes",
    ),
    "params is a list": (split([["a"]], params=[1]), JSON, 400, "'params' is not"),
    "params is a string": (split([["a"]], params="SECRET"), JSON, 400, "'params' is not"),
    "unknown parameter": (
        split([["a"]], params={"x": 1}),
        JSON,
        400,
        "'x': not found; available: ",
    ),
    "parameter of a wrong type": (
        split([["a"]], params={"dictionary": {"SECRET": 1}}),
        JSON,
        400,
        "'dictionary': is not a string",
    ),
    "list for a scalar": (
        split([["a"]], params={"on_error": ["raise"]}),
        JSON,
        400,
        "not a string",
    ),
    "scalar for a list": (
        split([["a"]], params={"tasks": "dep"}),
        JSON,
        400,
        "'tasks': is not a list",
    ),
    "unknown task": (
        split([["a"]], params={"tasks": ["SECRET"]}),
        JSON,
        400,
        "'tasks': ",
    ),
    "NaN for a parameter": (
        b'{"dataframe_split": {"columns": ["text"], "data": [["a"]]}, "params": {"on_error": NaN}}',
        JSON,
        400,
        "'on_error': is not a string",
    ),
    "CSV of too many cells": ("text\n北京,上海\n".encode(), "text/csv", 400, "CSV .* row 0"),
    "CSV with an open quote": (b'text\n"SECRET\n', "text/csv", 400, "CSV"),
    "CSV of nothing": (b"", "text/csv", 400, "CSV"),
    "CSV that is binary": (bytes(range(256)), "text/csv", 400, "UTF-8"),
    "CSV of other columns": (b"a,b\n1,SECRET\n", "text/csv", 400, "Column 'text' is missing"),
    "ragged CSV": (b"text\na\nb,c,SECRET\n", "text/csv", 400, "CSV .* row 1"),
    "Parquet of nothing": (b"", PARQUET, 400, "Parquet"),
    "Parquet that is none": (b"PAR1SECRET", PARQUET, 400, "Parquet"),
    "truncated Parquet": (
        parquet(pd.DataFrame({"text": ["a"] * 100}))[:-20],
        PARQUET,
        400,
        "Parquet",
    ),
    "Parquet of other columns": (
        parquet(pd.DataFrame({"SECRET": ["a"]})),
        PARQUET,
        400,
        "Column 'text' is missing",
    ),
}
