"""The Spark session that scores: its settings, its log, and how executors get the model."""

import contextlib
import os
import re
import shutil
import sys
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from batching.source import BATCH_BYTES, OPEN_COST_BYTES
from zoo.errors import ZooError
from zoo.serving.runner import cores

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG = Path(tempfile.gettempdir()) / f"theresa-batch-{os.getpid()}.log"
# Of Java's compilers only the quick one, of its collectors that of one thread: the cores of this
# machine are for the model.
LOCAL_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
REMOTE = re.compile(r"[A-Za-z][\w+.-]*:/")
LOCAL = re.compile(r"local(\[(\*|\d+)(,\s*\d+)?\])?")

USUAL = {
    "spark.app.name": "theresa batch",
    "spark.driver.memory": "4g",  # at most
    "spark.ui.enabled": "false",
    "spark.log.level": "WARN",
    "spark.sql.shuffle.partitions": "4",
}
FIXED = {
    # The same input has the same partitions in every run, on any machine: a restart relies on it.
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.files.minPartitionNum": "1",
    "spark.sql.files.openCostInBytes": str(OPEN_COST_BYTES),
    "spark.sql.json.enableExactStringParsing": "false",  # as `json_lines` writes what isn't a text
    "spark.sql.legacy.javaCharsets": "true",  # GB18030, Big5 and CP874, besides Unicode
    "spark.sql.csv.parser.columnPruning.enabled": "false",  # pruned, a malformed row isn't noticed
    "spark.sql.execution.arrow.maxBytesPerBatch": str(BATCH_BYTES),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1000000000",  # no limit: bytes decide
    # A finished task's file is renamed at once, not when all tasks are finished.
    "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
    "spark.speculation": "false",
    "spark.python.worker.reuse": "true",  # so that the loaded model is used again
    "spark.ui.showConsoleProgress": "false",
    "spark.executorEnv.OMP_NUM_THREADS": "1",  # recognizers decode on as many threads as cores
}


def is_asked(master: str | None, settings: Sequence[object], paths: Sequence[str]) -> bool:
    """Tell whether Spark is to score, and not this machine's processes.

    Args:
        master: Spark's master, if one is given.
        settings: Settings of Spark that are given.
        paths: Of the input and the output; one that isn't local needs Spark.
    """
    started = "PYSPARK_GATEWAY_PORT" in os.environ  # by spark-submit
    return bool(master or settings or started or any(REMOTE.match(path) for path in paths))


def check_java() -> None:
    """Check that Spark will find Java.

    Raises:
        ZooError: Java isn't found.
    """
    home = os.environ.get("JAVA_HOME")
    if not (shutil.which(f"{home}/bin/java") if home else shutil.which("java")):
        where = f" in JAVA_HOME ('{home}')" if home else ""
        raise ZooError(
            f"Java not found{where}; Spark needs Java 17 or later: install a JRE "
            "(Debian: openjdk-17-jre-headless), or set JAVA_HOME."
        )


def master(given: str | None) -> str | None:
    """Choose Spark's master; None if spark-submit has started this process, and knows it."""
    return given or (None if "PYSPARK_GATEWAY_PORT" in os.environ else "local[*]")


def options(
    master: str | None, given: dict[str, str], alone: bool, asked: int | None
) -> dict[str, str]:
    """Make Spark's settings.

    Each task has one worker process with one model. So a task gets all the cores of a model; on a
    cluster an executor has as many cores, and so one model. A model whose engine uses many cores
    (`alone`) gets all cores of a local master; another model gets one core.

    Args:
        master: Spark's master; None if spark-submit knows it.
        given: The person's settings.
        alone: Whether one engine uses many cores.
        asked: How many cores a model gets. None: as above.

    Raises:
        ZooError: The local master has fewer cores.
    """
    found = dict(USUAL)
    local = LOCAL.fullmatch(master or "")
    if local:
        count = cores() if local[2] == "*" else int(local[2] or 1)
        usual = count if alone else 1
        if (asked or 1) > count:
            raise ZooError(f"--cores-per-model is {asked}, but the master '{master}' has {count}.")
        found["spark.master"] = f"local[{count}{local[3] or ',4'}]"  # 4 attempts of a task
        found["spark.driver.host"] = "127.0.0.1"
        found["spark.driver.extraJavaOptions"] = LOCAL_JAVA
    else:
        usual = int(given.get("spark.executor.cores", 1)) if alone else 1
        found["spark.executor.cores"] = str(asked or usual)
        if master:
            found["spark.master"] = master
    return {**found, **given, **FIXED, "spark.task.cpus": str(asked or usual)}


@contextlib.contextmanager
def session(settings: dict[str, str]) -> "Iterator[SparkSession]":
    """Start a session, and stop it at the end; what Spark prints goes to `LOG`."""
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


def pack_code(work: Path) -> Path:
    """Pack what worker processes run; they need no other code of the repository."""
    archive = work / "batching.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("__init__.py", "executor.py", "source.py", "worker.py"):
            file.write(Path(__file__).with_name(name), f"batching/{name}")
    return archive


def ship_model(spark: "SparkSession", model: Path, work: Path) -> tuple[str, bool]:
    """Let every executor fetch the model once, and unpack it once.

    Workers of a local master read the model where it is.

    Returns:
        The model's directory or the archive's name, and whether it is an archive.
    """
    if spark.sparkContext.master.startswith("local["):
        return str(model), False
    archive = work / "model.tar"
    with tarfile.open(archive, "w") as file:  # without compression: it hardly makes weights smaller
        for path in sorted(model.iterdir()):
            file.add(path, path.name)
    spark.sparkContext.addArchive(f"{archive}#model")
    return "model", True
