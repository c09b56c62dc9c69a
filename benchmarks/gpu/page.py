"""The benchmark page's chapter on GPUs: what a check found, or that it was not run."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.gpu.bench import ROOT
from benchmarks.gpu.limits import READY_SECONDS
from benchmarks.harness import NotHere
from benchmarks.plots import Panel, Range, exact

TITLE = "On a GPU: each model beside its reference on the same device"
NOT_RUN: dict[str, Any] = {
    "machine": "none: no GPU was at hand",
    "command": "make gpu-check",
    "checks": {},
}
NOTE = (
    "Checkpoints of the true size with random weights; our engines beside what they replace, on "
    "the same device. [docs/gpu.md](docs/gpu.md) says how to run it."
)
Wanted = dict[str, Any]


class Aim(NamedTuple):
    """What a model is to reach on one GPU.

    Attributes:
        model: The capability.
        what: What is compared.
        least: How many times the reference's items a second.
        ours: The row that is ours: its check, and values of it; `items` may be "most".
        reference: The reference's row, likewise.
    """

    model: str
    what: str
    least: float
    ours: tuple[str, Wanted]
    reference: tuple[str, Wanted]


HALF, FULL = {"precision": "float16"}, {"precision": "float32"}
AIMS = (
    Aim("whisper_asr", "a file of ten minutes, beside openai-whisper in float16", 8,
        ("whisper", {"unit": "files", **HALF}), ("whisper_reference", {"unit": "files", **HALF})),
    Aim("wav2vec2_asr", "float16 in the largest batch, beside Transformers, one by one, in float32",
        6, ("wav2vec2", {"items": "most", **HALF}), ("wav2vec2_reference", {"items": 1, **FULL})),
    Aim("clip_caption", "greedy, 64 photos together, beside the captioner's loops", 30,
        ("captions", {"what": "greedy", "items": "most", **HALF}),
        ("captions_reference", {"what": "greedy", **FULL})),
    Aim("clip_caption", "beam 5, 64 photos together, beside the captioner's loops", 30,
        ("captions", {"what": "beam 5", "items": "most", **HALF}),
        ("captions_reference", {"what": "beam 5", **FULL})),
    Aim("hanlp_ner", "64 sentences together, beside HanLP", 4,
        ("ner", {"items": "most", **HALF}), ("ner_reference", {"items": "most", **FULL})),
)  # fmt: skip
START = f"from a process's start to its first answer: {READY_SECONDS:.0f} s at the most"


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Run the check here; `quick` only finds the device.

    Raises:
        NotHere: No CUDA device is here.
    """
    from zoo.serving import devices

    found = devices.find(13)
    if found.kind == "cpu":
        raise NotHere(f"no CUDA device is found: {found.why}")
    with tempfile.TemporaryDirectory() as work:
        out = Path(work) / "gpu.json"
        command = [sys.executable, "-m", "benchmarks.gpu", "check", "--out", str(out)]
        command += ["--work", work, *(["--only", "device"] if quick else [])]
        subprocess.run(command, cwd=ROOT, check=False)
        result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return result


def chart(result: dict[str, Any]) -> list[Panel]:
    """The speed beside the references as bars; nothing where nothing was measured."""
    groups: dict[str, dict[str, Range]] = {}
    for aim in AIMS:
        if (found := _times(result, aim)) is not None:
            groups[f"{aim.model}, {aim.ours[1].get('what', 'as above')}"] = {"ours": exact(found)}
    return [Panel("× the reference, items a second", groups, log=True)] if groups else []


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [NOTE, "", "| model | aim on one GPU | found |", "| --- | --- | --- |"]
    for aim in AIMS:
        found = _times(result, aim)
        said = _why(result, aim)
        if found is not None:
            said = f"{found:.1f} times{'' if found >= aim.least else ': not reached'}"
        lines.append(f"| {aim.model} | {aim.what}: {aim.least:g} times | {said} |")
    starts = result["checks"].get("start", {}).get("rows", [])
    said = "; ".join(f"{row['what'].partition(':')[0]} {row['found']}" for row in starts)
    lines.append(f"| each | {START} | {said or 'not run'} |")
    if not result["checks"]:
        return "\n".join(lines)
    speeds = [
        (entry["model"], row) for entry, row in _rows(result["checks"]) if row["kind"] == "speed"
    ]
    if speeds:
        lines += [
            "",
            "| model | what | side | precision | together | milliseconds | a second "
            "| device's memory in use |",
            "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |",
        ]
    for model, row in speeds:
        low, middle, high = row["seconds"]
        memory = f"{row['gb']:.1f} GB" if row["gb"] else ""
        lines.append(
            f"| {model} | {row['what']} | {row['side']} | {row['precision']} | {row['items']} "
            f"| {1000 * middle:.1f} ({1000 * low:.1f} to {1000 * high:.1f}) "
            f"| {row['items'] / middle:.1f} {row['unit']} | {memory} |"
        )
    promises = [row for _, row in _rows(result["checks"]) if row["kind"] == "promise"]
    if promises:
        lines += ["", "| what else was looked at | found | kept |", "| --- | --- | --- |"]
    said_of = {True: "yes", False: "**no**", None: ""}
    lines += [f"| {row['what']} | {row['found']} | {said_of[row['kept']]} |" for row in promises]
    left = [
        f"- `{name}`: {entry['status']}: {entry['why']}"
        for name, entry in result["checks"].items()
        if entry["status"] != "done"
    ]
    if left:
        lines += ["", "What didn't run, or not to its end:", "", *left]
    return "\n".join(lines)


def per_second(result: dict[str, Any], check: str, wanted: Wanted) -> float | None:
    """Give a row's items a second.

    Args:
        result: What a check's file has.
        check: The check's name.
        wanted: Values of the row; for `items` "most" is the largest batch.

    Returns:
        None where there is no such row.
    """
    rows = [row for row in result["checks"].get(check, {}).get("rows", []) if "seconds" in row]
    fixed = {key: value for key, value in wanted.items() if value != "most"}
    rows = [row for row in rows if all(row[key] == value for key, value in fixed.items())]
    if not rows:
        return None
    row = max(rows, key=lambda one: one["items"])
    return float(row["items"] / row["seconds"][1])


def _rows(checks: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each row with its check."""
    for entry in checks.values():
        for row in entry["rows"]:
            yield entry, row


def _times(result: dict[str, Any], aim: Aim) -> float | None:
    """How many times the reference's items a second ours are; None: one of them wasn't measured."""
    ours, theirs = (per_second(result, *side) for side in (aim.ours, aim.reference))
    return None if ours is None or theirs is None else ours / theirs


def _why(result: dict[str, Any], aim: Aim) -> str:
    """Why an aim has no figure."""
    for name in (aim.ours[0], aim.reference[0]):
        entry = result["checks"].get(name)
        if entry and entry["status"] != "done":
            return f"not run: {entry['why']}"
    return "not run"
