"""The output: written part by part beside its place, and renamed when all parts are done.

OUTPUT.partial/_batch.json       model, input and options, so that a restart is the same run
OUTPUT.partial/part-00007-...    the answers of part 7; it has this name once it is complete
OUTPUT                           the same directory, renamed, when every part is there

Everything goes through Hadoop's FileSystem: a path may be local, `hdfs://` or `s3a://`.
"""

import json
import re
from typing import TYPE_CHECKING, Any

from batching.source import reason
from zoo.errors import ZooError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SETTINGS = "_batch.json"  # readers of Parquet skip names with an underscore
PART = re.compile(r"part-(\d+)-.*\.parquet")


class Output:
    """The output's directory.

    Args:
        spark: The session.
        path: What `--output` says.
    """

    def __init__(self, spark: "SparkSession", path: str) -> None:
        self.path, self.partial = path, f"{path.rstrip('/')}.partial"
        self._spark, self._jvm = spark, spark._jvm
        self._files = filesystem(spark, path)

    def refuse_existing(self) -> None:
        """Raise ZooError if the output exists."""
        if self._files.exists(self._at(self.path)):
            raise ZooError(f"'{self.path}' exists already; choose another --output, or delete it.")

    def settings(self) -> dict[str, Any] | None:
        """Read the settings of a run that didn't finish; None if there is none."""
        place = self._at(f"{self.partial}/{SETTINGS}")
        if not self._files.exists(place):
            return None
        stream = self._files.open(place)
        try:
            found: dict[str, Any] = json.loads(bytes(stream.readAllBytes()))
        finally:
            stream.close()
        return found

    def agree(self, settings: dict[str, Any]) -> None:
        """Raise ZooError if a run that didn't finish had other settings."""
        old = self.settings()
        if old is None:
            return
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
        place, fresh = f"{self.partial}/{SETTINGS}", f"{self.partial}/{SETTINGS}.new"
        if self._files.exists(self._at(place)):
            return
        stream = self._files.create(self._at(fresh), True)
        stream.write(bytearray(json.dumps(settings, indent=1, ensure_ascii=False).encode()))
        stream.close()
        if not self._files.rename(self._at(fresh), self._at(place)):
            raise ZooError(f"'{place}' can't be written.")

    def done(self) -> dict[int, str]:
        """List the files of complete parts, by the part's number."""
        if not self._files.exists(self._at(self.partial)):
            return {}
        found = {}
        for status in self._files.listStatus(self._at(self.partial)):
            name = status.getPath().getName()
            if match := PART.fullmatch(name):
                found[int(match[1])] = name
        return found

    def write(self, rows: "DataFrame") -> None:
        """Write parts: partition N of `rows` is part N."""
        rows.write.mode("append").parquet(self.partial)

    def write_rest(self, rows: "DataFrame") -> None:
        """Write rows that belong to no part, into one file."""
        place = f"{self.partial}/_rest"
        rows.coalesce(1).write.mode("overwrite").parquet(place)
        for status in self._files.listStatus(self._at(place)):
            name = status.getPath().getName()
            if name.endswith(".parquet"):
                self._files.rename(status.getPath(), self._at(f"{self.partial}/rest-{name}"))
        self._files.delete(self._at(place), True)

    def keep_one(self, before: dict[int, str]) -> None:
        """Keep one file of each part: that of `before`, or else a new one.

        Spark writes an empty file for part 0 if all parts are done. And a task of a killed run may
        finish after this run has listed the files.

        Args:
            before: The files of complete parts, as `done` listed them.
        """
        kept = dict(before)
        for status in self._files.listStatus(self._at(self.partial)):
            name = status.getPath().getName()
            match = PART.fullmatch(name)
            if match and kept.setdefault(int(match[1]), name) != name:
                self._files.delete(status.getPath(), False)

    def rows(self) -> "DataFrame":
        """Read the rows that are written so far."""
        return self._spark.read.parquet(self.partial)

    def finish(self) -> None:
        """Rename the directory to the output.

        Raises:
            ZooError: The output exists by now, or the directory can't be renamed.
        """
        self.refuse_existing()
        if not self._files.rename(self._at(self.partial), self._at(self.path)):
            raise ZooError(f"'{self.partial}' is complete, but can't be renamed to '{self.path}'.")

    def _at(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)


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
