"""Half an hour of good and bad requests on the image: nothing fails, and memory stays flat."""

import statistics
import threading
from pathlib import Path
from typing import Any

from benchmarks.harness import machine
from benchmarks.server import container, load, resident

TITLE = "Half an hour of load on the image"
EVERY = 10.0  # seconds between two looks at the memory


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Loads our image with 32 steady clients; needs `make image` before it."""
    seconds, warm_up = (20, 10) if quick else (1800, 300)
    samples: list[float] = []
    over = threading.Event()

    def watch(name: str) -> None:
        while not over.wait(EVERY):
            samples.append(resident(name))

    with container("ours") as (name, url):
        load(url, warm_up, "SteadyClient")
        watcher = threading.Thread(target=watch, args=(name,))
        watcher.start()
        try:
            figures = load(url, seconds, "SteadyClient")
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
    minutes, (first, last) = result["seconds"] / 60, result["memory"]
    return "\n".join(
        [
            "| what | figure | target |",
            "| --- | ---: | --- |",
            f"| requests in {minutes:.0f} minutes, 1 in 20 bad | {result['requests']:,.0f} | |",
            f"| answered with another status than they should | {result['failures']:.0f} | 0 |",
            f"| memory (PSS) at the start, at the end | {first:.3f} GB, {last:.3f} GB | |",
            f"| its drift over that time (linear fit) | {result['drift']:+.2%} | below 1 % |",
        ]
    )
