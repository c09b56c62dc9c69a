"""docs/scaling.md: hosts for a load, from what was measured on a core and a few assumptions."""

import math
from pathlib import Path
from typing import Any

from benchmarks.gpu import page as gpu
from benchmarks.wav2vec2_asr import MINUTES as THAI_MINUTES
from benchmarks.whisper_asr import MINUTES as CHINESE_MINUTES

TEMPLATE = Path(__file__).with_suffix(".md")

# Assumptions: none of these was measured. The page lists them.
CORES = 16  # of a CPU host
BUSY = 0.6  # of its time a host may compute, so that a queue stays short
GPU_CORES = 50  # that a GPU does the work of
AUDIO_HOURS, PHOTOS = 1_000, 10_000_000  # a day
KILOBITS = 64  # a second of compressed speech
GIGABITS = 10  # a second of network


def measured(results: dict[str, Any]) -> dict[str, float]:
    """What one core does in an hour: hours of audio, or thousands of sentences or photos."""
    whisper = _row(results["whisper_asr"]["rows"], what="a file with pauses")
    thai = _row(results["wav2vec2_asr"]["rows"], what="a file with pauses", model="large XLSR")
    photos = results["clip_serving"]["rows"]
    sentences = results["hanlp_ner"]["speed"]["ELECTRA-small, single task, 32"]
    return {
        "whisper": CHINESE_MINUTES * 60 / whisper["rows"]["ours int8"]["seconds"],
        "wav2vec2": THAI_MINUTES * 60 / thai["rows"]["ours int8"]["seconds"],
        "greedy": _photos(_row(photos, what="greedy", precision="int8", photos=16)),
        "beam": _photos(_row(photos, what="beam 5", precision="int8", photos=16)),
        "ner": 3.6 * sentences["int8"]["per_cpu_second"],
    }


def page(results: dict[str, Any]) -> str:
    """The page."""
    core = measured(results)
    gpu_cores, gpu_is = _gpu(results)
    cpu_day, gpu_day = 24 * CORES * BUSY, 24 * BUSY * gpu_cores
    megabytes = results["clip_serving"]["megabytes"]
    image = results["server"]["size"]["ours"]
    photo_rate = PHOTOS * megabytes / 86_400
    values: dict[str, Any] = {
        "cores": CORES, "busy": BUSY, "gpu": gpu_cores, "gpu_is": gpu_is,
        "audio_hours": AUDIO_HOURS, "photos": PHOTOS, "kilobits": KILOBITS,
        "gigabits": GIGABITS, "megabytes": megabytes,
        "image": image, "network": GIGABITS * BUSY,
        "cpu_day": cpu_day,
        "gpu_day": gpu_day,
        "photo_rate": photo_rate,
        "photo_gigabits": photo_rate * 8 / 1_000,
        "photo_gigabits_hour": photo_rate * 24 * 8 / 1_000,
        "photo_terabytes": PHOTOS * megabytes / 1e6,
        "json_gigabits": photo_rate * 8 / 1_000 * 4 / 3,
        "audio_gigabytes": AUDIO_HOURS * 3_600 * KILOBITS / 8 / 1e6,
        "audio_megabits": AUDIO_HOURS * KILOBITS / 24 / 1_000,
        "pull": 10 * image * 8 / GIGABITS,
        "machine": results["whisper_asr"]["machine"].partition(";")[0],
        "requests": results["server"]["load"]["ours"]["per_second"],
    }  # fmt: skip
    for name, per_hour in core.items():
        values[name] = per_hour
        values[f"{name}_cpu_host"] = per_hour * CORES * BUSY
        values[f"{name}_gpu_host"] = per_hour * gpu_cores * BUSY
    for name, load in (
        ("whisper", AUDIO_HOURS),
        ("wav2vec2", AUDIO_HOURS),
        ("greedy", PHOTOS / 1_000),
        ("beam", PHOTOS / 1_000),
    ):
        needed = load / core[name]
        values[f"{name}_core_hours"] = needed
        values[f"{name}_cpu"], values[f"{name}_cpu_hosts"] = _hosts(needed / cpu_day)
        values[f"{name}_gpu"], values[f"{name}_gpu_hosts"] = _hosts(needed / gpu_day)
    return TEMPLATE.read_text(encoding="utf-8").format(**values)


def _hosts(needed: float) -> tuple[float, int]:
    """How many hosts a load fills, and how many to have: one more, so that one may fail."""
    return needed, math.ceil(needed) + 1


def _gpu(results: dict[str, Any]) -> tuple[float, str]:
    """How many cores' work a GPU does, and whether that is known."""
    found = results.get("gpu", gpu.NOT_RUN)
    files = gpu.per_second(found, "whisper", {"unit": "files"})
    if files is None:
        return GPU_CORES, "an assumption: no GPU was at hand"
    core = _row(results["whisper_asr"]["rows"], what="a file with pauses")["rows"]["ours int8"]
    return round(files * core["seconds"]), f"whisper-small's, measured on {found['machine']}"


def _photos(row: dict[str, Any]) -> float:
    """Thousands of photos an hour."""
    return float(3.6 * row["photos"] / row["seconds"])


def _row(rows: list[dict[str, Any]], **wanted: Any) -> dict[str, Any]:
    """The one row that has these values."""
    (row,) = [one for one in rows if all(one[key] == value for key, value in wanted.items())]
    return row
