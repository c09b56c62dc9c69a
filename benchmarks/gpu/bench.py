"""What a check is given: where it computes, what it keeps, and how it reports."""

import json
import math
import os
import shutil
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

BATCHES = (1, 8, 64)
SHORT_BATCHES = (1, 2)  # of the stand-in
PRECISIONS = {"float32": "fp32", "float16": "fp16"}  # torch's name: our graphs'
TURN_SECONDS = 1.5  # in which runs are repeated
MOST_TURNS, LEAST_TURNS = 15, 3
LONG_SECONDS = 5.0  # a run that takes longer is timed once
GB = 1_000_000_000
ROOT = Path(__file__).parents[2]  # of the repository


class Skipped(Exception):
    """What a check needs isn't here; the message is a clause that says what."""


@dataclass(frozen=True)
class Bench:
    """A check's place of work.

    Args:
        work: The folder of models that are made from a seed; later checks find them there.
        stand_in: Whether the CPU stands in for the GPU, with small models.
        output: Where rows go, a line of JSON each.
    """

    work: Path
    stand_in: bool
    output: TextIO

    @property
    def device(self) -> str:
        """The device as torch names it."""
        return "cpu" if self.stand_in else "cuda"

    @property
    def batches(self) -> tuple[int, ...]:
        """How many items are computed together, from few to many."""
        return SHORT_BATCHES if self.stand_in else BATCHES

    @property
    def precisions(self) -> tuple[str, ...]:
        """What the references compute in, as torch names it; torch's float16 crawls on a CPU."""
        return tuple(PRECISIONS)[: 1 if self.stand_in else None]

    def torch(self) -> Any:
        """Import torch, for networks that learn nothing.

        Raises:
            Skipped: Torch can't use a GPU here.
        """
        import torch

        if not self.stand_in and not torch.cuda.is_available():
            raise Skipped("torch sees no GPU")
        torch.set_grad_enabled(False)
        return torch

    def onnx(self) -> None:
        """See that ONNX Runtime computes on the GPU, and let no engine fall back to the CPU.

        Raises:
            Skipped: It computes on the CPU here.
        """
        from zoo.errors import ZooError
        from zoo.serving import onnx

        if self.stand_in:
            return
        os.environ["THERESA_DEVICE"] = "cuda"
        try:
            onnx.device()
        except ZooError as error:
            raise Skipped(str(error)) from None

    def made(self, name: str, write: Callable[[Path], object]) -> Path:
        """Give a folder or file of the models, and make it where no earlier check did.

        Args:
            name: Its name.
            write: Writes it, at a path that is free.
        """
        home = self.work / name
        if not home.exists():
            begun = self.work / f"{name}.begun"
            shutil.rmtree(begun, ignore_errors=True)
            import torch

            with torch.enable_grad():
                write(begun)
            begun.rename(home)
        return home

    def measure(self, run: Callable[[], object], items: int, **about: Any) -> float:
        """Time a run, and report it.

        Args:
            run: What to time. It ends with its results in the CPU's memory.
            items: How many items one run works on.
            about: What the row says besides: `side`, `what`, `precision`, `unit`.

        Returns:
            The median, in seconds; infinite where the memory has no room for it.
        """
        from zoo.serving import failures

        begin = time.perf_counter()
        try:
            run()  # what a first run sets up isn't timed
        except Exception as error:
            if not failures.memory_ran_out(error):
                raise
            what = f"{about['side']}, {about['what']}, {about['precision']}: {items} together"
            self.promise(what, "the memory has no room for it")
            return math.inf
        least, most = (2, 2) if self.stand_in else (LEAST_TURNS, MOST_TURNS)
        if (now := time.perf_counter()) - begin > LONG_SECONDS:
            least = most = 1
        begin = now
        times: list[float] = []
        while len(times) < least or (
            len(times) < most and time.perf_counter() - begin < TURN_SECONDS
        ):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        quartiles = times * 3
        if len(times) > 1:
            quartiles = statistics.quantiles(times, n=4, method="inclusive")
        self._report(kind="speed", items=items, seconds=quartiles, gb=self.used_gb(), **about)
        return quartiles[1]

    def promise(self, what: str, found: str, kept: bool | None = None) -> None:
        """Report what was found of a promise.

        Args:
            what: The promise.
            found: What was found.
            kept: Whether it is kept. None: it is a fact, not a promise.
        """
        self._report(kind="promise", what=what, found=found, kept=kept)

    def pays(self, what: str, seconds: Mapping[int, float]) -> None:
        """Report whether batches pay.

        Args:
            what: What was computed.
            seconds: The time of a run, by its number of items.
        """
        done = [items for items, taken in seconds.items() if taken < math.inf]
        one, most = min(done, default=1), max(done, default=1)
        if one == most:
            return  # the memory has no room for batches, as other rows say
        gain = seconds[one] / one / (seconds[most] / most)
        found = f"{gain:.1f} times as many items a second"
        kept = None if self.stand_in else gain > 1  # a small model tells nothing
        self.promise(f"{what}: {most} together pay", found, kept)

    def used_gb(self) -> float:
        """Count the GPU's memory that is in use, by whatever process, in GB; 0 for the stand-in."""
        if self.stand_in:
            return 0.0
        import torch

        free, whole = torch.cuda.mem_get_info()
        return float(whole - free) / GB

    def _report(self, **row: Any) -> None:
        print(json.dumps(row), file=self.output, flush=True)
