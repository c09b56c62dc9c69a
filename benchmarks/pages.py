"""What is written from the results: BENCHMARKS.md, its plots, and docs/scaling.md."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import scaling
from benchmarks.plots import draw
from zoo.building.packaging import ROOT

RESULTS = Path(__file__).parent / "results"
PLOTS = Path("docs") / "plots"
TRIED = Path(__file__).with_name("tried.md")  # written by hand; the page ends with it
HEAD = """# Benchmarks

Written by `make bench`; no figure before the chapter "What was tried" was typed by hand. Each
contender ran in turn with its reference, on the same weights and with one thread, and its outputs
were checked against the reference's. Figures are medians; ranges are the middle half of the turns.
`make bench-quick` sees that all of it works, and [docs/scaling.md](docs/scaling.md) says what the
figures mean for many machines.
"""


def results() -> dict[str, Any]:
    """What was measured, by the benchmark's name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(RESULTS.glob("*.json"))
    }


def write(modules: Mapping[str, Any], root: Path = ROOT) -> list[Path]:
    """Writes the pages and the plots.

    Args:
        modules: The benchmarks by name, in the page's order.
        root: Where to.

    Returns:
        What was written.
    """
    (root / PLOTS).mkdir(parents=True, exist_ok=True)
    parts, written, found = [HEAD], [], results()
    for name, module in modules.items():
        result = found.get(name, getattr(module, "NOT_RUN", None))
        if result is None:
            continue
        parts.append(f"## {module.TITLE}\n\n{module.render(result)}\n")
        if panels := module.chart(result) if hasattr(module, "chart") else []:
            path = PLOTS / f"{name}.svg"
            draw(panels, root / path)
            written.append(root / path)
            parts.append(f"![{module.TITLE}]({path})\n")
        parts.append(f"Command: `{result['command']}`\\\nMachine: {result['machine']}\n")
    parts.append(TRIED.read_text(encoding="utf-8"))
    pages = {"BENCHMARKS.md": "\n".join(parts), "docs/scaling.md": scaling.page(found)}
    for name, text in pages.items():
        (root / name).write_text(text, encoding="utf-8")
        written.append(root / name)
    return written
