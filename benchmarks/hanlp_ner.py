"""hanlp_ner against HanLP's own `predict`, on the same weights, one thread each."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, compare, machine, quartiles, saved
from benchmarks.inputs import ELECTRA_SMALL, sentences
from benchmarks.plots import Panel, times
from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.network.component import load
from tests.hanlp_ner.checkpoints import random_component
from tests.hanlp_ner.multitask_checkpoints import random_multitask
from zoo.building.packaging import ROOT

DEMO = ROOT / "mlflow_models" / "hanlp_ner" / "demo"
TITLE = "hanlp_ner: sentences per second of CPU time"

# The least that a fresh process does until it has an answer, for HanLP, our engine and MLflow.
FIRST_ANSWER = {
    "HanLP": """
import hanlp
hanlp.load(directory, transformer=directory + "/transformer", devices=-1)([list("我爱中国")])
""",
    "engine": """
from pathlib import Path
from hanlp_ner.engine import Engine
Engine(Path(directory))(["我爱中国"])
""",
    "MLflow model": """
import pandas as pd
from mlflow.pyfunc import load_model
load_model(directory).predict(pd.DataFrame({"text": ["我爱中国"]}))
""",
}


@contextmanager
def contenders(checkpoint: Path) -> Iterator[dict[str, Any]]:
    """HanLP's component and our engine in both precisions."""
    with tempfile.TemporaryDirectory() as work:
        engines = {}
        for precision in ("fp32", "int8"):
            (Path(work) / precision).mkdir()
            convert(checkpoint, Path(work) / precision, precision)
            engines[precision] = Engine(Path(work) / precision)
        yield {"HanLP": load(checkpoint), **engines}


def spans(output: Any) -> list[Any]:
    """Our engine's entities."""
    assert all(isinstance(found, Found) for found in output)
    return [[span[:3] for span in found.entities] for found in output]


def single(checkpoint: Path, texts: list[str], turns: int) -> dict[str, Row]:
    """The rows of a single-task checkpoint."""
    with contenders(checkpoint) as model:
        characters = [list(text) for text in texts]

        def reference() -> list[Any]:
            rows = model["HanLP"](characters)
            return [[(start, end, type_) for _, type_, start, end in row] for row in rows]

        return against(reference, model, texts, turns)


def multi(checkpoint: Path, texts: list[str], turns: int) -> dict[str, Row]:
    """The rows of a multi-task checkpoint, for words and entities."""
    with contenders(checkpoint) as model:
        model["HanLP"]["tok/fine"].config.output_spans = True

        def reference() -> list[Any]:
            document = model["HanLP"](texts, tasks="ner/msra")
            pairs = zip(document["tok/fine"], document["ner/msra"], strict=True)
            return [
                [(tokens[s][1], tokens[e - 1][2], type_) for _, type_, s, e in entities]
                for tokens, entities in pairs
            ]

        return against(reference, model, texts, turns)


def against(
    reference: Callable[[], list[Any]], model: dict[str, Any], texts: list[str], turns: int
) -> dict[str, Row]:
    """Measures our engine in both precisions; the entities in fp32 must be HanLP's."""
    return compare(
        {
            "HanLP": reference,
            "fp32": lambda: spans(model["fp32"](texts)),
            "int8": lambda: spans(model["int8"](texts)),
        },
        same_entities,
        turns,
        len(texts),
        inexact=["int8"],
    )


def same_entities(reference: list[Any], output: list[Any]) -> None:
    """int8 alone may differ: what it loses is scored as F1."""
    assert output == reference, "the entities aren't HanLP's"


def first_answer(turns: int, besides: Sequence[str] = ()) -> dict[str, Row]:
    """Seconds from the start of a process to its first answer, for the demo checkpoint.

    Args:
        turns: How often each one starts.
        besides: What is measured besides our engine and the saved model.
    """
    with tempfile.TemporaryDirectory() as work:
        convert(DEMO, Path(work))
        homes = {"HanLP": DEMO, "engine": Path(work), "MLflow model": saved("hanlp_ner")}
        seconds: dict[str, list[tuple[float, float]]] = {
            name: [] for name in homes if name in (*besides, "engine", "MLflow model")
        }
        for _ in range(turns):
            for name, times in seconds.items():
                times.append(_time_process(FIRST_ANSWER[name], str(homes[name])))
    rows: dict[str, Row] = {}
    for name, times in seconds.items():
        low, wall, high = quartiles([wall for wall, _ in times])
        cpu = quartiles([cpu for _, cpu in times])[1]
        rows[name] = {"wall": wall, "low": low, "high": high, "cpu": cpu}
    return rows


