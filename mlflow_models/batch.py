"""Scores a table, or a folder of files, with a model of the zoo; writes Parquet.

python mlflow_models/batch.py --model hanlp_ner --input news.parquet --output entities
python mlflow_models/batch.py --model hanlp_ner --input news.csv --column body --output entities
python mlflow_models/batch.py --model whisper_asr --input recordings/ --output transcripts
python mlflow_models/batch.py --model clip_caption --input 'photos/*.jpg' --output captions
python mlflow_models/batch.py --model models:/clip_caption@champion --input manifest.csv \\
  --output s3a://bucket/captions --master spark://host:7077 --params '{"mode": "beam"}'

Processes of this machine score, which share one loaded model. With --master or --conf, with an
address such as s3a:// and from spark-submit, Spark scores, which needs Java. Both ways give the
same rows, and take the same inputs.

The input is a table (Parquet, CSV with a header, JSON lines) with the column that the model reads;
or a folder or pattern of recordings, photos or texts, where each file is a row; or a manifest,
which is a table whose column `path` names files, relative to the manifest. With Spark paths may
be local, hdfs:// or s3a://, or anything else that the executors' Hadoop connectors read (for s3a
with PySpark 4.3: --conf spark.jars.packages=org.apache.hadoop:hadoop-aws:3.5.0). On a cluster a
local path must be the same place on all machines.

A CSV may have commas, semicolons, tabs or bars between its cells. A CSV or JSON lines may be in
UTF-8, UTF-16 (with Spark CSV only), CP874, GB18030 or Big5; the run says which. All its files are
read once before anything is scored: a quotation mark that isn't closed is an error with its line.

The output has the input's columns (for files, the path instead of the content), the fields of the
model's answer as typed columns (a field of any form is JSON), and `error`, which is null if all is
well. If a row or file can't be answered, `error` says why, and the others are still answered.

Finished parts are written to OUTPUT.partial. When all are finished, it is renamed to OUTPUT. After
a kill, run the same command again: it continues with what is left. If an executor of Spark is lost,
others score its parts again. Two runs at the same time must not have the same OUTPUT.

If the model uses one core (captions, entities), there is one worker process per core. A speech
recognizer, or a model that takes this machine's GPU, gets all cores of the machine, and on a
cluster all cores of an executor (--conf spark.executor.cores=N). With Spark each worker process has
a model of its own, whose memory is beside the executor's Java heap
(--conf spark.executor.memory=4g); each file, at most 1 GiB, is in both.

Executors need Python with the model's requirements.txt, MLflow and PySpark; PYSPARK_PYTHON names
this Python. The model and this code are sent to them once. On Kubernetes give an image with it:
--master k8s://https://HOST --conf spark.kubernetes.container.image=IMAGE.
"""

