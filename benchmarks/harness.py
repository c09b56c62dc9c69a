"""Measures contenders against a reference: interleaved, in CPU time and wall time.

On a machine that is shared, one run after the other compares the neighbours' load as much as the
code. So the contenders take turns, each turn gives one ratio to the reference, and the median of
these ratios is reported with the range that its middle half covers.
"""

import contextlib
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
from tqdm import trange

from zoo.building.saved import MODELS

Row = dict[str, Any]


class NotHere(Exception):
    """A benchmark's needs that aren't met here; its message says which, and how to meet them."""


def compare(
    contenders: Mapping[str, Any],
    check: Callable[[Any, Any], None],
    turns: int,
    items: int,
    warm: bool = True,
    inexact: Sequence[str] = (),
) -> dict[str, Row]:
    """Runs every contender once per turn, after one turn of warming up.

    Args:
        contenders: What to call, by name; the first is the reference. One that has a method `timed`
            measures itself, in a process of its own.
        check: Raises AssertionError where a contender's output (second) isn't the reference's.
        turns: How often each one runs.
        items: How many items one call works on.
        warm: Whether to warm up; what takes minutes anyway is checked in its turn.
        inexact: Contenders whose outputs may differ, since their arithmetic does.

    Returns:
        By name: items per second of CPU and of wall time, `seconds` of CPU time per call, and
        `speedup`, the median over the turns of the reference's CPU time over its own, between the
        quartiles `low` and `high`.
    """
    reference = next(iter(contenders))
    if warm:
        outputs = {name: timed(run)[0] for name, run in contenders.items()}
        for name, output in outputs.items():
            if name not in inexact:
                check(outputs[reference], output)
    cpu: dict[str, list[float]] = {name: [] for name in contenders}
    wall: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in trange(turns, desc=", ".join(contenders), leave=False):
        outputs = {}
        for name, run in contenders.items():
            outputs[name], cpu_seconds, wall_seconds = timed(run)
            if name not in inexact:
                check(outputs[reference], outputs[name])
            cpu[name].append(cpu_seconds)
            wall[name].append(wall_seconds)
    rows = {}
    for name in contenders:
        ratios = [one / own for one, own in zip(cpu[reference], cpu[name], strict=True)]
        low, median, high = quartiles(ratios)
        rows[name] = {
            "per_cpu_second": items / statistics.median(cpu[name]),
            "per_second": items / statistics.median(wall[name]),
            "seconds": statistics.median(cpu[name]),
            "speedup": median,
            "low": low,
            "high": high,
        }
    return rows


def timed(run: Any) -> tuple[Any, float, float]:
    """What a contender gives, and its seconds of CPU and wall time."""
    if hasattr(run, "timed"):
        measured: tuple[Any, float, float] = run.timed()
        return measured
    cpu, wall = time.process_time(), time.perf_counter()
    output = run()
    return output, time.process_time() - cpu, time.perf_counter() - wall


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """The first quartile, the median and the third quartile; of one value, itself three times."""
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, median, high


class Meter:
    """What this process, and those that it started, use of the processors since it was made."""

    def __init__(self) -> None:
        self._start, self._busy, self._own = time.perf_counter(), _busy(), _own()

    def others(self) -> float:
        """The share of the machine's processors that everybody else used meanwhile."""
        possible = (time.perf_counter() - self._start) * (os.cpu_count() or 1)
        return max(0.0, (_busy() - self._busy) - (_own() - self._own)) / possible


def children_seconds() -> float:
    """CPU seconds of the processes that this one started and that are still there."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _own() -> float:
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + children_seconds()


def _busy() -> float:
    """CPU seconds of all processes of the machine, and what its host took from it."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.irq + times.softirq + times.steal + times.nice)


def saved(name: str) -> Path:
    """The model that its `build.py` saved.

    Raises:
        NotHere: It didn't yet.
    """
    home = (MODELS / name).resolve()  # MLflow refuses what lies behind a link
    if not home.is_dir():
        raise NotHere(f"there is no saved model; `make build MODEL={name}` writes it")
    return home


def machine(packages: tuple[str, ...]) -> str:
    """What the figures were measured on, in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return (
        f"{model}, {os.cpu_count()} cores (shared), {memory:.0f} GiB; "
        f"Python {platform.python_version()}, {versions}"
    )
