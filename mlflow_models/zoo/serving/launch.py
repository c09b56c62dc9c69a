"""Runs the zoo's server for a saved model, under gunicorn.

  python -m zoo.serving.launch MODEL_DIRECTORY  serves the model
  python -m zoo.serving.launch --check          asks the server on this machine if it is ready

Workers share one copy of the weights: the model is loaded once, then gunicorn forks. If the engine
doesn't survive a fork (the model's metadata says `fork_safe: false`), or if the model takes a GPU
that is here, a single worker loads the model itself. On SIGTERM `/ready` becomes 503, then the
server stops listening, then the requests in flight finish. The process becomes gunicorn's master,
so signals do what gunicorn documents. Settings come from `THERESA_*` (see `zoo.settings`),
`MLFLOW_MODELS_WORKERS` and `GUNICORN_CMD_ARGS`.
"""

import argparse
import math
import os
import shlex
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoo.errors import ZooError
from zoo.serving import devices
from zoo.serving.runner import cores
from zoo.serving.shared import MAX_WORKERS
from zoo.settings import DeviceSettings, Settings, check, read

WORKER_CLASS = "zoo.serving.worker.Worker"


def gunicorn_arguments(given: str) -> tuple[list[str], str | None]:
    """Read `GUNICORN_CMD_ARGS`.

    Args:
        given: The variable's value.

    Returns:
        The options to keep, and the worker class that it asks for, or None.

    Raises:
        ZooError: The value can't be read, asks for a wrong number of workers, or for another
            configuration file.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("-k", "--worker-class")
    parser.add_argument("-w", "--workers")
    parser.add_argument("-c", "--config")
    try:
        known, rest = parser.parse_known_args(shlex.split(given))
    except (ValueError, argparse.ArgumentError) as error:
        raise ZooError(f"GUNICORN_CMD_ARGS: {error}.") from None
    if known.config is not None:
        raise ZooError(
            "GUNICORN_CMD_ARGS: --config is not supported: the server has its own. Use options."
        )
    if known.workers is not None:
        rest += ["--workers", str(worker_count("GUNICORN_CMD_ARGS", known.workers))]
    return rest, known.worker_class


def worker_count(variable: str, value: str) -> int:
    """Read a number of workers.

    Args:
        variable: The variable's name, for an error's message.
        value: Its value.

    Raises:
        ZooError: The value isn't a number from 1 to `MAX_WORKERS`.
    """
    if not (value.isdecimal() and 1 <= int(value) <= MAX_WORKERS):
        raise ZooError(
            f"{variable} asks for {value!r} workers; give a number from 1 to {MAX_WORKERS}."
        )
    return int(value)


def metadata_of(model: Path) -> dict[str, Any]:
    """Read what a saved model says of itself."""
    import yaml

    about = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
    return about.get("metadata") or {}


def spooling(settings: Settings, metadata: Mapping[str, Any]) -> str:
    """Tell whether large files are taken, and where they are kept; empty if no file is taken.

    Raises:
        ZooError: THERESA_SPOOL isn't a folder that this process can write to.
    """
    folder = settings.spool
    if folder:
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            reason = error.strerror
            raise ZooError(
                f"THERESA_SPOOL={folder!r} is not a folder that the server can write to: {reason}."
            ) from None
    columns = metadata.get("declaration", {}).get("columns", ())
    if all(one["kind"] != "file" for one in columns):
        return ""
    if not folder:
        most = settings.max_body_bytes
        return (
            f"Files of up to {most:,} bytes are taken; THERESA_SPOOL, for larger ones, isn't set."
        )
    most = max(settings.max_body_bytes, settings.spool_bytes)
    return f"Files of up to {most:,} bytes are taken; large ones are kept in {folder}."


def survives_fork(model: Path) -> bool:
    """Tell whether workers can share a model that is loaded before the fork.

    Raises:
        ZooError: `THERESA_DEVICE` is `cuda`, and the model can't have a GPU.
    """
    metadata, wanted = metadata_of(model), read(DeviceSettings).device
    line = metadata.get("cuda")
    found = devices.Device("cpu", why="the model was built without --gpu")
    if line and wanted != "cpu" and (wanted == "cuda" or devices.is_there()):
        found = devices.look_apart(int(line))
    if wanted == "cuda" and found.kind == "cpu":
        raise devices.no_gpu(found.why)
    # CUDA doesn't survive a fork either.
    return bool(metadata.get("fork_safe", True)) and found.kind == "cpu"


def command(settings: Settings, model: Path) -> list[str]:
    """Write gunicorn's command line; `GUNICORN_CMD_ARGS` comes last, so it decides."""
    given, other = gunicorn_arguments(os.environ.get("GUNICORN_CMD_ARGS", ""))
    if other:
        print(
            f"GUNICORN_CMD_ARGS asks for the worker class '{other}'; carrying on with "
            f"'{WORKER_CLASS}', which the app needs.",
            file=sys.stderr,
            flush=True,
        )
    if told := spooling(settings, metadata_of(model)):
        print(told, file=sys.stderr, flush=True)
    shared = survives_fork(model)
    usual = str(cores()) if shared else "1"
    workers = os.environ.get("MLFLOW_MODELS_WORKERS") or usual
    # gunicorn listens on every address that it gets, so ours is left out if the operator gives one.
    own = not any(one.startswith(("-b", "--bind")) for one in given)
    arguments = {
        **({"--bind": f"0.0.0.0:{settings.port}"} if own else {}),
        "--workers": str(worker_count("MLFLOW_MODELS_WORKERS", workers)),
        "--worker-class": WORKER_CLASS,
        "--config": "python:zoo.serving.gunicorn_conf",
        "--keep-alive": str(settings.idle_seconds),
        "--graceful-timeout": str(math.ceil(settings.drain_seconds + settings.grace_seconds)),
        "--worker-tmp-dir": "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir(),
    }
    options = [word for pair in arguments.items() for word in pair]
    return [
        sys.executable,
        "-m",
        "gunicorn",
        *options,
        *(["--preload"] if shared else []),
        "--no-control-socket",
        *given,
        "zoo.serving.app:create()",
    ]


def is_ready(port: int) -> bool:
    """Tell whether the server on this machine answers `/ready` with 200."""
    try:
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"http://127.0.0.1:{port}/ready", timeout=4):
            return True
    except OSError:
        return False


def main() -> None:
    """Read the command line, and become gunicorn."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.serving.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, nargs="?", help="a saved model's directory")
    parser.add_argument("--check", action="store_true", help="exit with 0 if it is ready")
    args = parser.parse_args()
    try:
        settings = check()
        if args.check:
            sys.exit(not is_ready(settings.port))
        if args.model is None or not (args.model / "MLmodel").is_file():
            parser.error(f"'{args.model}' is not a saved model; build.py writes one")
        start = command(settings, args.model)
    except ZooError as error:
        sys.exit(f"error: {error}")
    os.environ["THERESA_MODEL"] = str(args.model.resolve())
    if (code := args.model.resolve() / "code").is_dir():  # a model is served by its own code
        paths = filter(None, [str(code), os.environ.get("PYTHONPATH")])
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    os.environ["GUNICORN_CMD_ARGS"] = ""
    # With an arena for each thread, the C library keeps the memory that threads have freed.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    os.execv(sys.executable, start)


if __name__ == "__main__":
    main()
