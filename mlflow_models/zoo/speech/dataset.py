"""Builds an Arrow data set from recordings: in parallel, restartable, and never half of it.

Work is done in shards of some hundred recordings; a shard that is complete stays when the process
is killed. The data set appears under its name when all of it is written. Audio is kept as 16-bit
samples: no decoder is needed to read it, and every run sees the same numbers.
"""

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.errors import ZooError
from zoo.speech.cleaning import Limits, Text, clean
from zoo.speech.corpora import Recording

if TYPE_CHECKING:
    from datasets import Dataset, Features

SHARD = 256  # recordings
SHOWN = 8  # examples in the report, of each kind


@dataclass
class Report:
    """What became of the recordings.

    Args:
        kept: how many, and `seconds` their length.
        dropped: how many by reason, and `names` of a few of them.
        changed: a few transcripts before and after.
        durations: seconds of each that was kept.
    """

    kept: int = 0
    seconds: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    changed: list[list[str]] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)

    def add(self, other: "Report") -> None:
        """Adds another's figures to these."""
        self.kept += other.kept
        self.seconds += other.seconds
        self.dropped = dict(Counter(self.dropped) + Counter(other.dropped))
        for reason, names in other.names.items():
            self.names[reason] = (self.names.get(reason, []) + names)[:SHOWN]
        self.changed = (self.changed + other.changed)[:SHOWN]
        self.durations += other.durations


@dataclass(frozen=True)
class Job:
    """One shard: what is to be written where.

    Args:
        directory: of the shard.
        recordings: what goes into it.
        key: of the settings and the recordings; another key means another shard.
    """

    directory: Path
    recordings: list[Recording]
    key: str


def features(extra: Iterable[str]) -> "Features":
    """The columns of the data set."""
    from datasets import Features, Sequence, Value

    columns = {"text": Value("string"), "duration": Value("float32"), "name": Value("string")}
    return Features(
        {"audio": Sequence(Value("int16")), **columns, **{name: Value("string") for name in extra}}
    )


def write_shard(job: Job, text: Text, limits: Limits) -> Report:
    """Cleans and writes one shard, unless it is there already, and reports on it."""
    from datasets import Dataset

    done = job.directory / "report.json"
    if done.is_file():
        stored = json.loads(done.read_text(encoding="utf-8"))
        if stored.pop("key") == job.key:
            return Report(**stored)
    rows, report = [], Report()
    for recording in job.recordings:
        row, reason = clean(recording, text, limits)
        if reason:
            report.add(Report(dropped={reason: 1}, names={reason: [recording.name]}))
            continue
        rows.append(row)
        pair = [[recording.text, row["text"]]] if recording.text != row["text"] else []
        report.add(Report(1, row["duration"], changed=pair, durations=[row["duration"]]))
    part = job.directory.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.rmtree(job.directory, ignore_errors=True)
    columns = features(job.recordings[0].extra)
    table = {name: [row[name] for row in rows] for name in columns}
    Dataset.from_dict(table, features=columns).save_to_disk(part)
    (part / "report.json").write_text(
        json.dumps({**vars(report), "key": job.key}, ensure_ascii=False), encoding="utf-8"
    )
    os.replace(part, job.directory)
    return report


