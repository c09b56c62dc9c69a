"""Batches on Spark against a plain loop of `predict`, with one worker and two; whole commands."""

import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.contender import Contender
from benchmarks.hanlp_ner import sentences
from benchmarks.harness import compare, machine, saved
from zoo.building.packaging import ROOT

TITLE = "Batches on Spark: rows per second, beside a plain loop of `predict`"
MODULE = "benchmarks.batch_contender"
NAMES = {
    "plain-1": "plain loop",
    "spark-1": "Spark, 1 worker",
    "plain-2": "2 plain processes",
    "spark-2": "Spark, 2 workers",
}
SAMPLES = {"whisper_asr": "flac", "clip_caption": "jpg"}
ROWS = {"hanlp_ner": 10_000, "whisper_asr": 40, "clip_caption": 100}
WHOLE = (1, 10_000)  # sentences of a whole command
WAYS = {"without --master": [], "--master local[*]": ["--master", "local[*]"]}
TURNS = 3  # of each way; their median is shown
QUICK = ("plain-1", "spark-1")


def make_input(name: str, count: int, data: Path | None, work: Path) -> Path:
    """A table of sentences, or a folder of a model's samples, each file many times."""
    if name == "hanlp_ner":
        texts = sentences(data, count)
        texts = random.Random(1).choices(texts, k=count) if len(texts) < count else texts
        pd.DataFrame({"id": range(count), "text": texts}).to_parquet(work / "texts.parquet")
        return work / "texts.parquet"
    samples = sorted((ROOT / "mlflow_models" / name / "samples").glob(f"*.{SAMPLES[name]}"))
    for number in range(count):
        source = samples[number % len(samples)]
        shutil.copy(source, work / f"{number:05d}{source.suffix}")
    return work


def speed(
    name: str, count: int, data: Path | None, turns: int, kinds: Sequence[str]
) -> dict[str, Any]:
    """What each way takes for a model's rows, and their memory; answers checked equal."""
    memory: dict[str, Any] = {}

    def check(reference: dict[str, Any], output: dict[str, Any]) -> None:
        memory[output["name"]] = output["memory"]
        assert output["digest"] == reference["digest"], f"{output['name']} answers otherwise"

    with tempfile.TemporaryDirectory() as work, ExitStack() as stack:
        path = make_input(name, count, data, Path(work))
        contenders = {}
        for kind in kinds:
            contender = Contender(MODULE, kind, saved(name))
            stack.callback(contender.stop)
            contender.request = {"inputs": str(path)}
            contenders[kind] = contender
        rows = compare(contenders, check, turns, count)
    return {"rows": rows, "memory": memory, "count": count}


def whole_commands(model: Path, data: Path | None) -> dict[str, dict[str, float]]:
    """Seconds that `batch.py` takes from its start to its end, by rows and by way."""
    found: dict[str, dict[str, float]] = {}
    command = [sys.executable, str(ROOT / "mlflow_models" / "batch.py"), "--model", str(model)]
    for count in WHOLE:
        with tempfile.TemporaryDirectory() as work:
            path = make_input("hanlp_ner", count, data, Path(work))
            for way, options in WAYS.items():
                output = ["--input", str(path), "--output", f"{work}/{way}"]
                start = time.perf_counter()
                subprocess.run([*command, *output, *options], check=True, capture_output=True)
                found.setdefault(f"{count:,}", {})[way] = time.perf_counter() - start
    return found


def measure(data: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything, about ten minutes; `quick` takes few rows and one model."""
    if quick:
        models = {"hanlp_ner": speed("hanlp_ner", 50, data, 1, QUICK)}
    else:
        models = {
            name: speed(name, count, data, TURNS, list(NAMES)) for name, count in ROWS.items()
        }
    return {
        "machine": machine(("pyspark", "pyarrow", "mlflow", "onnxruntime", "ctranslate2")),
        "models": models,
        "whole_commands": {} if quick else whole_commands(saved("hanlp_ner"), data),
    }


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "Of a session that has started and processes that have loaded the model: reading, "
        "shuffling, scoring and writing. The overhead is over the plain loop, which writes "
        "nothing; a second process of any kind shows what this machine has left for it.",
        "",
        "| model, rows | way | rows per second | to the same with 1 | CPU seconds | overhead, CPU "
        "| overhead, wall | GB of a worker | GB of Java |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in result["models"].items():
        rows = found["rows"]
        for kind, row in rows.items():
            plain = rows[f"plain-{kind[-1]}"]
            single = rows[f"{kind[:-1]}1"]
            cpu = row["seconds"] / plain["seconds"] - 1
            wall = plain["per_second"] / row["per_second"] - 1
            memory = found["memory"][kind]
            cells = [
                f"{name}, {found['count']:,}",
                NAMES[kind],
                f"{row['per_second']:.1f}",
                f"{row['per_second'] / single['per_second']:.2f}×",
                f"{row['seconds']:.1f}",
                *((f"{cpu:+.1%}", f"{wall:+.1%}") if kind.startswith("spark") else ("", "")),
                f"{memory['worker']:.2f}",
                f"{memory['java']:.2f}" if memory["java"] else "",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    if whole := result["whole_commands"]:
        lines += [
            "",
            "Seconds of the whole command `batch.py`, from its start to its end, with all cores:",
            "",
            f"| sentences | {' | '.join(WAYS)} |",
            "| ---: | ---: | ---: |",
        ]
        for count, seconds in whole.items():
            lines.append(f"| {count} | {' | '.join(f'{seconds[way]:.1f}' for way in WAYS)} |")
    return "\n".join(lines)
