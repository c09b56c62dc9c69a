"""Serves all models that are built, and pages where a person can try them, until it is stopped.

  make pages             serves the models that are built
  make pages DEMO=1      first builds the demo checkpoint of the other models

Every model gets a free port of this machine and one worker (or `MLFLOW_MODELS_WORKERS` workers).
`make pages DEMO=1` also makes a map of drawn scenes, which the page of photos shows.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from zoo.building import capabilities
from zoo.building.demo import speaker_network
from zoo.building.local_server import serve
from zoo.building.packaging import ROOT, run
from zoo.building.saved import MODELS
from zoo.errors import ZooError

DEMO_MAP = MODELS / "demo-map"  # the Makefile makes it
ONE_WORKER = {"MLFLOW_MODELS_WORKERS": os.environ.get("MLFLOW_MODELS_WORKERS", "1")}


def build_demos(console: Console) -> None:
    """Build the demo checkpoint of every model that isn't built."""
    folders = capabilities.folders()
    missing = [one for one in folders if not (MODELS / one.name / "MLmodel").is_file()]
    for number, folder in enumerate(missing, 1):
        name, script = folder.name, folder / "build.py"
        command = [sys.executable, str(script), *speaker_network(folder, console)]
        with console.status(f"Building {name} ({number} of {len(missing)})"):
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise ZooError(f"building {name} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        console.print(f"Built {name}.", highlight=False)


def serve_all(models: Sequence[Path], stack: ExitStack, console: Console) -> dict[Path, str]:
    """Start models, and give their addresses; print why a model doesn't start."""

    def start(model: Path) -> str | None:
        try:
            return stack.enter_context(serve(model, ONE_WORKER))
        except ZooError as error:
            console.print(str(error), style="red", highlight=False)
            return None

    names = ", ".join(one.name for one in models)
    with console.status(f"Starting {names}"), ThreadPoolExecutor(len(models)) as pool:
        urls = list(pool.map(start, models))
    return {model: url for model, url in zip(models, urls, strict=True) if url}


def main() -> None:
    """Read the command line, start everything, and stop it on Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.building.pages",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--demo", action="store_true", help="first build what isn't built")
    parser.add_argument("--port", type=int, default=7860, help="the pages' port (%(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="their address (%(default)s)")
    args = parser.parse_args()
    console = Console()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if args.demo:
        build_demos(console)
    models = sorted(one.parent for one in MODELS.glob("*/MLmodel"))
    if not models:
        raise ZooError(
            "no model is built. Build the demos with `make pages DEMO=1`, or one model with "
            "`make build MODEL=NAME`."
        )
    with ExitStack() as stack:
        options = [f"--host={args.host}", f"--port={args.port}"]
        for model, url in serve_all(models, stack, console).items():
            console.print(f"{model.name} is ready at {url}", highlight=False)
            options.append(f"{model.name}={url}")
        if (DEMO_MAP / "map").is_dir():
            options[:0] = ["--map", str(DEMO_MAP / "map"), str(DEMO_MAP / "embeddings")]
        pages = subprocess.Popen([sys.executable, "-m", "test_models.app", *options], cwd=ROOT)
        stack.callback(pages.wait)
        stack.callback(pages.terminate)
        try:
            sys.exit(pages.wait())
        except KeyboardInterrupt:
            console.print("Stopping.")


if __name__ == "__main__":
    run(main)
