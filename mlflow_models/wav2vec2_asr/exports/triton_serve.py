"""Serves the model repository beside this file with the server of the wheel nvidia-pytriton.

python serve.py [--http-port 8000] [--grpc-port 8001] [options of tritonserver]

For machines without Docker: the interpreter that runs this needs the packages of requirements.txt
and nvidia-pytriton. What it lacks beside NVIDIA's image is other backends than Python's.
"""

import argparse
import ctypes
import importlib.util
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path


def main() -> int:
    """Starts the server, and stops it when told to; returns its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--address", default="127.0.0.1", help="to listen on (%(default)s)")
    parser.add_argument("--http-port", default="8000", help="(%(default)s)")
    parser.add_argument("--grpc-port", default="8001", help="(%(default)s)")
    args, others = parser.parse_known_args()
    home, libraries = find_server()
    with tempfile.TemporaryDirectory(prefix="tritonserver-") as backends:
        link_backend(home, Path(backends) / "python")
        server = subprocess.Popen(
            [
                str(home / "bin" / "tritonserver"),
                f"--model-repository={Path(__file__).resolve().parent / 'models'}",
                f"--backend-directory={backends}",
                *(f"--{kind}-address={args.address}" for kind in ("http", "grpc")),
                f"--http-port={args.http_port}",
                f"--grpc-port={args.grpc_port}",
                "--allow-metrics=false",
                *others,
            ],
            env=environment(libraries),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: server.terminate())
        return server.wait()


def find_server() -> tuple[Path, Path]:
    """The wheel's server, and the folder of its libraries."""
    found = importlib.util.find_spec("pytriton")
    if found is None or found.origin is None:
        sys.exit("error: nvidia-pytriton isn't installed in the Python that runs this.")
    package = Path(found.origin).parent
    return package / "tritonserver", package.parent / "nvidia_pytriton.libs"


def link_backend(home: Path, folder: Path) -> None:
    """Puts the Python backend together with its interpreter of this version."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    if not stub.exists():
        sys.exit(f"error: nvidia-pytriton has no backend for Python {version}.")
    try:
        ctypes.CDLL(f"libpython{version}.so.1.0")
    except OSError:
        if not (python_libraries() / f"libpython{version}.so.1.0").exists():
            sys.exit(f"error: libpython{version}.so.1.0 is missing (Debian: libpython{version}).")
    folder.mkdir()
    for path in [*(home / "backends" / "python").iterdir(), stub]:
        (folder / path.name).symlink_to(path)


def python_libraries() -> Path:
    """Where this interpreter's own library would be."""
    return Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")


def environment(libraries: Path) -> dict[str, str]:
    """The server's environment: the wheel's libraries, and this interpreter's packages."""
    packages = dict.fromkeys(sysconfig.get_path(kind) for kind in ("purelib", "platlib"))
    search = [str(libraries), str(python_libraries()), os.environ.get("LD_LIBRARY_PATH", "")]
    paths = [*packages, os.environ.get("PYTHONPATH", "")]
    return {
        "LC_ALL": "C.UTF-8",  # the backend's Python writes its log in ASCII otherwise
        **os.environ,
        "LD_LIBRARY_PATH": os.pathsep.join(path for path in search if path),
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
    }


if __name__ == "__main__":
    sys.exit(main())
