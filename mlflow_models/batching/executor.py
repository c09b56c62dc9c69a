"""What every worker process does: rows in, typed answers out. Nothing here needs the zoo.

A worker process of Spark loads the model once, from its executor's directory, and keeps it for all
tasks. Processes without Spark (`worker`) have it from the one that forks them.

This uses `mapInArrow` with the pyfunc, not `mlflow.pyfunc.spark_udf`. With MLflow 3.17 the latter
turns a null into the text 'nan' in a string, and fails on a null array of structs or a field that
is left out; a bad row has all three. It also unpacks a copy of the weights for each worker. PySpark
4.3 doesn't support pandas 3, which its Arrow path doesn't need.
"""

import functools
import json
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa


@dataclass(frozen=True)
class BatchJob:
    """What every worker process does.

    Args:
        model: The saved model's directory; or the name of the archive, if it was shipped.
        shipped: Whether the model was shipped in an archive.
        reads: The input's column for each of the model's columns.
        texts: Whether the input's column has text files, as bytes.
        wrong: The input's column that says what is wrong with a row that can't be scored.
        keep: The input's columns that are kept.
        params: The request's parameters.
        answers: For each column of the output the record's field and its Arrow type.
        free: Fields of any form; they are written as JSON.
    """

    model: str
    shipped: bool
    reads: dict[str, str]
    texts: bool
    wrong: str | None
    keep: tuple[str, ...]
    params: dict[str, Any]
    answers: dict[str, tuple[str, pa.DataType]]
    free: frozenset[str]


def score(
    batches: Iterator[pa.RecordBatch], job: BatchJob, scored: Any, names: tuple[str, ...]
) -> Iterator[pa.RecordBatch]:
    """Answer the rows of a partition.

    Args:
        batches: The rows, in batches that Spark sizes by bytes.
        job: What to do with them.
        scored: An accumulator that counts rows.
        names: The columns' names in the input, in their order.
    """
    model = load(job)
    for batch in batches:
        if batch.num_rows:
            yield answered(model, batch.rename_columns(list(names)), job)
            scored.add(batch.num_rows)


def probe(batches: Iterator[pa.RecordBatch], job: BatchJob) -> Iterator[pa.RecordBatch]:
    """Load the model, and let it check the parameters; yield its refusal, or an empty text."""
    for _ in batches:
        pass
    try:
        said = refusal(load(job), job)
    except Exception as error:
        said = f"A worker can't load the model: {error}"
    yield pa.RecordBatch.from_pydict({"refusal": [said]})


def refusal(model: Any, job: BatchJob) -> str:
    """Let a model check the parameters; give its refusal, or an empty text."""
    table = pd.DataFrame({name: pd.Series([], dtype=object) for name in job.reads})
    try:
        model.predict(table, params=job.params)
    except Exception as error:
        return (str(error) or type(error).__name__).splitlines()[0]
    return ""


def load(job: BatchJob) -> Any:
    """Load the model, once in a process; its engine uses as many cores as a task has."""
    from pyspark import SparkFiles, TaskContext

    context = TaskContext.get()
    os.environ["THERESA_CORES"] = str(context.cpus() if context else 1)
    return load_once(SparkFiles.get(job.model) if job.shipped else job.model)


@functools.lru_cache(maxsize=1)
def load_once(directory: str) -> Any:
    """Load a saved model; the last one that this process has loaded is there already."""
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(directory)


def answered(model: Any, batch: pa.RecordBatch, job: BatchJob) -> pa.RecordBatch:
    """Answer the rows of a batch: the columns that are kept, and the answers."""
    return _joined(batch, _records(model, batch, job), job)


def _records(model: Any, batch: pa.RecordBatch, job: BatchJob) -> list[dict[str, Any]]:
    """Make a record for each row: the model's, or one that has only an `error`."""
    columns = {name: batch.column(own).to_pylist() for name, own in job.reads.items()}
    records: list[dict[str, Any] | None] = [None] * batch.num_rows
    if job.wrong:
        for row, wrong in enumerate(batch.column(job.wrong).to_pylist()):
            if wrong is not None:
                records[row] = {"error": wrong}
    if job.texts:
        ((name, values),) = columns.items()
        for row, content in enumerate(values):
            try:
                values[row] = content.decode("utf-8-sig") if records[row] is None else None
            except UnicodeDecodeError:
                records[row] = {"error": f"Column '{name}': the file isn't text in UTF-8."}
    rest = [row for row, record in enumerate(records) if record is None]
    if rest:
        table = pd.DataFrame(
            {
                name: pd.Series([values[row] for row in rest], dtype=object)
                for name, values in columns.items()
            }
        )
        for row, record in zip(rest, _predict(model, table, job.params), strict=True):
            records[row] = record
    return [record or {} for record in records]


def _predict(model: Any, table: pd.DataFrame, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask the model for records; if it fails, row by row, so that only the bad row is lost."""
    try:
        records: list[dict[str, Any]] = model.predict(table, params=params)
    except Exception as error:
        if len(table) == 1:
            traceback.print_exc(file=sys.stderr)
            return [{"error": f"The model failed on it ({type(error).__name__})."}]
        return [
            record
            for row in range(len(table))
            for record in _predict(model, table.iloc[[row]].reset_index(drop=True), params)
        ]
    return records


def _joined(batch: pa.RecordBatch, records: list[dict[str, Any]], job: BatchJob) -> pa.RecordBatch:
    """Join the columns that are kept with the answers."""
    columns = {name: batch.column(name) for name in job.keep}
    for name, (field, kind) in job.answers.items():
        values = [record.get(field) for record in records]
        if field in job.free:
            values = [None if one is None else json.dumps(one) for one in values]
        columns[name] = pa.array(values, kind)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
