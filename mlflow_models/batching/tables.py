"""A table to score: Parquet, CSV or JSON lines, in parts of so many rows, in the input's order."""

import json
from typing import TYPE_CHECKING

from batching.output import pattern
from batching.source import (
    MALFORMED,
    WRONG,
    BatchSource,
    Reading,
    part_rows,
    plan,
    quoted,
)
from batching.texts import look_through, stored
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROW, PART = "__batch_row", "__batch_part"
SPLIT_BYTES = 32 << 20  # of a file that are read together
ROW_BITS = 33  # the low bits of Spark's row ids: the row's number within its partition


def read(spark: "SparkSession", path: str, kind: str) -> "DataFrame":
    """Read a table; a CSV or JSON may have malformed rows, and then has the column `WRONG`.

    Values of a CSV are texts, quoted as pandas and spreadsheets do; they may have line breaks.

    Raises:
        ZooError: A file of texts has a broken quotation mark, or isn't written as the others.
    """
    spark.conf.set("spark.sql.files.maxPartitionBytes", SPLIT_BYTES)
    reader = spark.read.option("columnNameOfCorruptRecord", WRONG)
    paths = pattern(spark, path)
    if kind == "parquet":
        return reader.parquet(paths)
    written = look_through(spark, path, kind)
    if written.encoding != "UTF-8":
        reader = reader.options(encoding=written.encoding)
    if kind == "json":
        return reader.options(lineSep="\n").json(paths)
    reader = reader.options(
        header=True, multiLine=True, quote='"', escape='"', sep=written.delimiter
    )
    names = ["`" + name.replace("`", "``") + "`" for name in (*written.header, WRONG)]
    return reader.schema(", ".join(f"{name} STRING" for name in names)).csv(paths)


class TableSource(BatchSource):
    """The rows of a table.

    They are shuffled once into parts: Spark can't split a CSV, or a Parquet file with one row
    group.

    Args:
        spark: The session.
        path: Where the table is.
        rows: The table.
        reading: Which of its columns the model reads.
        size: Rows of a part. None: `part_rows`.
        slots: How many parts are scored at once.
    """

    def __init__(
        self,
        spark: "SparkSession",
        path: str,
        rows: "DataFrame",
        reading: Reading,
        size: int | None,
        slots: int,
    ) -> None:
        from pyspark.sql import functions as F

        kept = [
            name
            for name, type_ in rows.dtypes
            if name != WRONG and not (type_ == "binary" and name in reading.columns.values())
        ]
        found = rows.groupBy(F.spark_partition_id().alias("partition")).count().collect()
        counts = {row["partition"]: row["count"] for row in found}
        self.total = sum(counts.values())
        if not self.total:
            raise ZooError(f"'{path}' has no rows.")
        self.size = size or part_rows(reading, self.total, slots)
        self.parts = -(-self.total // self.size)
        self.state = stored(spark, path)
        self.plan = plan(spark, rows)[0]
        self.wrong = WRONG if WRONG in rows.columns else None
        self.reading, self.kept = reading, tuple(kept)
        self._spark, self._rows, self._counts = spark, rows, counts

    def sizes(self) -> list[int]:
        return [min(self.size, self.total - part * self.size) for part in range(self.parts)]

    def rest(self, answered: "DataFrame") -> None:  # noqa: ARG002 - a table's rows are all answered
        return None

    def rows(self, done: list[int]) -> "DataFrame":
        from pyspark.sql import functions as F

        first, starts = 0, [0] * (max(self._counts) + 1)
        for partition, count in sorted(self._counts.items()):
            starts[partition] = first
            first += count
        # A literal: a table of it would take a job, and a join.
        start = F.from_json(F.lit(json.dumps(starts)), "ARRAY<LONG>")[F.spark_partition_id()]
        place = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << ROW_BITS) - 1))
        row = start + place
        part = F.floor(row / self.size).cast("int")
        numbered = self._rows.select("*", row.alias(ROW), part.alias(PART))
        left = numbered.where(~F.col(PART).isin(done)) if done else numbered
        names = [*dict.fromkeys([*self.kept, *self.reading.columns.values()])]
        wanted = [quoted(name) for name in names]
        if self.wrong:
            wanted.append(F.when(F.col(WRONG).isNotNull(), MALFORMED).alias(WRONG))
        ordered = left.repartitionById(self.parts, F.col(PART)).sortWithinPartitions(ROW)
        return ordered.select(*wanted)
