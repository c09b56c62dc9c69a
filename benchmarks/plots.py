"""The benchmarks' figures as bars: SVG, the same bytes for the same results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.training.plots import drawing

Range = tuple[float, float, float]  # from, the median, to
# Okabe and Ito's colours, which people with any colour vision can tell apart.
OURS = {"zoo": "#0072B2", "ours": "#0072B2", "ours int8": "#0072B2", "ours fp32": "#56B4E9"}
OTHERS = ("#E69F00", "#009E73", "#CC79A7", "#D55E00", "#F0E442", "#999999")
HEIGHT = 0.2  # inches of a bar


@dataclass(frozen=True)
class Panel:
    """One axis with bars.

    Attributes:
        axis: What is measured, and its unit.
        groups: By group and contender what was measured; a contender may be missing from some.
        log: Whether the axis is logarithmic, where the values lie far apart.
    """

    axis: str
    groups: Mapping[str, Mapping[str, Range]]
    log: bool = False


def times(rows: Mapping[str, Mapping[str, Any]], name: str = "{}") -> dict[str, Range]:
    """How many times as fast as the reference each contender of `harness.compare` is.

    Args:
        rows: What it gives.
        name: Contenders' names, where `{}` stands for those of the rows.
    """
    return {
        name.format(one): (row["low"], row["speedup"], row["high"])
        for one, row in list(rows.items())[1:]
    }


def exact(value: float) -> Range:
    """A figure that was measured once, or is itself a median of others."""
    return value, value, value


def draw(panels: Sequence[Panel], path: Path) -> None:
    """Writes panels of the same contenders, side by side."""
    from matplotlib.patches import Patch

    names = list(dict.fromkeys(
        name for panel in panels for group in panel.groups.values() for name in group
    ))  # fmt: skip
    spare = iter(OTHERS)
    colours = {name: OURS.get(name) or next(spare) for name in names}
    bars = max(sum(len(group) + 1 for group in panel.groups.values()) for panel in panels)
    with drawing(path, (8, 0.9 + HEIGHT * bars)) as figure:
        for axes, panel in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _fill(axes, panel, colours)
        handles = [Patch(color=colours[name], label=name) for name in names]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(4, len(names)),
                      frameon=False)  # fmt: skip


def _fill(axes: Any, panel: Panel, colours: Mapping[str, str]) -> None:
    """Draws a panel, its first group on top."""
    place, ticks = 0.0, []
    for group in panel.groups.values():
        ticks.append(place + (len(group) - 1) / 2)
        for name, (low, value, high) in group.items():
            axes.barh(place, value, height=0.85, color=colours[name])
            if low != high:
                axes.plot([low, high], [place, place], color="black", linewidth=0.8)
            axes.annotate(f" {_short(value)}", (max(value, high), place), va="center", fontsize=7)
            place += 1
        place += 1  # between groups
    axes.set_yticks(ticks, list(panel.groups))
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    if panel.log:
        axes.set_xscale("log")
    axes.margins(x=0.15)
    if "×" in panel.axis:
        axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
    axes.set_xlabel(panel.axis)


def _short(value: float) -> str:
    """A figure with about two digits."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"
