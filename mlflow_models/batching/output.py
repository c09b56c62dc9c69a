"""Where the answers go: part by part beside the output's place, and there once all are done.

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

SETTINGS = "_batch.json"  # readers of Parquet pass over an underscore
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
        """Raises ZooError where the output is there already."""
        if self._files.exists(self._at(self.path)):
            raise ZooError(f"'{self.path}' exists already; choose another --output, or delete it.")

    def settings(self) -> dict[str, Any] | None:
        """What a run that didn't finish was begun with; None where there was none."""
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
        """Raises ZooError where a run that didn't finish was begun with other settings."""
        old = self.settings()
        if old is None:
            return
        if changed := [name for name in settings if old.get(name) != settings[name]]:
            raise ZooError(
                f"'{self.partial}' was begun with another {' and another '.join(changed)}; "
                "run it with the same, or delete it."
            )

    def begin(self, settings: dict[str, Any]) -> None:
        """Writes the settings, where they aren't there already.

        Raises:
            ZooError: They can't be written.
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
        """The file of each part that is complete, by the part's number."""
        if not self._files.exists(self._at(self.partial)):
            return {}
        found = {}
        for status in self._files.listStatus(self._at(self.partial)):
            name = status.getPath().getName()
            if match := PART.fullmatch(name):
                found[int(match[1])] = name
        return found

    def write(self, rows: "DataFrame") -> None:
        """Writes parts: the partitions of `rows`, which has their numbers."""
        rows.write.mode("append").parquet(self.partial)

    def write_rest(self, rows: "DataFrame") -> None:
        """Writes rows that belong to no part, in one file."""
        place = f"{self.partial}/_rest"
        rows.coalesce(1).write.mode("overwrite").parquet(place)
        for status in self._files.listStatus(self._at(place)):
            name = status.getPath().getName()
            if name.endswith(".parquet"):
                self._files.rename(status.getPath(), self._at(f"{self.partial}/rest-{name}"))
        self._files.delete(self._at(place), True)

    def keep_one(self, before: dict[int, str]) -> None:
        """Leaves one file of each part: that of before, or a new one.

        Spark writes an empty file for part 0 where all is done already; and a task of a killed run
        may have finished after this one looked.
        """
        kept = dict(before)
        for status in self._files.listStatus(self._at(self.partial)):
            name = status.getPath().getName()
            match = PART.fullmatch(name)
            if match and kept.setdefault(int(match[1]), name) != name:
                self._files.delete(status.getPath(), False)

    def rows(self) -> "DataFrame":
        """What is written so far."""
        return self._spark.read.parquet(self.partial)

    def finish(self) -> None:
        """Has the directory appear in its place.

        Raises:
            ZooError: Something else has appeared there.
        """
        self.refuse_existing()
        if not self._files.rename(self._at(self.partial), self._at(self.path)):
            raise ZooError(f"'{self.partial}' is complete, but can't be renamed to '{self.path}'.")

    def _at(self, path: str) -> Any:
        return self._jvm.org.apache.hadoop.fs.Path(path)


def filesystem(spark: "SparkSession", path: str) -> Any:
    """Hadoop's FileSystem of a path.

    Raises:
        ZooError: It has none, or it can't be reached.
    """
    from py4j.protocol import Py4JJavaError

    try:
        settings = spark._jsc.hadoopConfiguration()
        return spark._jvm.org.apache.hadoop.fs.Path(path).getFileSystem(settings)
    except Py4JJavaError as error:
        raise ZooError(f"'{path}' can't be reached: {reason(error)}") from error
