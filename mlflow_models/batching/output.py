"""The output: written part by part beside its place, and renamed when all parts are done.

OUTPUT.partial/_batch.json       model, input and options, so that a restart is the same run
OUTPUT.partial/part-00007-...    the answers of part 7; it has this name once it is complete
OUTPUT                           the same directory, renamed, when every part is there

With Spark everything goes through Hadoop's FileSystem: a path may be local, `hdfs://` or `s3a://`.
"""

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from batching.source import escaped, reason
from zoo.data.outputs import make_directory
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = "_batch.json"  # readers of Parquet skip names with an underscore
KIND, WITH_SPARK, WITHOUT_SPARK = "kind of run", "with Spark", "without Spark"
PART = re.compile(r"part-(\d+)-.*\.parquet")


class Files(Protocol):
    """Where outputs are written."""

    def exists(self, path: str) -> bool:
        """Tell whether there is a file or a directory."""

    def read(self, path: str) -> bytes:
        """Read a file."""

    def write(self, path: str, content: bytes) -> None:
        """Write a file; make its directory."""

    def rename(self, old: str, new: str) -> bool:
        """Rename a file or a directory; tell whether it worked."""

    def names(self, directory: str) -> list[str]:
        """List the names in a directory; one that doesn't exist has none."""

    def delete(self, path: str) -> None:
        """Delete a file or a directory."""


class Output:
    """The output's directory.

    Args:
        files: Where it is.
        path: What `--output` says.
    """

    def __init__(self, files: Files, path: str) -> None:
        self.path, self.partial, self.files = path, f"{path.rstrip('/')}.partial", files
        self._place = f"{self.partial}/{SETTINGS}"

    def refuse_existing(self) -> None:
        """Raise ZooError if the output exists."""
        if self.files.exists(self.path):
            raise ZooError(f"'{self.path}' exists already; choose another --output, or delete it.")

    def settings(self) -> dict[str, Any] | None:
        """Read the settings of a run that didn't finish; None if there is none."""
        if not self.files.exists(self._place):
            return None
        found: dict[str, Any] = json.loads(self.files.read(self._place))
        return found

    def agree(self, settings: dict[str, Any]) -> None:
        """Raise ZooError if a run that didn't finish had other settings."""
        old = self.settings()
        if old is None:
            return
        begun = old.get(KIND, WITH_SPARK)
        if begun != settings[KIND]:
            raise ZooError(
                f"'{self.partial}' was begun {begun}; run it so again (--master and --conf ask for "
                "Spark), or delete the directory."
            )
        if changed := [name for name in settings if old.get(name) != settings[name]]:
            raise ZooError(
                f"'{self.partial}' was begun with another {' and another '.join(changed)}; "
                "use the same, or delete the directory."
            )

    def begin(self, settings: dict[str, Any]) -> None:
        """Write the settings, unless they are there already.

        Raises:
            ZooError: The settings can't be written.
        """
        if self.files.exists(self._place):
            return
        text = json.dumps(settings, indent=1, ensure_ascii=False)
        self.files.write(f"{self._place}.new", text.encode())
        if not self.files.rename(f"{self._place}.new", self._place):
            raise ZooError(f"'{self._place}' can't be written.")

    def done(self) -> dict[int, str]:
        """List the files of complete parts, by the part's number."""
        matches = map(PART.fullmatch, self.files.names(self.partial))
        return {int(match[1]): match[0] for match in matches if match}

    def keep_one(self, before: dict[int, str]) -> None:
        """Keep one file of each part: that of `before`, or else a new one.

        Spark writes an empty file for part 0 if all parts are done. And a task of a killed run may
        finish after this run has listed the files.

        Args:
            before: The files of complete parts, as `done` listed them.
        """
        kept = dict(before)
        for name in self.files.names(self.partial):
            match = PART.fullmatch(name)
            if match and kept.setdefault(int(match[1]), name) != name:
                self.files.delete(f"{self.partial}/{name}")

    def finish(self) -> None:
        """Rename the directory to the output.

        Raises:
            ZooError: The output exists by now, or the directory can't be renamed.
        """
        self.refuse_existing()
        if not self.files.rename(self.partial, self.path):
            raise ZooError(f"'{self.partial}' is complete, but can't be renamed to '{self.path}'.")


class HadoopFiles:
    """What Hadoop's FileSystem of a path reaches.

    Args:
        spark: The session.
        path: A path of that file system.

    Raises:
        ZooError: There is no FileSystem for the path, or it can't be reached.
    """

    def __init__(self, spark: "SparkSession", path: str) -> None:
        self._jvm, self._system = spark._jvm, filesystem(spark, path)

    def exists(self, path: str) -> bool:
        return bool(self._system.exists(self._at(path)))

    def read(self, path: str) -> bytes:
        stream = self._system.open(self._at(path))
        try:
            return bytes(stream.readAllBytes())
        finally:
            stream.close()

    def write(self, path: str, content: bytes) -> None:
        stream = self._system.create(self._at(path), True)
        stream.write(bytearray(content))
        stream.close()

    def rename(self, old: str, new: str) -> bool:
        return bool(self._system.rename(self._at(old), self._at(new)))

    def names(self, directory: str) -> list[str]:
        if not self.exists(directory):
            return []
        return [one.getPath().getName() for one in self._system.listStatus(self._at(directory))]

    def delete(self, path: str) -> None:
        self._system.delete(self._at(path), True)

    def _at(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)


class FilesHere:
    """The files of this machine."""

    def exists(self, path: str) -> bool:
        return Path(path).exists()

    def read(self, path: str) -> bytes:
        return Path(path).read_bytes()

    def write(self, path: str, content: bytes) -> None:
        make_directory(Path(path).parent)
        Path(path).write_bytes(content)

    def rename(self, old: str, new: str) -> bool:
        Path(old).rename(new)
        return True

    def names(self, directory: str) -> list[str]:
        return sorted(os.listdir(directory)) if Path(directory).exists() else []

    def delete(self, path: str) -> None:
        Path(path).unlink()


def filesystem(spark: "SparkSession", path: str) -> Any:
    """Open Hadoop's FileSystem of a path.

    Raises:
        ZooError: There is no FileSystem for the path, or it can't be reached.
    """
    from py4j.protocol import Py4JJavaError

    try:
        settings = spark._jsc.hadoopConfiguration()
        return spark._jvm.org.apache.hadoop.fs.Path(path).getFileSystem(settings)
    except Py4JJavaError as error:
        raise ZooError(f"'{path}' can't be reached: {reason(error)}") from error


def pattern(spark: "SparkSession", path: str) -> str:
    """Give the pattern of an input: a path that exists stands for itself, as `news [1].csv`.

    Raises:
        ZooError: There is no FileSystem for the path, or it can't be reached.
    """
    there = filesystem(spark, path).exists(spark._jvm.org.apache.hadoop.fs.Path(path))
    return escaped(path) if there else path
