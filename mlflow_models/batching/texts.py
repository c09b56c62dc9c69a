"""Looks through the text tables of an input before Spark reads them.

Spark reads bytes of another encoding as U+FFFD, and a quotation mark that isn't closed swallows the
rows after it; neither is an error to Spark.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batching.output import filesystem, pattern
from zoo.data import tables
from zoo.data.encodings import UTF_8
from zoo.data.texts import encoding
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Java's names of encodings, by Python's.
JAVA = {UTF_8: "UTF-8", "utf-16": "UTF-16", "utf-16-le": "UTF-16LE", "utf-16-be": "UTF-16BE",
        "cp874": "x-windows-874", "gb18030": "GB18030", "big5hkscs": "Big5-HKSCS"}  # fmt: skip


@dataclass(frozen=True)
class Written:
    """How the files of a table are written.

    Args:
        encoding: Java's name of it.
        delimiter: What is between the cells of a CSV.
        header: The names of its columns.
    """

    encoding: str = "UTF-8"
    delimiter: str = ","
    header: tuple[str, ...] = ()


def look_through(spark: "SparkSession", path: str, kind: str) -> Written:
    """Read a table's files to their end, each once; those that aren't local are copied for it.

    Args:
        spark: The session.
        path: The files, a folder or a pattern.
        kind: csv or json.

    Returns:
        How all of them are written.

    Raises:
        ZooError: A file can't be read, has a broken quotation mark, or isn't written as the others.
    """
    found: dict[Written, str] = {}
    for status in _files(spark, path):
        name = status.getPath().toString()
        with _local(spark, name) as file, _named(file, name):
            delimiter, header = ",", tuple[str, ...]()
            if kind == "csv":
                table = tables.open_delimited(file)
                delimiter, header = table.delimiter, columns(table)
                for _ in table.rows():
                    pass
            if kind == "json" and encoding(file).startswith("utf-16"):
                raise ZooError(f"'{file}' is UTF-16, which Spark can't read as JSON lines; "
                               "convert it to UTF-8.")  # fmt: skip
            found.setdefault(Written(JAVA[encoding(file)], delimiter, header), name)
    if len(found) > 1:
        first, other = list(found.values())[:2]
        raise ZooError(
            f"'{other}' has another encoding, another delimiter or other columns than '{first}'; "
            "convert one."
        )
    return next(iter(found), Written())


def columns(table: tables.TextTable) -> tuple[str, ...]:
    """Give the names of a CSV's columns; one without a name has a number, as `_c0`.

    Raises:
        ZooError: Two names are the same but for capital letters.
    """
    names = tuple(name or f"_c{place}" for place, name in enumerate(table.header))
    refuse_twins(str(table.path), names)
    return names


def refuse_twins(path: str, names: Iterable[str]) -> None:
    """Raise ZooError if two columns have one name but for capital letters, as Spark does."""
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(name.lower(), name)
        if other != name:
            raise ZooError(f"'{path}' has the columns '{other}' and '{name}'; rename one.")


def stored(spark: "SparkSession", path: str) -> str:
    """Make a digest of a table's files; it changes if one of them changes."""
    digest = hashlib.sha256()
    for status in _files(spark, path):
        about = (status.getPath().toString(), status.getLen(), status.getModificationTime())
        digest.update(repr(about).encode())
    return digest.hexdigest()


def _files(spark: "SparkSession", path: str) -> Iterator[Any]:
    """The files that Spark would read, each as Hadoop's FileStatus."""
    system = filesystem(spark, path)
    wanted = spark._jvm.org.apache.hadoop.fs.Path(pattern(spark, path))
    for status in system.globStatus(wanted) or ():
        below = system.listFiles(status.getPath(), True) if status.isDirectory() else None
        while below is None or below.hasNext():
            one = below.next() if below else status
            if not one.getPath().getName().startswith(("_", ".")):
                yield one
            if below is None:
                break


@contextmanager
def _local(spark: "SparkSession", name: str) -> Iterator[Path]:
    """A file's local path; what is elsewhere is copied, and the copy is removed afterwards."""
    place = spark._jvm.org.apache.hadoop.fs.Path(name)
    if place.toUri().getScheme() in (None, "file"):
        yield Path(place.toUri().getPath())
        return
    with tempfile.TemporaryDirectory() as work:
        copy = Path(work) / place.getName()
        target = spark._jvm.org.apache.hadoop.fs.Path(copy.as_uri())
        filesystem(spark, name).copyToLocalFile(False, place, target, True)
        yield copy


@contextmanager
def _named(file: Path, name: str) -> Iterator[None]:
    """Names a file's own address in what is said of its copy."""
    try:
        yield
    except ZooError as error:
        raise ZooError(str(error).replace(str(file), name.removeprefix("file:"))) from error
