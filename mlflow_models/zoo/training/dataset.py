"""Builds an Arrow data set from recordings: in parallel, restartable, and never half of it.

Work is done in shards of some hundred recordings; a shard that is complete stays when the process
is killed. The data set appears under its name when all of it is written. Audio is kept as 16-bit
samples: no decoder is needed to read it, and every run sees the same numbers.
"""

import hashlib
import os
import shutil
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.outputs import check_new, whole_directory, write_json
from zoo.data.tables import open_table, write_table
from zoo.data.texts import read_object
from zoo.errors import ZooError
from zoo.training import overview
from zoo.training.cleaning import Cleaned, Limits, Text, clean
from zoo.training.corpora import CorpusRecording
from zoo.training.page import left_out
from zoo.training.report import CorpusReport, write_copies, write_report
from zoo.training.splits import check_shares, divide

if TYPE_CHECKING:
    from datasets import Dataset, Features

SHARD = 256  # recordings
OWN_GROUPS = ("text", "name")  # what every data set can be grouped by
LEFT_OUT = "dropped.tsv"  # in a shard, and in the data set: name and reason


@dataclass(frozen=True)
class ShardJob:
    """One shard: what is to be written where.

    Args:
        directory: of the shard.
        recordings: what goes into it.
        key: of the settings and the recordings; another key means another shard.
    """

    directory: Path
    recordings: list[CorpusRecording]
    key: str


def features(extra: Collection[str]) -> "Features":
    """The columns of the data set.

    Args:
        extra: Those to keep of the corpus.

    Raises:
        ZooError: The data set already has a column of that name.
    """
    from datasets import Features, Sequence, Value

    columns = {"text": Value("string"), "duration": Value("float32"), "name": Value("string")}
    for name in extra:
        if name in (*columns, "audio"):
            raise ZooError(f"--keep {name}: the data set has a column '{name}' of its own.")
    return Features(
        {"audio": Sequence(Value("int16")), **columns, **{name: Value("string") for name in extra}}
    )


def _table(rows: list[dict[str, Any]], columns: "Features") -> "Dataset":
    """A data set of rows; `Dataset.from_dict` would make an object of every sample of sound."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from datasets import Dataset, DatasetInfo

    schema = columns.arrow_schema
    sounds = [row["audio"] for row in rows]
    ends = np.cumsum([0, *map(len, sounds)], dtype=np.int32)
    samples = np.concatenate([*sounds, np.zeros(0, np.int16)])
    audio = pa.ListArray.from_arrays(pa.array(ends), pa.array(samples))
    arrays = [
        audio if name == "audio" else pa.array([row[name] for row in rows]) for name in schema.names
    ]
    table = pa.table([a.cast(field.type) for a, field in zip(arrays, schema, strict=True)], schema)
    return Dataset(table, info=DatasetInfo(features=columns))


def add_group(cli: Any) -> None:
    """Add the option `--group` of a prepare command to its parser, or to a group of it."""
    cli.add_argument("--group", metavar="COLUMN", action="append", default=[],
                     help="stays in one part: a speaker, a site, a source; `text` is the "
                     "transcript; may be given several times")  # fmt: skip


def kept_columns(keep: Sequence[str], groups: Sequence[str]) -> tuple[str, ...]:
    """Return the corpus's columns that the data set needs: those to keep, and groups'."""
    return tuple(dict.fromkeys([*keep, *(name for name in groups if name not in OWN_GROUPS)]))


def write_shard(job: ShardJob, text: Text, limits: Limits) -> CorpusReport:
    """Cleans and writes one shard, unless it is there already, and reports on it."""
    done = job.directory / "report.json"
    if done.is_file():
        stored = read_object(done)
        if stored.pop("key") == job.key:
            return CorpusReport(**stored)
    rows, report, left_out = [], CorpusReport(), []
    columns = features(job.recordings[0].extra)
    for recording in job.recordings:
        cleaned = clean(recording, text, limits)
        report.add(describe(recording, cleaned))
        if cleaned.reason:
            reason = "no such file" if cleaned.missing else cleaned.reason
            left_out.append((recording.name, reason))
        else:
            rows.append(cleaned.row)
    with whole_directory(job.directory) as part:
        _table(rows, columns).save_to_disk(part)
        write_table(part / LEFT_OUT, ["name", "reason"], left_out)
        write_json(part / "report.json", {**vars(report), "key": job.key})
    return report


def describe(recording: CorpusRecording, cleaned: Cleaned) -> CorpusReport:
    """One recording's report."""
    spelt, row = cleaned.spelt, cleaned.row
    report = CorpusReport(
        found=dict(Counter(spelt.found)),
        contexts=dict.fromkeys(spelt.found, recording.text),
        missing=int(cleaned.missing),
        foreign=dict.fromkeys(cleaned.foreign, 1),
    )
    if cleaned.reason:
        report.dropped, report.names = {cleaned.reason: 1}, {cleaned.reason: [recording.name]}
        return report
    report.kept, report.seconds, report.durations = 1, row["duration"], [row["duration"]]
    report.changed = [[recording.text, spelt.text]] if recording.text != spelt.text else []
    report.rules = dict.fromkeys(spelt.steps, 1)
    report.examples = {rule: [list(pair)] for rule, pair in spelt.steps.items()}
    report.characters = dict(Counter(spelt.text))
    return report


