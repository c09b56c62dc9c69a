"""What is scored, as `batch.py` sees it, and how two runs are seen to have the same."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SPECIAL = re.compile(r"([\\{}\[\]*?])")  # in the patterns that Hadoop knows


@dataclass(frozen=True)
class Reading:
    """Which columns the model reads.

    Args:
        columns: The model's, each with the input's for it.
        kinds: The types that the model wants of them, `string` or `binary`.
    """

    columns: dict[str, str]
    kinds: frozenset[str]


class BatchSource(ABC):
    """What is scored, in parts that are the same in every run with the same `size`.

    Attributes:
        total: How many rows there are.
        size: How large a part is, in rows or bytes.
        parts: How many there are.
        state: Names, sizes and times of the files; another one is another input.
        plan: What of them is in which partition.
        reading: Which columns the model reads.
        kept: Those that are kept.
        malformed: The column that has a value where a row couldn't be parsed.
    """

    total: int
    size: int
    parts: int
    state: str
    plan: str
    reading: Reading
    kept: tuple[str, ...]
    malformed: str | None = None

    @abstractmethod
    def sizes(self) -> list[int]:
        """How many rows each part has, at most."""

    @abstractmethod
    def rows(self, done: list[int]) -> "DataFrame":
        """The rows; those of part N are partition N, and of parts that are done there are none."""

    @abstractmethod
    def rest(self, answered: "DataFrame") -> "DataFrame | None":
        """What is in no part: the kept columns, and `error`; None where that can't be."""


def reason(error: BaseException) -> str:
    """The first line of what Spark, or the Java behind it, says went wrong."""
    java = getattr(error, "java_exception", None)
    text = str(java.toString() if java is not None else error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def escaped(path: str) -> str:
    """A path that Hadoop takes for one file, whatever its name."""
    return SPECIAL.sub(r"\\\1", path)


def listing(spark: "SparkSession", paths: Sequence[str]) -> "DataFrame":
    """Files below paths: `path`, `length` in bytes, `modificationTime`. None of them is opened."""
    return files(spark, paths).select("path", "length", "modificationTime")


def files(spark: "SparkSession", paths: Sequence[str]) -> "DataFrame":
    """Files below paths, with their `content`; one that can't be read gives no row."""
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    reader = reader.option("ignoreMissingFiles", "true").option("ignoreCorruptFiles", "true")
    return reader.load(list(paths))


def fingerprint(spark: "SparkSession", paths: Sequence[str]) -> str:
    """What tells the files below paths from others, or from themselves once they are changed."""
    from pyspark.sql import functions as F

    about = F.xxhash64("path", "length", "modificationTime")
    found = listing(spark, paths).agg(F.count("*"), F.sum("length"), F.bit_xor(about)).first()
    return "-".join(str(value) for value in found or ())


def plan(spark: "SparkSession", rows: "DataFrame") -> tuple[str, list[int]]:
    """What Spark puts into which partition of a scan.

    Returns:
        A digest of it, and how many files each partition has something of.
    """
    text = spark._jvm.scala.runtime.ScalaRunTime.stringOf
    digest, counts = hashlib.sha256(), []
    for partition in rows._jdf.queryExecution().toRdd().partitions():
        digest.update(text(partition.files()).encode())
        counts.append(len(partition.files()))
    return digest.hexdigest(), counts