def build(
    recordings: Iterable[Recording],
    output: Path,
    text: Text,
    limits: Limits,
    shares: dict[str, float],
    *,
    group: str | None = None,
    settings: dict[str, str] | None = None,
    jobs: int = 1,
    seed: int = 1,
) -> Report:
    """Builds a data set, or one for each split, below `output`.

    Args:
        recordings: in the same order on every start, so that a restart finds its shards again.
        output: the directory; must not exist.
        text: how transcripts are normalised and counted; picklable, where there are several jobs.
        limits: what is kept.
        shares: of each split beside `train`, say `{"dev": 0.02}`; empty makes one data set.
        group: a column whose recordings (of a speaker, say) stay in one split.
        settings: what else shards depend on; a restart with others makes them anew.
        jobs: processes.
        seed: of the split.

    Raises:
        ZooError: the output exists, or nothing was kept.
    """
    from datasets import concatenate_datasets, disable_progress_bars, load_from_disk
    from tqdm import tqdm

    if output.exists():
        raise ZooError(f"'{output}' exists; choose another output, or remove it.")
    disable_progress_bars()
    work = output.with_name(output.name + ".part")
    report, directories = Report(), []
    with tqdm(desc="prepare", unit="recording") as bar:
        for job, part in _run(_jobs(recordings, work, settings or {}), text, limits, jobs):
            report.add(part)
            directories.append(job.directory)
            bar.update(len(job.recordings))
    if not report.kept:
        raise ZooError(f"Nothing can be kept: {report.dropped or 'the corpus is empty'}.")
    whole = concatenate_datasets([load_from_disk(str(path)) for path in directories])
    ready = work / "ready"
    shutil.rmtree(ready, ignore_errors=True)
    if shares:
        for name, rows in split(whole, shares, group, seed).items():
            rows.save_to_disk(ready / name)
    else:
        whole.save_to_disk(ready)
    write_report(report, ready)
    os.replace(ready, output)
    shutil.rmtree(work)
    return report


def split(
    data: "Dataset", shares: dict[str, float], group: str | None, seed: int
) -> dict[str, "Dataset"]:
    """Draws splits by the name of a recording, or of its group, whatever else is in the corpus."""
    chosen: dict[str, list[int]] = {"train": [], **{name: [] for name in shares}}
    for index, key in enumerate(data[group or "name"]):
        digest = hashlib.sha256(f"{seed}/{key}".encode()).digest()
        place, name = int.from_bytes(digest[:8]) / 2**64, "train"
        for other, share in shares.items():
            if place < share:
                name = other
                break
            place -= share
        chosen[name].append(index)
    return {name: data.select(rows) for name, rows in chosen.items()}


def write_report(report: Report, directory: Path) -> None:
    """Writes `report.json`, and the histogram of durations as `durations.png`."""
    from matplotlib.figure import Figure

    summary = {name: value for name, value in vars(report).items() if name != "durations"}
    (directory / "report.json").write_text(
        json.dumps({**summary, "hours": report.seconds / 3600}, ensure_ascii=False, indent=1),
        encoding="utf-8",
    )
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.hist(report.durations, bins=60)
    axes.set(xlabel="seconds", ylabel="recordings", title=f"{report.seconds / 3600:.2f} hours")
    figure.savefig(directory / "durations.png", dpi=120)


def _jobs(recordings: Iterable[Recording], work: Path, settings: dict[str, str]) -> Iterator[Job]:
    """Cuts the corpus into shards."""
    recordings = iter(recordings)
    number = 0
    while chunk := list(islice(recordings, SHARD)):
        described = [(r.name, r.text, *r.extra.items()) for r in chunk]
        key = hashlib.sha256(repr((settings, described)).encode()).hexdigest()
        yield Job(work / f"{number:06}", chunk, key)
        number += 1


def _run(
    jobs: Iterator[Job], text: Text, limits: Limits, processes: int
) -> Iterator[tuple[Job, Report]]:
    """Runs jobs in order; so many at a time that memory doesn't depend on the corpus."""
    if processes <= 1:
        for job in jobs:
            yield job, write_shard(job, text, limits)
        return
    context = get_context("forkserver")
    context.set_forkserver_preload(["datasets", __name__])  # imported once, not once a process
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        waiting: list[tuple[Job, Future[Report]]] = []
        for job in jobs:
            waiting.append((job, pool.submit(write_shard, job, text, limits)))
            if len(waiting) > 2 * processes:
                first, future = waiting.pop(0)
                yield first, future.result()
        for job, future in waiting:
            yield job, future.result()
