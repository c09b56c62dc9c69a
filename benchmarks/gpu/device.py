"""The check that comes first: which GPU is here, and what on it computes."""

import importlib.metadata
import platform
import subprocess

from benchmarks.gpu.bench import GB, Bench

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
    from zoo.serving import devices, onnx

    for line, library in LINES.items():
        found = devices.find(line)
        said = found.why
        if found.kind == "cuda":
            said = f"{found.name}, {found.memory_bytes / GB:.0f} GB"
        kept = None if bench.stand_in else found.kind == "cuda"
        bench.promise(f"{library}'s line, CUDA {line}, finds the GPU", said, kept)
    found = onnx.device()
    bench.promise("ONNX Runtime computes on", found.name or f"the CPU: {found.why}")
    torch = bench.torch()
    whose = torch.ones(1).device
    bench.promise("torch computes on", f"{whose}, built for CUDA {torch.version.cuda}")


def _versions() -> list[str]:
    """List what is installed of what matters."""
    versions = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
