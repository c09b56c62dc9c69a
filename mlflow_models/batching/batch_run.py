"""One run: scores the rows of a source, part by part, into an output."""

import functools
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_type
from pyspark.sql.types import StructField, StructType
from tqdm import tqdm

from batching import session
from batching.executor import BatchJob, probe, score
from batching.files import Folder
from batching.model import SavedModel
from batching.output import Output
from batching.source import BatchSource, quoted
from zoo.errors import ZooError

LOOK_SECONDS = 0.5  # between two updates of the progress bar


class BatchRun:
    """A source and the model that scores it.

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
        self._spark, self._source, self._scorer, self._params = spark, source, scorer, params
        self._fields = {prefix + field: field for field in scorer.answers}
        self._error = f"{prefix}error"
        kept = {name.lower() for name in source.kept}  # Spark's names have no case
        if taken := [name for name in self._fields if name.lower() in kept]:
            raise ZooError(
                f"The input has a column '{taken[0]}', and so has the answer; --prefix PREFIX "
                "renames the answer's."
            )

    def prepare(self, work: Path) -> None:
        """Send code and model to the executors, and let the model check the parameters.

        Args:
            work: A directory for what is sent; it must exist until the run is done.

        Raises:
            ZooError: The model refuses the parameters.
        """
        session.ship_code(self._spark, work)
        place, shipped = session.ship_model(self._spark, self._scorer.directory, work)
        answers = self._scorer.answers
        reads = self._source.reading.columns
        self._job = BatchJob(
            model=place,
            shipped=shipped,
            reads=reads,
            texts=isinstance(self._source, Folder)
            and all(self._scorer.columns[name] == "string" for name in reads),
            malformed=self._source.malformed,
            keep=self._source.kept,
            params=self._params,
            answers={
                name: (field, to_arrow_type(answers[field])) for name, field in self._fields.items()
            },
            free=self._scorer.free,
        )
        one = self._spark.range(1).coalesce(1)
        (row,) = one.mapInArrow(functools.partial(probe, job=self._job), "refusal STRING").collect()
        if row["refusal"]:
            raise ZooError(row["refusal"].splitlines()[0])

    def write(self, output: Output) -> None:
        """Score and write the parts that are left, and show the progress."""
        done = output.done()
        rows = self._source.rows(sorted(done))
        answers = [
            StructField(name, self._scorer.answers[field]) for name, field in self._fields.items()
        ]
        schema = StructType([*(rows.schema[name] for name in self._source.kept), *answers])
        scored = self._spark.sparkContext.accumulator(0)
        task = functools.partial(score, job=self._job, scored=scored, names=tuple(rows.columns))
        # PySpark's mapInArrow takes a name with a dot for a field of a column.
        plain = rows.toDF(*(f"column{number}" for number in range(len(rows.columns))))
        sizes = self._source.sizes()
        start, total = sum(sizes[part] for part in done), self._source.total
        with (
            tqdm(total=total, initial=min(start, total), unit="row", unit_scale=True) as bar,
            ThreadPoolExecutor(1) as pool,
        ):
            if len(done) < self._source.parts:
                running = pool.submit(output.write, self._final(plain.mapInArrow(task, schema)))
                try:
                    while wait([running], timeout=LOOK_SECONDS).not_done:
                        bar.update(max(0, min(start + scored.value, total) - bar.n))
                except BaseException:  # Ctrl-C: leaving the pool would wait for all the rest
                    self._spark.sparkContext.cancelAllJobs()
                    raise
                running.result()
                output.keep_one(done)
            bar.update(total - bar.n)
        rest = self._source.rest(output.rows())
        if rest is not None and not rest.isEmpty():
            output.write_rest(self._final(self._unanswered(rest, schema)))

    def check(self, output: Output) -> int:
        """Check that all rows are there, and count those with an error.

        Raises:
            ZooError: There are too few or too many rows.
        """
        found = output.rows().agg(F.count("*"), F.count(quoted(self._error))).first()
        count, errors = found or (0, 0)
        if count != self._source.total:
            raise ZooError(
                f"'{output.partial}' has {count:,} rows, and the input {self._source.total:,}: "
                "has the input changed? Delete the directory, and run again."
            )
        return int(errors)

    def _final(self, rows: DataFrame) -> DataFrame:
        """Select the output's columns; a field of any form was JSON, and becomes a variant."""
        columns = [quoted(name) for name in self._source.kept]
        for name, field in self._fields.items():
            free = field in self._scorer.free
            columns.append(F.parse_json(quoted(name)).alias(name) if free else quoted(name))
        return rows.select(*columns)

    def _unanswered(self, rest: DataFrame, schema: StructType) -> DataFrame:
        """Make rows that have only an error; the answer's other columns are null."""
        columns = [quoted(name) for name in self._source.kept]
        for name, field in self._fields.items():
            value = F.col("error") if field == "error" else F.lit(None).cast(schema[name].dataType)
            columns.append(value.alias(name))
        return rest.select(*columns)
