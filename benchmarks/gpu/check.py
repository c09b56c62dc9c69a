"""Runs the checks: each in a process of its own, the most valuable first, until the time is over.

This part needs the standard library alone. What was found is in the file after each check.
"""

import importlib
import json
import multiprocessing
import os
import platform
import signal
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.gpu import bundle
from benchmarks.gpu.bench import ROOT, Bench, Skipped

SECONDS = 480  # of the whole check
LEAST_SECONDS = 5.0  # with less left, no check begins
DEVICE = "device"
# Each check is forked from a process that has these: importing them takes seconds, and asks no GPU.
PRELOADED = ("torch", "onnx", "transformers.modeling_utils", "transformers.generation")
FORKS = multiprocessing.get_context("forkserver")


class Check(NamedTuple):
    """A check.

    Attributes:
        name: Also the word for `--only`.
        model: The capability; "" for all.
        run: Its module and function.
        seconds: The most that it may take.
    """

    name: str
    model: str
    run: str
    seconds: float


CHECKS = (
    Check(DEVICE, "", "benchmarks.gpu.device:device", 60),
    Check("wav2vec2_reference", "wav2vec2_asr", "benchmarks.gpu.wav2vec2:reference", 90),
    Check("wav2vec2", "wav2vec2_asr", "benchmarks.gpu.wav2vec2:ours", 120),
    Check("captions_reference", "clip_caption", "benchmarks.gpu.captions:reference", 75),
    Check("captions", "clip_caption", "benchmarks.gpu.captions:ours", 90),
    Check("ner_reference", "hanlp_ner", "benchmarks.gpu.ner:reference", 60),
    Check("ner", "hanlp_ner", "benchmarks.gpu.ner:ours", 60),
    Check("whisper_reference", "whisper_asr", "benchmarks.gpu.whisper:reference", 120),
    Check("whisper", "whisper_asr", "benchmarks.gpu.whisper:ours", 75),
    Check("parity", "", "benchmarks.gpu.parity:ours", 75),
    Check("memory", "wav2vec2_asr", "benchmarks.gpu.limits:memory", 60),
    Check("start", "", "benchmarks.gpu.limits:start", 75),
    Check("parity_torch", "wav2vec2_asr", "benchmarks.gpu.parity:torch", 45),
    Check("whisper_transformers", "whisper_asr", "benchmarks.gpu.whisper:transformers", 60),
    Check("ner_network", "hanlp_ner", "benchmarks.gpu.ner:network", 45),
)


def run(
    out: Path,
    work: Path,
    source: Path | None = None,
    seconds: float = SECONDS,
    stand_in: bool = False,
    only: Collection[str] = (),
) -> dict[str, Any]:
    """Run checks and write what they find.

    Args:
        out: The JSON file. What it has of other checks stays in it.
        work: Keeps models and packages for the next run.
        source: A bundle to join first.
        seconds: How long all of it may take.
        stand_in: Whether the CPU stands in for the GPU, with small models.
        only: The checks to run, by name; none: all.

    Returns:
        What the file has.

    Raises:
        bundle.BundleError: The bundle can't be joined.
    """
    begin = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {
        "machine": _machine(),
        "command": "make gpu-check",
        "stand_in": stand_in,
        "limit_seconds": seconds,
        "bundle": bundle.join(source, work) if source else {},
        "checks": _earlier(out, stand_in),
    }
    _prepare(work)
    missing = ""
    for check in CHECKS:
        if only and check.name not in only:
            continue
        left = seconds - (time.monotonic() - begin)
        if missing:
            entry = _entry("skipped", missing)
        elif left < LEAST_SECONDS:
            entry = _entry("not run", "no time was left")
        else:
            entry = _run_one(check, work, stand_in, min(check.seconds, left))
        if check.name == DEVICE and entry["status"] == "skipped":
            missing = entry["why"]
        if entry["status"] != "not run" or check.name not in result["checks"]:
            result["checks"][check.name] = {"model": check.model, **entry}
        result["took_seconds"] = round(time.monotonic() - begin, 1)
        _write(out, result)
        print(f"{check.name}: {_said(entry)}", flush=True)
    return result