def build(
    recordings: Iterable[CorpusRecording],
    output: Path,
    text: Text,
    limits: Limits,
    shares: dict[str, float],
    *,
    groups: Sequence[str] = (),
    settings: dict[str, str] | None = None,
    jobs: int = 1,
    seed: int = 1,
    shuffle: bool = False,
    finish: Callable[[CorpusReport, Path], None] | None = None,
) -> CorpusReport:
    """Builds a data set, or one for each split, below `output`.

    Args:
        recordings: in the same order on every start, so that a restart finds its shards again.
        output: the directory; must not exist.
        text: how transcripts are normalised and counted; picklable, where there are several jobs.
        limits: what is kept.
        shares: of each split beside `train`, say `{"dev": 0.02}`; one of 0 is left out, and without
            any there is one data set.
        groups: columns whose recordings (of a speaker, say) stay in one split; `text` is one, too.
        settings: what else shards depend on; a restart with others makes them anew.
        jobs: processes.
        seed: of the split, and of the shuffling.
        shuffle: whether rows change places. Then the shares of the splits are exact, too; else a
            recording is in the split that its name draws, whatever is added to the corpus later.
        finish: writes what else belongs into the directory, before it gets its name.

    Raises:
        ZooError: the output exists, the shares leave nothing for training, or nothing was kept.
    """
    from datasets import concatenate_datasets, disable_progress_bars, load_from_disk
    from tqdm import tqdm

    check_new(output)
    check_shares(shares)
    disable_progress_bars()
    work = output.with_name(output.name + ".part")
    report, directories = CorpusReport(rules={rule.name: 0 for rule in text.rules}), []
    with tqdm(desc="prepare", unit="recording") as bar:
        for job, part in _run(_jobs(recordings, work, settings or {}), text, limits, jobs):
            report.add(part)
            report.rows += len(job.recordings)
            directories.append(job.directory)
            bar.update(len(job.recordings))
    if not report.kept:
        raise ZooError(_nothing(report))
    whole = concatenate_datasets([load_from_disk(str(path)) for path in directories])
    asked = {name: share for name, share in shares.items() if share}
    division = divide(whole, asked, groups, seed, shuffle)
    report.divide(division)
    with whole_directory(output) as ready:
        for name, rows in division.parts.items():
            if rows:  # an empty data set couldn't be opened
                whole.select(rows).save_to_disk(ready / name)
        tables = [open_table(directory / LEFT_OUT) for directory in directories]
        left_out = (row.values() for table in tables for _, row in table.strict_rows())
        write_table(ready / LEFT_OUT, ["name", "reason"], left_out)
        write_copies(division, ready)
        if finish is not None:
            finish(report, ready)
        write_report(report, ready)
        overview.write(report, whole, output.name, ready)
    shutil.rmtree(work)
    return report


def _nothing(report: CorpusReport) -> str:
    dropped = sum(report.dropped.values())
    if dropped and report.missing == dropped:
        name = report.names["unreadable"][0]
        return f"None of the {dropped} recordings has a file: '{name}' doesn't exist, say."
    first = {reason: names[0] for reason, names in report.names.items() if names}
    return f"Nothing can be kept: {left_out(report.dropped, first)}."


def _jobs(
    recordings: Iterable[CorpusRecording], work: Path, settings: dict[str, str]
) -> Iterator[ShardJob]:
    """Cuts the corpus into shards."""
    recordings = iter(recordings)
    number = 0
    while chunk := list(islice(recordings, SHARD)):
        described = [(r.name, r.text, *r.extra.items()) for r in chunk]
        key = hashlib.sha256(repr((settings, described)).encode()).hexdigest()
        yield ShardJob(work / f"{number:06}", chunk, key)
        number += 1


def _run(
    jobs: Iterator[ShardJob], text: Text, limits: Limits, processes: int
) -> Iterator[tuple[ShardJob, CorpusReport]]:
    """Runs jobs in order; so many at a time that memory doesn't depend on the corpus."""
    if processes <= 1:
        for job in jobs:
            yield job, write_shard(job, text, limits)
        return
    context = get_context("forkserver")
    context.set_forkserver_preload(["datasets", __name__])  # imported once, not once a process
    with ProcessPoolExecutor(processes, context, initializer=_begin) as pool:
        waiting: list[tuple[ShardJob, Future[CorpusReport]]] = []
        for job in jobs:
            waiting.append((job, pool.submit(write_shard, job, text, limits)))
            if len(waiting) > 2 * processes:
                first, future = waiting.pop(0)
                yield first, future.result()
        for job, future in waiting:
            yield job, future.result()


def _begin() -> None:
    """Readies a worker: it shows no bars, and ends when the main process is killed."""
    from datasets import disable_progress_bars

    disable_progress_bars()
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
