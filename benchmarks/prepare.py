"""wav2vec2_asr/prepare.py: recordings per second of one core, and how it scales with processes."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.harness import machine, quartiles

TITLE = "wav2vec2_asr/prepare.py: recordings per second"
SECONDS = 5  # of a recording, as in Common Voice
FORMATS = {"MP3, 48 kHz": ("mp3", 48_000), "WAV, 16 kHz": ("wav", 16_000)}
TEXTS = [
    "อากาศวันนี้ดีมาก ๆ ครับ",
    "รถไฟออกเวลา 10.30 น. จากสถานีกรุงเทพ",
    "ราคา 1,250.50 บาท ลด 50%",
    "การทวีตซ้ำไม่เท่ากับการเห็นด้วย",
]
# A process that prepares a corpus, and says what CPU time that took after its imports.
TIMED = """
import sys, time
from wav2vec2_asr import prepare
from wav2vec2_asr.training.thai import last_word
import datasets, matplotlib.figure
last_word("ดี")
begin = time.process_time()
prepare.main(sys.argv[1:])
print(time.process_time() - begin)
"""


def corpus(directory: Path, suffix: str, rate: int, number: int) -> Path:
    """A manifest of so many recordings of noise that comes and goes like syllables."""
    directory.mkdir()
    chance = np.random.default_rng(1)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * np.arange(SECONDS * rate) / rate)
    lines = ["path\tsentence"]
    for index in range(number):
        wave = 0.1 * swell * chance.standard_normal(SECONDS * rate)
        soundfile.write(directory / f"{index}.{suffix}", wave.astype(np.float32), rate)
        lines.append(f"{index}.{suffix}\t{TEXTS[index % len(TEXTS)]}")
    table = directory / "list.tsv"
    table.write_text("\n".join(lines), encoding="utf-8")
    return table


def prepared(table: Path, jobs: int) -> tuple[float, float]:
    """Wall seconds with the start of all processes, and CPU seconds of the main one without."""
    with tempfile.TemporaryDirectory() as work:
        output = Path(work) / "out"
        options = [str(table), "--text-column", "sentence", "-o", str(output)]
        begin = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", TIMED, *options, "--jobs", str(jobs)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        wall = time.perf_counter() - begin
        report = json.loads((output / "report.json").read_text(encoding="utf-8"))
        assert report["kept"] == len(table.read_text(encoding="utf-8").splitlines()) - 1
    return wall, float(done.stdout.split()[-1])


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything; `quick` takes few recordings of one format, to see that it works."""
    cores = os.cpu_count() or 1
    jobs = [1, 2] if quick else sorted({1, *(n for n in (2, 4, 8, 16, 32) if n <= cores), cores})
    number, turns = (8, 1) if quick else (512 * min(max(jobs), 8), 3)
    rows: dict[str, Any] = {}
    for name, (suffix, rate) in list(FORMATS.items())[quick:]:
        with tempfile.TemporaryDirectory() as work:
            table = corpus(Path(work) / "corpus", suffix, rate, number)
            taken = [{n: prepared(table, n) for n in jobs} for _ in range(turns)]
        rows[name] = {
            "per_cpu_second": number / statistics.median(turn[1][1] for turn in taken),
            "jobs": {
                str(n): {
                    "per_second": number / statistics.median(turn[n][0] for turn in taken),
                    "speedup": quartiles([turn[1][0] / turn[n][0] for turn in taken]),
                }
                for n in jobs
            },
        }
    packages = ("datasets", "av", "pythainlp")
    return {"machine": machine(packages), "number": number, "formats": rows}


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        f"{result['number']} recordings of {SECONDS} s, decoded, resampled, cleaned and written. "
        "Wall times contain the start of the processes; scaling is against one process.",
        "",
        "| recordings | per second of one core | processes | per second | times one process |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, row in result["formats"].items():
        for jobs, times in row["jobs"].items():
            low, median, high = times["speedup"]
            alone = f"{row['per_cpu_second']:.0f}" if jobs == "1" else ""
            scaled = "" if jobs == "1" else f"**{median:.2f}** ({low:.2f} to {high:.2f})"
            lines.append(f"| {name} | {alone} | {jobs} | {times['per_second']:.0f} | {scaled} |")
    return "\n".join(lines)
