"""Ten thousand requests that mean harm, to each model in turn: what is answered, and what isn't."""

import time
from pathlib import Path
from typing import Any

from benchmarks.harness import machine, saved
from tests.zoo.promises import subject, try_all
from zoo.building.capabilities import declaration, folders
from zoo.building.local_server import serve

TITLE = "Requests that mean harm"
SEED = 20261129


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Sends them on one connection, a good request after each; a quick run to one model only."""
    found = {}
    for folder in folders():
        name = folder.name
        if quick and name != "hanlp_ner":
            continue
        with serve(saved(name)) as url:
            start = time.perf_counter()
            tried = try_all(url, subject(declaration(folder)), 200 if quick else 10_000, SEED)
        found[name] = {
            "sent": tried.sent.total(),
            "statuses": {str(status): count for status, count in sorted(tried.statuses.items())},
            "seconds": time.perf_counter() - start,
            "faults": tried.faults[:10],
            "unanswered": tried.unanswered[:10],
            "told": tried.told[:10],
            "bad_after": tried.bad_after[:10],
            "counts": {
                "faults": len(tried.faults),
                "unanswered": len(tried.unanswered),
                "told": len(tried.told),
                "bad_after": len(tried.bad_after),
            },
        }
    return {"machine": machine(("mlflow", "gunicorn", "uvicorn", "httptools")), "models": found}


def render(result: dict[str, Any]) -> str:
    """The counts, as Markdown."""
    lines = [
        "Tables of every form with values of every type, JSON that was cut or changed, parameters, "
        "types and encodings that don't fit, and bytes that are hardly HTTP, made by a seed "
        "(`tests/zoo/mutations.py`). A good request follows each on the same connection. Bytes "
        "after which the client hangs up may go without an answer.",
        "",
        "| model | requests | answered 200 | refused (4xx) | hung up | unplanned 5xx | unanswered "
        "| payload or trace in an answer | good request not answered after it |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, one in result["models"].items():
        statuses = {int(status): count for status, count in one["statuses"].items()}
        refused = sum(count for status, count in statuses.items() if 400 <= status < 500)
        counts = one["counts"]
        figures = (
            one["sent"],
            statuses.get(200, 0),
            refused,
            statuses.get(0, 0) - counts["unanswered"],
            *counts.values(),
        )
        lines.append(f"| {name} | {' | '.join(f'{figure:,}' for figure in figures)} |")
    return "\n".join(lines)
