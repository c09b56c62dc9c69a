"""Runs the zoo's server for a saved model, under gunicorn.

  python -m zoo.launch MODEL_DIRECTORY     serves it
  python -m zoo.launch --check             asks the server on this machine whether it is ready

Workers share one copy of the weights: the model is loaded once, then gunicorn forks. Where the
engine doesn't survive a fork (the model's metadata says `fork_safe: false`), or there is a GPU, a
single worker loads it itself. On SIGTERM `/ready` turns 503, then the server stops listening, then
requests in flight finish. Settings come from `THERESA_*` (see `zoo.settings`),
`MLFLOW_MODELS_WORKERS` and `GUNICORN_CMD_ARGS`.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import FrameType

from zoo.runner import cores
from zoo.settings import Settings

GPU = Path("/dev/nvidiactl")  # there where `docker run --gpus` gives a container one


def gunicorn_arguments(given: str) -> tuple[list[str], str | None]:
    """What to keep of `GUNICORN_CMD_ARGS`, and the worker class that was asked for, if another.

    The app is an ASGI one, which gevent's and the other WSGI workers can't run.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-k", "--worker-class")
    known, rest = parser.parse_known_args(shlex.split(given))
    other = known.worker_class if known.worker_class not in (None, "asgi") else None
    return rest, other


def survives_fork(model: Path) -> bool:
    """Whether workers can share a model that was loaded before they were forked."""
    import yaml

    about = yaml.safe_load((model / "MLmodel").read_text(encoding="utf-8"))
    declared = (about.get("metadata") or {}).get("fork_safe", True)
    return bool(declared) and not GPU.exists()  # CUDA doesn't survive a fork either


def command(settings: Settings, model: Path) -> list[str]:
    """The command line of gunicorn; what `GUNICORN_CMD_ARGS` says comes last, and wins."""
    given, other = gunicorn_arguments(os.environ.get("GUNICORN_CMD_ARGS", ""))
    if other:
        print(
            f"GUNICORN_CMD_ARGS asks for the worker class '{other}', which can't run an ASGI app; "
            "carrying on with 'asgi'.",
            file=sys.stderr,
            flush=True,
        )
    shared = survives_fork(model)
    usual = str(cores()) if shared else "1"
    workers = os.environ.get("MLFLOW_MODELS_WORKERS") or usual
    arguments = {
        "--bind": f"0.0.0.0:{settings.port}",
        "--workers": workers,
        "--worker-class": "asgi",
        "--config": "python:zoo.gunicorn_conf",
        "--graceful-timeout": str(settings.grace_seconds),
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
        "zoo.server:create()",
    ]


def is_ready(port: int) -> bool:
    """Whether the server on this machine answers `/ready` with 200."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=4):
            return True
    except OSError:
        return False


def main() -> None:
    """Starts gunicorn, and stops it gently."""
    parser = argparse.ArgumentParser(
        prog="python -m zoo.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", type=Path, nargs="?", help="a saved model's directory")
    parser.add_argument("--check", action="store_true", help="exit with 0 if it is ready")
    args = parser.parse_args()
    settings = Settings()
    if args.check:
        sys.exit(not is_ready(settings.port))
    if args.model is None or not (args.model / "MLmodel").is_file():
        parser.error(f"'{args.model}' is no saved model; build.py writes one")
    with tempfile.TemporaryDirectory(prefix="theresa-") as work:
        stopping = Path(work) / "stopping"
        (Path(work) / "metrics").mkdir()
        environment = {
            **os.environ,
            "GUNICORN_CMD_ARGS": "",
            "PROMETHEUS_MULTIPROC_DIR": f"{work}/metrics",
            "THERESA_MODEL": str(args.model.resolve()),
            "THERESA_STOPPING_FILE": str(stopping),
        }
        process = subprocess.Popen(command(settings, args.model), env=environment)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            if not stopping.exists():
                stopping.touch()
                time.sleep(settings.drain_seconds)
            process.send_signal(signal.SIGTERM)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        sys.exit(process.wait())


if __name__ == "__main__":
    main()
