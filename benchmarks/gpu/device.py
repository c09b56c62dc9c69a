"""The check that comes first: which GPU is here, and what on it computes."""

import importlib.metadata
import platform
import subprocess

from benchmarks.gpu.bench import GB, Bench, Skipped

ASK = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
PACKAGES = (
    "torch", "onnxruntime-gpu", "onnxruntime", "ctranslate2", "transformers", "openai-whisper",
    "hanlp", "open-clip-torch", "onnx", "numpy",
)  # fmt: skip
LINES = {12: "CTranslate2", 13: "ONNX Runtime"}  # CUDA's line: who is built for it


def device(bench: Bench) -> None:
    """Report the GPU as the driver, nvidia-smi, torch and the zoo see it; and versions."""
    bench.promise("versions", ", ".join(_versions()))
    try:
        done = subprocess.run(ASK, capture_output=True, text=True, check=True)
        bench.promise("nvidia-smi: name, memory, driver", done.stdout.strip().splitlines()[0])
    except (OSError, subprocess.CalledProcessError, IndexError) as error:
        bench.promise("nvidia-smi", f"doesn't answer ({type(error).__name__})")
    try:
        why = _searched(bench)
    except ModuleNotFoundError as error:  # the references need no more than torch
        why = f"the zoo's own search lacks Python package '{error.name}'"
        bench.promise("the zoo's search for a GPU", f"left out: {why}")
    try:
        torch = bench.torch()
    except Skipped as reason:
        raise Skipped(f"{reason}: {why}" if why else str(reason)) from None
    found = f"{torch.ones(1, device=bench.device).device}, built for CUDA {torch.version.cuda}"
    bench.promise("torch computes on", found)


def _searched(bench: Bench) -> str:
    """Report what our libraries find; give why ONNX Runtime's line finds no GPU."""
    from zoo.serving import devices, onnx

    for line, library in LINES.items():
        found = devices.find(line)
        said = f"{found.name}, {found.memory_bytes / GB:.0f} GB" if found.name else found.why
        bench.promise(f"{library}'s line, CUDA {line}, finds", said)
    own = onnx.device()
    bench.promise("ONNX Runtime computes on", own.name or f"the CPU: {own.why}")
    return found.why


def _versions() -> list[str]:
    """List what is installed of what matters."""
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
