"""Checks that end badly, for test_check.py."""

import os
import time

from benchmarks.gpu.bench import Bench, Skipped


def dies(bench: Bench) -> None:
    bench.promise("it began", "yes", True)
    os._exit(9)


def fails(_: Bench) -> None:
    raise ValueError("the device is on fire")


def hangs(bench: Bench) -> None:
    bench.promise("it began", "yes", True)
    time.sleep(600)


def lacks(_: Bench) -> None:
    raise Skipped("the moon isn't full")


def imports(_: Bench) -> None:
    import no_such_package  # type: ignore[import-not-found]  # noqa: F401


def answers(bench: Bench) -> None:
    bench.measure(lambda: None, 4, side="ours", precision="float32", what="nothing", unit="things")