import argparse
import contextlib
import functools
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batching import model, session
from batching.output import KIND, WITH_SPARK, WITHOUT_SPARK, FilesHere, HadoopFiles, Output
from batching.source import FORMATS, Source, reason
from zoo.building import packaging, saved, tracking
from zoo.errors import ZooError
from zoo.serving.runner import cores

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from batching.run import BatchRun


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", required=True, help="a saved model's NAME, a directory, or an MLflow URI")
    add("--input", required=True, help="table, folder, pattern or manifest")
    add("--output", required=True, help="directory to write; it must not exist")
    add("--master", help="Spark's master, such as 'local[*]' (default: no Spark, see above)")
    add(
        "--params",
        action="append",
        default=[],
        type=_object,
        metavar="JSON",
        help="parameters of the request, see the model card; may be given several times",
    )
    add("--column", help="the table's column that the model reads, if it has another name")
    add("--prefix", default="", help="put before the names of the answer's columns")
    add("--format", choices=FORMATS, help="what the input is (default: by the files' names)")
    add(
        "--part-size",
        type=_positive,
        metavar="N",
        help="a part's rows, or its bytes of files "
        "(default: 2,000 texts, 100 binary rows, 64 MiB; less where there is little to do)",
    )
    add(
        "--cores-per-model",
        type=_positive,
        metavar="N",
        help="cores of a worker process and its model (default: see above)",
    )
    add(
        "--conf",
        action="append",
        default=[],
        type=_setting,
        metavar="KEY=VALUE",
        help="a setting of Spark; may be given several times",
    )
    add("--tracking-uri", default=tracking.TRACKING_URI, help="MLflow's, for models:/ URIs")
    return parser.parse_args(arguments)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and score.

    Raises:
        ZooError: The options, the model or the input can't be used.
    """
    args = parsed(arguments)
    with_spark = session.is_asked(args.master, args.conf, (args.input, args.output))
    if with_spark:
        session.check_java()
    params = {name: value for one in args.params for name, value in one.items()}
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        scorer = model.read(saved.find(args.model, args.tracking_uri, Path(work)))
        if unknown := params.keys() - set(scorer.params) | params.keys() & {"on_error"}:
            known = ", ".join(name for name in scorer.params if name != "on_error")
            raise ZooError(f"--params: '{sorted(unknown)[0]}' not found; available: {known}.")
        params["on_error"] = "report"
        spark = None
        if with_spark:
            master = session.master(args.master)
            settings = session.options(master, dict(args.conf), scorer.alone, args.cores_per_model)
            spark = stack.enter_context(session.session(settings))
        try:
            score(spark, args, scorer, params, Path(work))
        except ZooError:  # a refusal: Spark's log has nothing to add
            session.LOG.unlink(missing_ok=True)
            raise
        except (Exception, KeyboardInterrupt) as error:
            log = f" (Spark's log: {session.LOG})" if spark else ""
            raise ZooError(
                f"{reason(error)}{log}. Finished parts are in "
                f"'{args.output.rstrip('/')}.partial'; the same command continues from there."
            ) from error
    session.LOG.unlink(missing_ok=True)


def score(
    spark: "SparkSession | None",
    args: argparse.Namespace,
    scorer: model.SavedModel,
    params: dict[str, Any],
    work: Path,
) -> None:
    """Score the input, and write the output.

    Args:
        spark: The session. None: processes of this machine score.
        args: The command line.
        scorer: The model.
        params: The request's parameters.
        work: A directory for what is sent to the executors.

    Raises:
        ZooError: The input, or an output that exists, can't be used.
    """
    started = time.monotonic()
    output = Output(HadoopFiles(spark, args.output) if spark else FilesHere(), args.output)
    output.refuse_existing()
    args.part_size = args.part_size or (output.settings() or {}).get("size of parts")
    begin = functools.partial(on_spark, spark) if spark else on_processes
    source, run = begin(args, scorer, params)
    settings = {
        KIND: WITH_SPARK if spark else WITHOUT_SPARK,
        "model": scorer.identity,
        "input": [args.input, source.state, source.plan],
        "size of parts": source.size,
        "column": args.column,
        "prefix": args.prefix,
        "params": params,
    }
    output.agree(settings)
    with contextlib.closing(run):
        run.prepare(work)
        output.begin(settings)  # only now: the model has accepted the parameters
        run.write(output)
    errors = run.check(output)
    output.finish()
    seconds = time.monotonic() - started
    print(
        f"{source.total:,} rows in {seconds:.0f} s, {errors:,} with an error: {args.output}",
        file=sys.stderr,
    )


def on_spark(
    spark: "SparkSession",
    args: argparse.Namespace,
    scorer: model.SavedModel,
    params: dict[str, Any],
) -> "tuple[Source, BatchRun[Any]]":
    """Open the input for Spark; the arguments are those of `score`."""
    from batching.opening import open_source
    from batching.spark_run import SparkRun

    tasks = spark.sparkContext.defaultParallelism // int(spark.conf.get("spark.task.cpus") or 1)
    asked = (args.input, args.format, args.column, scorer, args.part_size)
    source = open_source(spark, *asked, max(1, tasks))
    return source, SparkRun(spark, source, scorer, args.prefix, params)


def on_processes(
    args: argparse.Namespace, scorer: model.SavedModel, params: dict[str, Any]
) -> "tuple[Source, BatchRun[Any]]":
    """Open the input for processes of this machine; the arguments are those of `score`."""
    from batching.local import open_source
    from batching.plain_run import PlainRun

    there = cores()
    each = args.cores_per_model or (there if scorer.alone else 1)
    if each > there:
        raise ZooError(f"--cores-per-model is {each}, but this machine has {there}.")
    workers = 1 if scorer.alone else there // each
    asked = (args.input, args.format, args.column, scorer, args.part_size)
    source = open_source(*asked, workers)
    return source, PlainRun(source, scorer, args.prefix, params, workers, each)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return found


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("less than 1")
    return number


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE")
    return key, value


if __name__ == "__main__":
    packaging.run(main)