def run_check(run: str, work: Path, stand_in: bool, rows: Path, errors: Path) -> None:
    """Run one check in this process.

    Args:
        run: The check's module and function.
        work: The folder of models.
        stand_in: Whether the CPU stands in for the GPU.
        rows: Gets what is found, a line of JSON each.
        errors: Gets whatever is printed.
    """
    os.setsid()  # so that its own children end with it
    with errors.open("w") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    module, _, function = run.partition(":")
    status, why = "done", ""
    with rows.open("w", encoding="utf-8") as output:
        try:
            getattr(importlib.import_module(module), function)(Bench(work, stand_in, output))
        except Skipped as reason:
            status, why = "skipped", str(reason)
        except ModuleNotFoundError as error:
            status, why = "skipped", f"Python package '{error.name}' not found"
        print(json.dumps({"kind": "end", "status": status, "why": why}), file=output)


def _prepare(work: Path) -> None:
    """Let this process and its children find the project, and what the bundle installed."""
    sites = {path.name: str(path) for path in sorted((work / "site").glob("*"))}
    first = [sites.pop(name) for name in bundle.FIRST if name in sites]
    first += [str(ROOT), str(ROOT / "mlflow_models")]
    sys.path[:0] = first
    sys.path.extend(sites.values())  # what this machine has itself comes before
    os.environ["PYTHONPATH"] = os.pathsep.join(first)
    # Libraries look for CUDA's beside themselves, and some are in another folder here.
    places = [str(path) for one in sys.path for path in sorted(Path(one).glob("nvidia/*/lib"))]
    known = os.environ.get("LD_LIBRARY_PATH", "")
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, [known, *places]))
    os.environ["HF_HUB_OFFLINE"] = "1"
    # What asks whether there is a GPU asks the driver's tool: CUDA doesn't survive a fork.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"
    # Without this, HanLP's reader hides the GPU from its whole process.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")
    FORKS.set_forkserver_preload(list(PRELOADED))


def _run_one(check: Check, work: Path, stand_in: bool, seconds: float) -> dict[str, Any]:
    """Run a check in a process of its own, for so many seconds at the most."""
    rows, errors = work / "rows.jsonl", work / "errors.txt"
    for path in (rows, errors):
        path.write_text("", encoding="utf-8")
    begin = time.monotonic()
    arguments = (check.run, work, stand_in, rows, errors)
    process = FORKS.Process(target=run_check, args=arguments)
    process.start()
    process.join(seconds)
    if late := process.is_alive():
        os.killpg(int(process.pid or 0), signal.SIGKILL)
        process.join()
    lines = rows.read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if line.endswith("}")]
    end = found.pop() if found and found[-1]["kind"] == "end" else None
    if end:
        entry = _entry(end["status"], end["why"])
    elif late:
        entry = _entry("stopped", f"it took more than {seconds:.0f} s")
    else:
        said = errors.read_text(encoding="utf-8", errors="replace").split("\n")
        reason = next((line for line in reversed(said) if line.strip()), "no message")
        entry = _entry("failed", f"exit status {process.exitcode}: {reason[:500]}")
    return {**entry, "seconds": round(time.monotonic() - begin, 1), "rows": found}


def _entry(status: str, why: str) -> dict[str, Any]:
    return {"status": status, "why": why, "rows": []}


def _said(entry: dict[str, Any]) -> str:
    """What a line on the terminal says of a check."""
    broken = [row["what"] for row in entry["rows"] if row.get("kept") is False]
    said = entry["status"] + (f" ({entry['why']})" if entry["why"] else "")
    said += f" in {entry['seconds']} s" if "seconds" in entry else ""
    return said + "".join(f"; NOT KEPT: {what}" for what in broken)


def _earlier(out: Path, stand_in: bool) -> dict[str, Any]:
    """Read what other runs found on this device."""
    if not out.is_file():
        return {}
    before = json.loads(out.read_text(encoding="utf-8"))
    return dict(before["checks"]) if before["stand_in"] == stand_in else {}


def _write(out: Path, result: dict[str, Any]) -> None:
    """Write the file whole: a run that is stopped leaves what it had found."""
    out.parent.mkdir(parents=True, exist_ok=True)
    begun = out.with_name(f"{out.name}.begun")
    text = json.dumps(result, indent=1, ensure_ascii=False)
    begun.write_text(text + "\n", encoding="utf-8")
    begun.rename(out)


def _machine() -> str:
    """Name the processor, its cores and the memory."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB; Python {platform.python_version()}"
