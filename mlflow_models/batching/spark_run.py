"""A run on Spark."""

import functools
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_type
from pyspark.sql.types import StringType, StructField, StructType
from tqdm import tqdm

from batching import session
from batching.executor import probe, score
from batching.model import SavedModel
from batching.output import Output
from batching.run import BatchRun
from batching.source import BatchSource, escaped, quoted
from zoo.errors import ZooError

LOOK_SECONDS = 0.5  # between two updates of the progress bar


class SparkRun(BatchRun[BatchSource]):
    """A run on Spark.

    Args:
        spark: The session.
        source: What is scored.
        scorer: The model.
        prefix: Comes before the names of the answer's columns.
        params: The request's parameters.

    Raises:
        ZooError: Two columns of the output would have one name.
    """

    def __init__(
        self,
        spark: SparkSession,
        source: BatchSource,
        scorer: SavedModel,
        prefix: str,
        params: dict[str, Any],
    ) -> None:
        super().__init__(source, scorer, prefix, params)
        self._spark = spark

    def prepare(self, work: Path) -> None:
        self._spark.sparkContext.addPyFile(str(session.pack_code(work)))
        self._task = self._job(*session.ship_model(self._spark, self._scorer.directory, work))
        one = self._spark.range(1).coalesce(1)
        look = functools.partial(probe, job=self._task)
        (row,) = one.mapInArrow(look, "refusal STRING").collect()
        if row["refusal"]:
            raise ZooError(row["refusal"])

    def write(self, output: Output) -> None:
        done = output.done()
        rows = self._source.rows(sorted(done))
        schema = self._schema(rows)
        scored = self._spark.sparkContext.accumulator(0)
        names = tuple(rows.columns)
        task = functools.partial(score, job=self._task, scored=scored, names=names)
        # PySpark's mapInArrow takes a name with a dot for a field of a column.
        plain = rows.toDF(*(f"column{number}" for number in range(len(names))))
        sizes = self._source.sizes()
        start, total = sum(sizes[part] for part in done), self._source.total
        with (
            tqdm(total=total, initial=min(start, total), unit="row", unit_scale=True) as bar,
            ThreadPoolExecutor(1) as pool,
        ):
            if len(done) < self._source.parts:
                running = pool.submit(
                    plain.mapInArrow(task, schema).write.mode("append").parquet, output.partial
                )
                try:
                    while wait([running], timeout=LOOK_SECONDS).not_done:
                        bar.update(max(0, min(start + scored.value, total) - bar.n))
                except BaseException:  # Ctrl-C: leaving the pool would wait for all the rest
                    self._spark.sparkContext.cancelAllJobs()
                    raise
                running.result()
                output.keep_one(done)
            bar.update(total - bar.n)
        written = self._spark.read.schema(schema).parquet(escaped(output.partial))
        rest = self._source.rest(written)
        if rest is not None and not rest.isEmpty():
            self._write_rest(output, self._unanswered(rest, schema))

    def count(self, output: Output) -> tuple[int, int]:
        column = StructType([StructField(self._error, StringType())])  # told, it isn't looked for
        rows = self._spark.read.schema(column).parquet(escaped(output.partial))
        count, errors = rows.agg(F.count("*"), F.count(quoted(self._error))).first() or (0, 0)
        return int(count), int(errors)

    def _schema(self, rows: DataFrame) -> StructType:
        """Give the output's columns: partition N of it is part N."""
        answers = [
            StructField(name, from_arrow_type(self._scorer.answers[field]))
            for name, field in self._fields.items()
        ]
        return StructType([*(rows.schema[name] for name in self._source.kept), *answers])

    def _unanswered(self, rest: DataFrame, schema: StructType) -> DataFrame:
        """Make rows that have only an error; the answer's other columns are null."""
        columns = [quoted(name) for name in self._source.kept]
        for name, field in self._fields.items():
            value = F.col("error") if field == "error" else F.lit(None).cast(schema[name].dataType)
            columns.append(value.alias(name))
        return rest.select(*columns)

    def _write_rest(self, output: Output, rows: DataFrame) -> None:
        """Write rows that belong to no part, into one file."""
        place, files = f"{output.partial}/_rest", output.files
        rows.coalesce(1).write.mode("overwrite").parquet(place)
        for name in files.names(place):
            if name.endswith(".parquet"):
                files.rename(f"{place}/{name}", f"{output.partial}/rest-{name}")
        files.delete(place)
