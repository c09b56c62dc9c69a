"""A table to score: Parquet, CSV or JSON lines, in parts of so many rows, in the input's order."""

from typing import TYPE_CHECKING

from batching.source import BatchSource, Reading, fingerprint, plan, quoted
from batching.texts import look_through
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MALFORMED = "__batch_malformed"
PARTITION, PLACE, FIRST, ROW, PART = (
    f"__batch_{name}" for name in ("partition", "place", "first", "row", "part")
)
SPLIT_BYTES = 32 << 20  # of a file that are read together
PART_ROWS = {"string": 2000, "binary": 100}  # of a part, by what the model reads
ROW_BITS = 33  # the low bits of Spark's row ids: the row's number within its partition


def read(spark: "SparkSession", path: str, kind: str) -> "DataFrame":
    """Read a table; a CSV or JSON may have malformed rows, and then has the column `MALFORMED`.

    Values of a CSV are texts, quoted as pandas and spreadsheets do; they may have line breaks.

    Raises:
        ZooError: A file of texts has a broken quotation mark, or isn't written as the others.
    """
    spark.conf.set("spark.sql.files.maxPartitionBytes", SPLIT_BYTES)
    reader = spark.read.option("columnNameOfCorruptRecord", MALFORMED)
    if kind == "parquet":
        return reader.parquet(path)
    written = look_through(spark, path, kind)
    if written.encoding != "UTF-8":
        reader = reader.options(encoding=written.encoding)
    if kind == "json":
        return reader.options(lineSep="\n").json(path)
    reader = reader.options(header=True, multiLine=True, quote='"', escape='"', enforceSchema=False)
    reader = reader.options(sep=written.delimiter)
    names = reader.csv(path).columns
    quoted = ["`" + name.replace("`", "``") + "`" for name in names]
    return reader.schema(", ".join(f"{name} STRING" for name in [*quoted, MALFORMED])).csv(path)


class TableSource(BatchSource):
    """The rows of a table.

    They are shuffled once into parts: Spark can't split a CSV, or a Parquet file with one row
    group.

    Args:
        spark: The session.
        path: Where the table is.
        rows: The table.
        reading: Which of its columns the model reads.
        size: Rows of a part. None: `PART_ROWS`, or fewer, so that each core has four parts to do.
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
            if name != MALFORMED and not (type_ == "binary" and name in reading.columns.values())
        ]
        found = rows.groupBy(F.spark_partition_id().alias("partition")).count().collect()
        counts = {row["partition"]: row["count"] for row in found}
        self.total = sum(counts.values())
        if not self.total:
            raise ZooError(f"'{path}' has no rows.")
        usual = min(PART_ROWS["binary" if "binary" in reading.kinds else "string"],
                    -(-self.total // (4 * slots)))  # fmt: skip
        self.size = size or usual
        self.parts = -(-self.total // self.size)
        self.state = fingerprint(spark, [path])
        self.plan = plan(spark, rows)[0]
        self.malformed = MALFORMED if MALFORMED in rows.columns else None
        self.reading, self.kept = reading, tuple(kept)
        self._spark, self._rows, self._counts = spark, rows, counts

    def sizes(self) -> list[int]:
        return [min(self.size, self.total - part * self.size) for part in range(self.parts)]

    def rest(self, answered: "DataFrame") -> None:  # noqa: ARG002 - a table's rows are all answered
        return None

    def rows(self, done: list[int]) -> "DataFrame":
        from pyspark.sql import functions as F

        first, starts = 0, []
        for partition, count in sorted(self._counts.items()):
            starts.append((partition, first))
            first += count
        offsets = self._spark.createDataFrame(starts, f"{PARTITION} INT, {FIRST} LONG")
        place = F.monotonically_increasing_id().bitwiseAND(F.lit((1 << ROW_BITS) - 1))
        numbered = (
            self._rows.withColumn(PARTITION, F.spark_partition_id())
            .withColumn(PLACE, place)
            .join(F.broadcast(offsets), PARTITION)
            .withColumn(ROW, F.col(FIRST) + F.col(PLACE))
            .withColumn(PART, F.floor(F.col(ROW) / self.size).cast("int"))
        )
        left = numbered.where(~F.col(PART).isin(done)) if done else numbered
        wanted = [*dict.fromkeys([*self.kept, *self.reading.columns.values()])]
        if self.malformed:
            wanted.append(self.malformed)
        ordered = left.repartitionById(self.parts, F.col(PART)).sortWithinPartitions(ROW)
        return ordered.select(*[quoted(name) for name in wanted])
