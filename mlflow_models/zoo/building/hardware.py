"""What a model is built for: CPUs, or GPUs as well.

CUDA's libraries are Python packages among a model's requirements. So its image needs no CUDA base,
and a host needs the driver alone.
"""

import argparse
import re
from pathlib import Path

from zoo.errors import ZooError
from zoo.serving.devices import LEAST_DRIVER

REQUIREMENTS = "requirements-gpu.txt"
CUDA_PACKAGE = re.compile(r"^nvidia-(?:cublas|cudnn)-cu(\d+)==", re.MULTILINE)


def add_gpu(parser: argparse.ArgumentParser) -> None:
    """Add `--gpu`, which every builder has."""
    parser.add_argument(
        "--gpu",
        action="store_true",
        help="pack CUDA's libraries as well, for GPU hosts; a host without a GPU serves such a "
        "model on its CPU, slower than a model that is built without this option",
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add the choice of arithmetic that builders of ONNX graphs have."""
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        help="fp32 (default): the checkpoint's own answers; fp16 (default with --gpu): half the "
        "size, for GPUs; int8: faster on a CPU; both nearly the same (evaluate it on your data)",
    )
    parser.set_defaults(graphs="onnx")


def choose_precision(args: argparse.Namespace) -> None:
    """Choose the arithmetic of ONNX graphs that goes with the hardware, where none is asked for.

    Raises:
        ZooError: No GPU runs such graphs in this precision.
    """
    if getattr(args, "graphs", "") != "onnx":
        return
    if args.precision == "int8" and args.gpu:
        raise ZooError("--precision int8 is for CPUs; leave it out with --gpu, or take fp32.")
    args.precision = args.precision or ("fp16" if args.gpu else "fp32")


def requirements(folder: Path, args: argparse.Namespace) -> Path:
    """Find the pinned packages that the model needs to serve."""
    return folder / (REQUIREMENTS if args.gpu else "requirements.txt")


def cuda_line(requirements: Path) -> str:
    """Read which line of CUDA pinned packages bring: `12` or `13`; "" for none."""
    found = CUDA_PACKAGE.search(requirements.read_text(encoding="utf-8"))
    return found[1] if found else ""


def needs(requirements: Path) -> str:
    """Say in a line what a host needs for pinned packages; "" if it is nothing."""
    line = cuda_line(requirements)
    if not line:
        return ""
    driver = LEAST_DRIVER[int(line)]
    return f"Built for CUDA {line}: a GPU host needs NVIDIA's driver {driver} or newer.\n"
