"""The Spark session that scores: its settings, its silence, and how the model gets to executors."""

import contextlib
import os
import re
import shutil
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooError
from zoo.serving.runner import cores

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BATCH_BYTES = 8 << 20  # of input per call of the model; a larger row is a batch by itself
OPEN_COST_BYTES = 1 << 20  # that could be read in the time that opening a file takes
LOG = Path(tempfile.gettempdir()) / f"theresa-batch-{os.getpid()}.log"
LOCAL = re.compile(r"local(\[(\*|\d+)(,\s*\d+)?\])?")

USUAL = {
    "spark.app.name": "theresa batch",
    "spark.driver.memory": "4g",  # the most that it may take
    "spark.ui.enabled": "false",
    "spark.log.level": "WARN",
    "spark.sql.shuffle.partitions": "4",
}
FIXED = {
    # The same input is the same partitions in every run, wherever it runs: restarts go by them.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.files.minPartitionNum": "1",
    "spark.sql.files.openCostInBytes": str(OPEN_COST_BYTES),
    "spark.sql.csv.parser.columnPruning.enabled": "false",  # a malformed row would pass
    "spark.sql.execution.arrow.maxBytesPerBatch": str(BATCH_BYTES),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1000000000",  # none that counts
    # A finished task's file is renamed to its place at once, and not when all are finished.
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    "spark.speculation": "false",
    "spark.python.worker.reuse": "true",  # and with it the model that it has loaded
    "spark.ui.showConsoleProgress": "false",
    "spark.executorEnv.OMP_NUM_THREADS": "1",  # recognizers decode on as many threads as cores
}


def check_java() -> None:
    """Makes sure that Spark will find Java.

    Raises:
        ZooError: It won't.
    """
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which(f"{home}/bin/java") if home else shutil.which("java")):
        where = f"JAVA_HOME is '{home}', which has no bin/java" if home else "there is none"
        raise ZooError(
            f"Spark needs Java 17 or later, and {where}: install a JRE "
            "(Debian: openjdk-17-jre-headless), or set JAVA_HOME."
        )


def master(given: str | None) -> str | None:
    """Spark's master; None where spark-submit has started this, and says it itself."""
    return given or (None if "PYSPARK_GATEWAY_PORT" in os.environ else "local[*]")


def options(
    master: str | None, given: dict[str, str], alone: bool, asked: int | None
) -> dict[str, str]:
    """Spark's settings.

    One task has one worker process, and that one model. So a task gets all the cores that a model
    is to have, and on a cluster an executor as many: one model per executor. A model whose engine
    uses many cores (`alone`) gets all of a local master's; any other one.

    Args:
        master: Spark's master; None where spark-submit gives it.
        given: What a person set.
        alone: See above.
        asked: The cores for a model; None for the usual.

    Raises:
        ZooError: There aren't so many.
    """
    found = dict(USUAL)
    local = LOCAL.fullmatch(master or "")
    if local:
        count = cores() if local[2] == "*" else int(local[2] or 1)
        usual = count if alone else 1
        if (asked or 1) > count:
            raise ZooError(f"--cores-per-model is {asked}, and the master '{master}' has {count}.")
        found["spark.master"] = f"local[{count}{local[3] or ',4'}]"  # tries of a task
        found["spark.driver.host"] = "127.0.0.1"
    else:
        usual = int(given.get("spark.executor.cores", 1)) if alone else 1
        found["spark.executor.cores"] = str(asked or usual)
        if master:
            found["spark.master"] = master
    return {**found, **given, **FIXED, "spark.task.cpus": str(asked or usual)}


@contextlib.contextmanager
def session(settings: dict[str, str]) -> "Iterator[SparkSession]":
    """A session with these settings; stops it at the end. What Spark prints goes to `LOG`."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for key, value in settings.items():
        builder = builder.config(key, value)
    with _streams_to(LOG):  # the Java process keeps the streams that it is started with
        try:
            spark = builder.getOrCreate()
        except Exception as error:
            raise ZooError(f"Spark doesn't start; {LOG} says why.") from error
    try:
        yield spark
    finally:
        spark.stop()


@contextlib.contextmanager
def _streams_to(path: Path) -> Iterator[None]:
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [(stream, os.dup(stream)) for stream in (1, 2)]
    try:
        with path.open("ab") as log:
            for stream, _ in saved:
                os.dup2(log.fileno(), stream)
        yield
    finally:
        for stream, copy in saved:
            os.dup2(copy, stream)
            os.close(copy)


def ship_code(spark: "SparkSession", work: Path) -> None:
    """Sends `batching.executor` to the executors, which need nothing else of the repository."""
    archive = work / "batching.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("__init__.py", "executor.py"):
            file.write(Path(__file__).with_name(name), f"batching/{name}")
    spark.sparkContext.addPyFile(str(archive))


def ship_model(spark: "SparkSession", model: Path, work: Path) -> tuple[str, bool]:
    """Has every executor fetch the model once, and unpack it once.

    Returns:
        The model's directory as workers know it, or the name of the archive that it is shipped in;
        and which of the two. A local master's workers read it where it is.
    """
    if spark.sparkContext.master.startswith("local["):
        return str(model), False
    archive = work / "model.tar"
    with tarfile.open(archive, "w") as file:  # weights hardly get smaller
        for path in sorted(model.iterdir()):
            file.add(path, path.name)
    spark.sparkContext.addArchive(f"{archive}#model")
    return "model", True
