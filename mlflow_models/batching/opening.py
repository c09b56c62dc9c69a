"""Finds out what an input is: a table, a manifest, or files."""

from typing import TYPE_CHECKING

from batching import files, tables
from batching.model import SavedModel
from batching.output import filesystem, pattern
from batching.source import PATH, WRONG, BatchSource, Reading, reason
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ENDINGS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".jsonl.gz": "json",
}
SEEN_FILES = 1000  # of a folder: their names tell what kind of input it is
TYPES = {"string": ("string",), "binary": ("binary", "string")}  # bytes, or base64


def open_source(
    spark: "SparkSession",
    path: str,
    kind: str | None,
    column: str | None,
    scorer: SavedModel,
    size: int | None,
    slots: int,
) -> BatchSource:
    """Open the input.

    Args:
        spark: The session.
        path: Where the input is.
        kind: One of `FORMATS`. None: the names of the files decide.
        column: The table's column for the model's first column. None: the columns have the model's
            names.
        scorer: The model.
        size: The size of a part, in rows or bytes. None: the usual one.
        slots: How many parts are scored at once.

    Raises:
        ZooError: The input is missing or empty, or the model can't read it.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException

    kind = kind_of(path, _names(spark, path), kind, column)
    first = next(iter(scorer.columns))
    if kind == "files":
        return files.Folder(spark, path, [pattern(spark, path)], first, size, slots)
    try:
        rows = tables.read(spark, path, kind)
        types = {name: type_ for name, type_ in rows.dtypes if name != WRONG}
        if not is_manifest(set(types), column, scorer):
            read = reading(path, types, column, scorer)
            return tables.TableSource(spark, path, rows, read, size, slots)
    except (PySparkException, Py4JJavaError) as error:
        raise ZooError(f"'{path}' can't be read as {kind}: {reason(error)}") from error
    return files.Manifest(spark, path, rows.drop(WRONG), first, size, slots)


def _names(spark: "SparkSession", path: str) -> set[str]:
    """List the names of files at a path or pattern; of many files, the first."""
    from py4j.protocol import Py4JJavaError

    system = filesystem(spark, path)
    try:
        found = system.globStatus(spark._jvm.org.apache.hadoop.fs.Path(pattern(spark, path)))
    except Py4JJavaError as error:
        raise ZooError(f"'{path}' can't be read: {reason(error)}") from error
    names: set[str] = set()
    for status in found or ():
        if not status.isDirectory():
            names.add(status.getPath().getName())
            continue
        below = system.listFiles(status.getPath(), True)
        while len(names) < SEEN_FILES and below.hasNext():
            names.add(below.next().getPath().getName())
    names = {name for name in names if not name.startswith(("_", "."))}
    if not names:
        raise ZooError(f"'{path}' doesn't exist, or has no files.")
    return names


def kind_of(path: str, names: set[str], asked: str | None, column: str | None) -> str:
    """Tell what an input is: one of `FORMATS`.

    Args:
        path: Where the input is.
        names: Of its files.
        asked: What the command line says it is.
        column: The column that the command line names.

    Raises:
        ZooError: It has tables of several kinds; or it is files, which have no column.
    """
    kinds = {
        next((kind for end, kind in ENDINGS.items() if name.lower().endswith(end)), "files")
        for name in names
    }
    if not asked and len(kinds - {"files"}) > 1:
        raise ZooError(f"'{path}' has tables of several kinds; say which with --format.")
    kind = asked or ("files" if "files" in kinds else kinds.pop())
    if column and kind == "files":
        raise ZooError("--column names a column of a table, and the input is files.")
    return kind


def is_manifest(names: set[str], column: str | None, scorer: SavedModel) -> bool:
    """Tell whether a table with these columns names files, and has nothing else to read."""
    return not column and PATH in names and not names & set(scorer.columns)


def reading(path: str, types: dict[str, str], column: str | None, scorer: SavedModel) -> Reading:
    """Find the columns of a table that the model reads.

    Args:
        path: Where the table is.
        types: The type of each column.
        column: The column that the command line names.
        scorer: The model.

    Raises:
        ZooError: The table has no such column, or the column has another type.
    """
    first = next(iter(scorer.columns))
    wanted = {first: column} if column else {name: name for name in scorer.columns}
    found = {name: own for name, own in wanted.items() if own in types}
    if not found:
        raise ZooError(
            f"Column '{column or first}' not found in '{path}'; available: {', '.join(types)}. "
            "Say with --column which one the model reads."
        )
    for name, own in found.items():
        if types[own] not in TYPES[scorer.columns[name]]:
            raise ZooError(
                f"Column '{own}' of '{path}' is of type {types[own]}; the model reads "
                f"{' or '.join(TYPES[scorer.columns[name]])}."
            )
    return Reading(found, frozenset(types[own] for own in found.values()))
