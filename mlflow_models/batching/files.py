"""Files to score: those of a folder or a pattern, or those that a manifest names.

The executors read the files (`binaryFile`); the driver knows only names and sizes. A file that
can't be read has no answer; the driver finds this at the end, and writes an error for it.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from batching.output import filesystem
from batching.source import (
    CONTENT,
    EMPTY,
    MAX_FILE_BYTES,
    MISSING,
    OPEN_COST_BYTES,
    PART_BYTES,
    PATH,
    TOO_LARGE,
    UNREAD,
    WRONG,
    BatchSource,
    Reading,
    escaped,
    files,
    fingerprint,
    listing,
    plan,
    quoted,
)
from batching.texts import stored
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

URI = "__batch_uri"
THREADS = 16  # look up whether a manifest's files exist


class Folder(BatchSource):
    """The files of a folder with all folders below it, or of a pattern.

    Args:
        spark: The session.
        path: The folder or the pattern.
        paths: The same, for Spark.
        column: The model's column that reads a file.
        size: Bytes of a part. None: `PART_BYTES`, or fewer, so that each core has four parts to do.
        slots: How many parts are scored at once.
    """

    files = True

    def __init__(
        self,
        spark: "SparkSession",
        path: str,
        paths: Sequence[str],
        column: str,
        size: int | None,
        slots: int,
    ) -> None:

        found = listing(spark, paths)
        self.state, count, length = fingerprint(found)
        if not count:
            raise ZooError(f"'{path}' has no files, or only empty ones.")
        empty = _empty(found, count)
        self._listing = found.select(PATH, "length").union(
            spark.createDataFrame([(one, 0) for one in empty], "path STRING, length LONG")
        )
        self.total = count + len(empty)
        bytes_ = length + count * OPEN_COST_BYTES
        self.size = size or max(OPEN_COST_BYTES, min(PART_BYTES, bytes_ // (4 * slots)))
        spark.conf.set("spark.sql.files.maxPartitionBytes", self.size)
        self._files = files(spark, paths)
        self.plan, self._sizes = plan(spark, self._files.select("path", "content"))
        self.parts = len(self._sizes)
        self.reading = Reading({column: CONTENT}, frozenset())
        self.kept = (PATH,)

    def sizes(self) -> list[int]:
        return self._sizes

    def rows(self, done: list[int]) -> "DataFrame":
        return self._contents(done).select(PATH, CONTENT)

    def rest(self, answered: "DataFrame") -> "DataFrame":
        from pyspark.sql import functions as F

        left = self._listing.join(answered.select(PATH), PATH, "left_anti")
        why = F.when(F.col("length") == 0, EMPTY).when(F.col("length") > MAX_FILE_BYTES, TOO_LARGE)
        why = why.otherwise(UNREAD)
        return left.select(PATH, why.alias("error"))

    def _contents(self, done: list[int]) -> "DataFrame":
        from pyspark.sql import functions as F

        found = self._files.where(F.col("length") <= MAX_FILE_BYTES)
        if done:
            found = found.where(~F.spark_partition_id().isin(done))
        return found.select(PATH, F.col("content").alias(CONTENT))


class Manifest(Folder):
    """The files that a table names in its column `path`; a path may be relative to the table.

    The table is held in the driver's memory, the files aren't.
    """

    def __init__(
        self,
        spark: "SparkSession",
        path: str,
        rows: "DataFrame",
        column: str,
        size: int | None,
        slots: int,
    ) -> None:
        from pyspark.sql import functions as F

        self._rows = located(spark, path, rows)
        good = self._rows.where(F.col(WRONG).isNull())
        names = good.select(URI).distinct().sort(URI).collect()
        if not names:
            raise ZooError(f"None of the files that '{path}' names exists, or all are empty.")
        super().__init__(spark, path, [escaped(row[URI]) for row in names], column, size, slots)
        self.state = f"{self.state}-{stored(spark, path)}"
        self.total = self._rows.count()
        self.kept = tuple(rows.columns)

    def rows(self, done: list[int]) -> "DataFrame":
        from pyspark.sql import functions as F

        found = self._contents(done).withColumnRenamed(PATH, URI)
        return found.join(F.broadcast(self._rows), URI).select(*map(quoted, self.kept), CONTENT)

    def rest(self, answered: "DataFrame") -> "DataFrame":
        from pyspark.sql import functions as F

        left = self._rows.join(answered.select(PATH).distinct(), PATH, "left_anti")
        why = F.coalesce(F.col(WRONG), F.lit(UNREAD))
        return left.select(*map(quoted, self.kept), why.alias("error"))


def _empty(found: "DataFrame", count: int) -> list[str]:
    """List the empty files, which Spark's scans leave out."""
    everything = found._jdf.inputFiles()
    if len(everything) == count:
        return []
    names = {re.sub("^file:/+", "file:/", unquote(name)) for name in everything}
    return sorted(names - {row[PATH] for row in found.select(PATH).collect()})


def located(spark: "SparkSession", manifest: str, rows: "DataFrame") -> "DataFrame":
    """Add to a manifest the columns `URI`, each file's, and `WRONG`, what is wrong with it."""
    import pyarrow as pa

    table = rows.toArrow()
    path = spark._jvm.org.apache.hadoop.fs.Path(manifest)
    base = path if filesystem(spark, manifest).isDirectory(path) else path.getParent()
    with ThreadPoolExecutor(THREADS) as pool:
        places = list(pool.map(lambda name: _locate(spark, base, name), table[PATH].to_pylist()))
    table = table.append_column(URI, pa.array([uri for uri, _ in places], pa.string()))
    table = table.append_column(WRONG, pa.array([wrong for _, wrong in places], pa.string()))
    return spark.createDataFrame(table)


def _locate(spark: "SparkSession", base: Any, name: Any) -> tuple[str | None, str | None]:
    """Find a file's URI as Spark writes it, and what is wrong with the file."""
    from py4j.protocol import Py4JError

    if not name:
        return None, MISSING
    try:
        path = spark._jvm.org.apache.hadoop.fs.Path(base, name)
        files = path.getFileSystem(spark._jsc.hadoopConfiguration())
        status = files.getFileStatus(path)
        uri = str(files.makeQualified(path).toString())
        wrong = MISSING if status.isDirectory() else None if status.getLen() else EMPTY
    except Py4JError:  # no such file, not a path, or a store that can't be reached
        return None, MISSING
    return uri, wrong
