"""Evaluation: a test set's scores with one model or two, the worst cases first."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from test_models import frame, uploads
from test_models.calls import ServiceError
from test_models.drop import answered, drop
from test_models.evaluate import runs, samples, words
from test_models.evaluate.cases import Case, read
from test_models.evaluate.runs import Run
from test_models.evaluate.scores import Scores
from test_models.labels import Labels, add, label
from test_models.services import TASKS, Service, Services, Task

SCRIPT = Path(__file__).with_name("report.js")
LOOK = 0.3  # seconds from one look at the progress to the next
NAMES: Labels = {f"evaluate-{task}": frame.NAMES[task] for task in TASKS}
ACCEPT: dict[Task, str] = {"asr": ".zip,.csv,.tsv", "ner": ".jsonl,.json,.csv,.tsv",
                           "caption": ".zip,.csv,.tsv"}  # fmt: skip
add({**words.LABELS, **NAMES})
Value = dict[str, Any]
"""What `report.js` shows: `progress`, `[name, done, total]`; `error`; or what `_report` gives."""


def build(services: Services) -> None:
    """Puts the page into the current `gr.Blocks`."""
    frame.head("evaluate")
    timer = gr.Timer(frame.REFRESH)
    with gr.Tabs():
        for task in TASKS:
            with gr.Tab(label(f"evaluate-{task}")):
                _task(services, task, timer)


def _task(services: Services, task: Task, timer: gr.Timer) -> None:
    """The evaluation of one kind of model."""
    site = frame.current()
    first = frame.picker(services, task, timer, "evaluate-first")
    second = frame.picker(services, task, timer, "evaluate-second", optional=True)
    with gr.Accordion(label("options"), open=False):
        options = [
            gr.Textbox("", label=label("evaluate-params-first"), max_lines=1),
            gr.Textbox("", label=label("evaluate-params-second"), max_lines=1),
            gr.Slider(1, 8, value=1, step=1, label=label("evaluate-at-once")),
        ]
    gr.Markdown(label(f"evaluate-help-{task}"))
    zone = drop(f"evaluate-zone-{task}", accept=ACCEPT[task], send="evaluate-score")
    with gr.Row():
        sample = gr.Button(label("evaluate-sample"), scale=0, min_width=220)
    error = gr.HTML("", elem_classes="theresa-flush")
    report = frame.scripted(SCRIPT, words.REPORT, task=task)

    def chosen(names: Sequence[str | None]) -> list[Service]:
        return [frame.chosen(services, names[0]),
                *(frame.chosen(services, name) for name in names[1:] if name)]  # fmt: skip

    async def score(evt: gr.EventData, *inputs: Any) -> AsyncIterator[Value]:
        try:
            (file,) = evt.files
            content = uploads.take(str(file["path"]))
            limit = site.max_file_size or len(content)
            cases = await asyncio.to_thread(read, str(file["name"]), content, task, limit)
            async for value in _evaluated(task, cases, chosen(inputs[:2]), *inputs[2:]):
                yield value
        except ServiceError as failure:
            yield {"error": str(failure)}

    async def score_samples(*inputs: Any) -> AsyncIterator[tuple[Any]]:
        yield (None,)
        asked = chosen(inputs[:2])
        cases = samples.cases(task, asked[0])
        async for value in _evaluated(task, cases, asked, *inputs[2:]):
            yield (value,)

    inputs = [first, second, *options]
    answered(zone, score, inputs, [report])
    frame.on([sample.click], score_samples, inputs, [report], sample, error)


async def _evaluated(
    task: Task, cases: list[Case], services: list[Service], *options: Any
) -> AsyncIterator[Value]:
    """The progress, and then the report; one model is asked after the other."""
    *given, at_once = options
    params = [runs.params(one) for one in given]
    found: list[Run] = []
    for service, own in zip(services, params, strict=False):
        run = runs.started(cases)
        found.append(run)
        asking = asyncio.create_task(runs.ask(run, task, service, cases, own, int(at_once)))
        try:
            while not asking.done():
                yield {"progress": [service.name, run.done, len(cases)]}
                await asyncio.wait([asking], timeout=LOOK)
            await asking
        finally:
            asking.cancel()
    yield await asyncio.to_thread(_report, task, services, cases, found)


def _report(
    task: Task, services: Sequence[Service], cases: Sequence[Case], found: Sequence[Run]
) -> Value:
    """What `report.js` shows of scores.

    Raises:
        ServiceError: no case has a reference.
    """
    kept = [number for number, case in enumerate(cases) if case.scored]
    bad = [{"name": case.name, "error": case.error} for case in cases if not case.scored]
    if not kept:
        raise ServiceError(f"No case can be scored. {bad[0]['name']}: {bad[0]['error']}")
    good = [cases[number] for number in kept]
    systems = []
    for place, (service, run) in enumerate(zip(services, found, strict=True)):
        run = Run([run.answers[n] for n in kept], [run.errors[n] for n in kept],
                  [run.seconds[n] for n in kept], run.wall)  # fmt: skip
        twice = len(services) > 1 and services[0].name == services[-1].name
        name = f"{service.name} ({place + 1})" if twice else service.name
        systems.append(_system(name, task, run, runs.scored(task, good, run)))
    references = [_said(case.spans) if task == "ner" else " | ".join(case.references)
                  for case in good]  # fmt: skip
    return {
        "method": systems[0].pop("method"),
        "systems": systems,
        "cases": [
            {"name": case.name, "text": case.text, "reference": reference}
            for case, reference in zip(good, references, strict=True)
        ],
        "bad": bad,
    }


def _system(name: str, task: Task, run: Run, found: Scores) -> Value:
    """One model's part of the report."""
    latency = run.latency
    return {
        "name": name,
        "method": found.method,
        "figures": found.figures,
        "types": {
            kind: [one.precision, one.recall, one.f1, one.gold, one.predicted]
            for kind, one in found.types.items()
        },
        "latency": vars(latency) if latency else None,
        "failed": sum(bool(one) for one in run.errors),
        "order": sorted(range(len(found.rows)), key=lambda n: found.rows[n].badness, reverse=True),
        "rows": [
            {
                "score": row.score,
                "reference": row.reference,
                "hypothesis": row.hypothesis,
                "answer": _said(runs.spans(answer)) if task == "ner" else runs.text(answer),
                "seconds": seconds,
                "error": error,
            }
            for row, answer, seconds, error in zip(
                found.rows, run.answers, run.seconds, run.errors, strict=True
            )
        ],
    }


def _said(spans: Any) -> str:
    """Entities as JSON."""
    return json.dumps(sorted(spans or ()), ensure_ascii=False)