def f1(data: Path) -> dict[str, float]:
    """Span F1 of the demo checkpoint in both precisions, on a test set of the People's Daily."""
    from hanlp_ner.training.corpora import read_source
    from hanlp_ner.training.span_scores import span_scores

    examples = read_source(f"peoples_daily={data}", {})
    gold = [set(entities) for _, entities in examples]
    labels = ("PERSON", "LOCATION", "ORGANIZATION")
    scores = {}
    with contenders(DEMO) as model:
        for precision in ("fp32", "int8"):
            found = spans(model[precision]([text for text, _ in examples]))
            predicted = [{(start, end, label) for start, end, label in row} for row in found]
            scores[precision] = span_scores(gold, predicted, labels)["micro"]["f1"]
    return scores


def _time_process(script: str, directory: str) -> tuple[float, float]:
    """Wall and CPU seconds of a Python process that runs a script."""
    code = f"directory = {directory!r}\n{script}\nimport time; print(time.process_time())"
    measure = "import subprocess, sys, time; start = time.perf_counter(); "
    measure += "out = subprocess.run([sys.executable, '-c', sys.argv[1]], capture_output=True, "
    measure += "text=True, check=True).stdout; print(time.perf_counter() - start, out.split()[-1])"
    done = subprocess.run(
        [sys.executable, "-c", measure, code], capture_output=True, text=True, check=True
    )
    wall, cpu = done.stdout.split()
    return float(wall), float(cpu)


def measure(data: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything; `quick` takes one size, few turns and small models, to see that it works."""
    import torch

    torch.set_num_threads(1)
    turns, sizes = (2, (32,)) if quick else (9, (1, 32, 256))
    texts = sentences(data, max(sizes))
    shape = {} if quick else ELECTRA_SMALL
    speed: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as work:
        small = random_component(Path(work) / "single", "electra", **shape)  # type: ignore[arg-type]
        both = random_multitask(Path(work) / "multi", **shape)  # type: ignore[arg-type]
        for name, checkpoint, run in (
            ("demo", DEMO, single),
            ("ELECTRA-small, single task", small, single),
            ("ELECTRA-small, multi task", both, multi),
        ):
            if quick and checkpoint == small:
                continue  # the demo is of the same kind
            for size in sizes:
                speed[f"{name}, {size}"] = run(checkpoint, texts[:size], turns)
            if data is not None and not quick:
                natural = sentences(data, 256, 510)
                speed[f"{name}, 256 of any length"] = run(checkpoint, natural, 5)
    return {
        "machine": machine(("hanlp", "torch", "transformers", "onnxruntime", "mlflow")),
        "speed": speed,
        "first_answer": first_answer(1) if quick else first_answer(5, ("HanLP",)),
        "f1": f1(data) if data is not None else {},
    }


def chart(result: dict[str, Any]) -> list[Panel]:
    """The speed as bars."""
    groups = {name: times(rows, "ours {}") for name, rows in result["speed"].items()}
    return [Panel("× HanLP, sentences per second of CPU time", groups)]


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "| checkpoint, sentences at once | HanLP | fp32 | times HanLP | int8 | times HanLP |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, rows in result["speed"].items():
        cells = [f"{rows['HanLP']['per_cpu_second']:.0f}"]
        for precision in ("fp32", "int8"):
            row = rows[precision]
            cells.append(f"{row['per_cpu_second']:.0f}")
            cells.append(f"**{row['speedup']:.2f}** ({row['low']:.2f} to {row['high']:.2f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "From the start of a process to its first answer, demo checkpoint:",
        "",
        "| what | seconds | CPU seconds |",
        "| --- | ---: | ---: |",
    ]
    for name, row in result["first_answer"].items():
        lines.append(
            f"| {name} | {row['wall']:.2f} ({row['low']:.2f} to {row['high']:.2f}) "
            f"| {row['cpu']:.2f} |"
        )
    if result["f1"]:
        lines += [
            "",
            "Span F1 of the demo checkpoint on the data's PERSON, LOCATION and ORGANIZATION: "
            f"{result['f1']['fp32']:.2f} in fp32, {result['f1']['int8']:.2f} in int8.",
        ]
    return "\n".join(lines)
