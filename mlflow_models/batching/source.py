"""What is scored, and how to tell that two runs have the same input."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FORMATS = ("parquet", "csv", "json", "files")
PATH = "path"  # of a manifest: the column that names a file
CONTENT, FILE, WRONG = (f"__batch_{name}" for name in ("content", "file", "wrong"))
MAX_FILE_BYTES = 1 << 30  # Arrow takes up to 2 GiB in a batch
BATCH_BYTES = 8 << 20  # of input per call of the model; a larger row is a batch by itself
OPEN_COST_BYTES = 1 << 20  # that could be read in the time that opening a file takes
PART_BYTES = 64 << 20  # of files; each counts as `OPEN_COST_BYTES` more than it has
MALFORMED = "The row is malformed."
TOO_LARGE = "The file has more than 1 GiB."
UNREAD = "The file can't be read."
MISSING = "The file doesn't exist."
EMPTY = "The file is empty."
PART_ROWS = {"string": 2000, "binary": 100}  # of a part, by what the model reads
SPECIAL = re.compile(r"([\\{}\[\]*?])")  # in the patterns that Hadoop knows


@dataclass(frozen=True)
class Reading:
    """Which columns the model reads.

    Args:
        columns: The input's column for each of the model's columns.
        kinds: The types of these columns, `string` or `binary`.
    """

    columns: dict[str, str]
    kinds: frozenset[str]


class Source(ABC):
    """What is scored, in parts that are the same in every run with the same `size`.

    Attributes:
        total: How many rows there are.
        size: How large a part is, in rows or bytes.
        parts: How many parts there are.
        state: A digest of the files' names, sizes and times: another digest is another input.
        plan: A digest of what each part is made from.
        reading: Which columns the model reads.
        kept: The input's columns that are kept.
        wrong: The column that says what is wrong with a row that can't be scored; None: no column.
        files: Whether each row is a file.
    """

    total: int
    size: int
    parts: int
    state: str
    plan: str
    reading: Reading
    kept: tuple[str, ...]
    wrong: str | None = None
    files: bool = False

    @abstractmethod
    def sizes(self) -> list[int]:
        """Give the most rows of each part."""


class BatchSource(Source):
    """What Spark scores."""

    @abstractmethod
    def rows(self, done: list[int]) -> "DataFrame":
        """Give the rows: partition N has those of part N, and none if part N is done."""

    @abstractmethod
    def rest(self, answered: "DataFrame") -> "DataFrame | None":
        """Give the rows that are in no part: the kept columns and `error`; None: there are none."""


def part_rows(reading: "Reading", total: int, slots: int) -> int:
    """Choose how many rows of a table a part has.

    Args:
        reading: What the model reads of them.
        total: How many rows there are.
        slots: How many parts are scored at once; each gets four parts, or more.
    """
    usual = PART_ROWS["binary" if "binary" in reading.kinds else "string"]
    return min(usual, -(-total // (4 * slots)))


def reason(error: BaseException) -> str:
    """Give the first line of an error of Spark, or of the Java behind it."""
    java = getattr(error, "java_exception", None)
    text = str(java.toString() if java is not None else error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def escaped(path: str) -> str:
    """Escape a path, so that Hadoop doesn't take it for a pattern."""
    return SPECIAL.sub(r"\\\1", path)


def listing(spark: "SparkSession", paths: Sequence[str]) -> "DataFrame":
    """List files below paths: `path`, `length` in bytes, `modificationTime`; open none of them."""
    return files(spark, paths).select("path", "length", "modificationTime")


def files(spark: "SparkSession", paths: Sequence[str]) -> "DataFrame":
    """Read files below paths, with their `content`; leave out a file that can't be read."""
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    reader = reader.option("ignoreMissingFiles", "true").option("ignoreCorruptFiles", "true")
    return reader.load(list(paths))


def fingerprint(found: "DataFrame") -> tuple[str, int, int]:
    """Make a digest of listed files; it changes if one of them changes.

    Returns:
        The digest, how many files there are, and their bytes.
    """
    from pyspark.sql import functions as F

    about = F.bit_xor(F.xxhash64("path", "length", "modificationTime"))
    count, bytes_, digest = found.agg(F.count("*"), F.sum("length"), about).first() or (0, 0, 0)
    return f"{count}-{bytes_}-{digest}", count, bytes_ or 0


def plan(spark: "SparkSession", rows: "DataFrame") -> tuple[str, list[int]]:
    """Find what Spark puts into each partition of a scan.

    Returns:
        A digest, and for each partition how many files, or parts of files, it has.
    """
    text = spark._jvm.scala.runtime.ScalaRunTime.stringOf
    digest, counts = hashlib.sha256(), []
    for partition in rows._jdf.queryExecution().toRdd().partitions():
        digest.update(text(partition.files()).encode())
        counts.append(len(partition.files()))
    return digest.hexdigest(), counts


def quoted(name: str) -> Any:
    """Refer to a column whose name may have dots."""
    from pyspark.sql import functions as F

    return F.col("`" + name.replace("`", "``") + "`")
