"""Half an hour of good and bad requests on the image: nothing fails, and memory stays flat."""

import statistics
import threading
from pathlib import Path
from typing import Any

from tests.benchmarks.harness import machine
from tests.benchmarks.server import container, load, resident

TITLE = "Half an hour of load on the image"
EVERY = 10.0  # seconds between two looks at the memory


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Loads our image with 32 clients; needs `make image` before it."""
    seconds, warm_up = (20, 10) if quick else (1800, 300)
    samples: list[float] = []
    over = threading.Event()

    def watch(name: str) -> None:
        while not over.wait(EVERY):
            samples.append(resident(name))

    with container("ours") as (name, url):
        load(url, warm_up)
        watcher = threading.Thread(target=watch, args=(name,))
        watcher.start()
        try:
            figures = load(url, seconds)
        finally:
            over.set()
            watcher.join()
    slope = statistics.linear_regression(range(len(samples)), samples).slope
    return {
        "machine": machine(("mlflow", "gunicorn", "onnxruntime", "locust")),
        "seconds": seconds,
        "requests": figures["requests"],
        "failures": figures["failures"],
        "memory": [samples[0], samples[-1]],
        "drift": slope * len(samples) / statistics.mean(samples),
    }


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    first, last = result["memory"]
    return f"""| what | figure | target |
| --- | ---: | --- |
| requests in {result["seconds"] / 60:.0f} minutes, one in twenty of them bad | {result["requests"]:,.0f} | |
| answered with another status than they should | {result["failures"]:.0f} | 0 |
| memory (PSS) at the start and at the end | {first:.3f} and {last:.3f} GB | |
| its drift over that time (linear fit) | {result["drift"]:+.2%} | below 1 % |"""
