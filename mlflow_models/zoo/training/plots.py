"""What all plots share: their style, fonts for Chinese and Thai, and how they are written."""

import io
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from zoo.data.outputs import whole_file

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure

STYLE = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "theresa",  # or its ids would be random
    "svg.fonttype": "none",  # text stays text: a browser has fonts for any script
}
# Chinese and Thai on Linux, Windows and macOS; a PNG uses those that are installed.
FONTS = ("Noto Sans CJK SC", "Noto Sans Thai", "Loma", "Microsoft YaHei", "Tahoma", "PingFang SC",
         "Thonburi")  # fmt: skip


@contextmanager
def drawing(
    target: Path | BinaryIO, size: tuple[float, float], dpi: int = 120
) -> Iterator["Figure"]:
    """Give a figure to draw on, and write it at the end of the block; the same bytes each time.

    Args:
        target: A PNG or SVG file, which appears when it is whole; or where a PNG goes.
        size: Width and height, inches.
        dpi: Pixels per inch of a PNG.
    """
    import matplotlib
    from matplotlib import font_manager
    from matplotlib.figure import Figure

    kind = target.suffix[1:] if isinstance(target, Path) else "png"
    style: dict[str, object] = dict(STYLE)
    if kind != "svg":
        installed = set(font_manager.get_font_names())
        style["font.family"] = ["DejaVu Sans", *(name for name in FONTS if name in installed)]
    metadata = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure = Figure(figsize=size, dpi=dpi, layout="constrained")
        yield figure
        file = io.BytesIO()
        figure.savefig(file, format=kind, metadata=metadata)
    if not isinstance(target, Path):
        target.write(file.getvalue())
        return
    with whole_file(target) as part:
        part.write_bytes(file.getvalue())


def draw_counts(
    counts: Sequence[tuple[str, int]], path: Path, xlabel: str, title: str, log: bool = False
) -> None:
    """Draw a bar for each name, the first on top, with its count beside it.

    Args:
        counts: Names and how often each occurs.
        path: Of an SVG, whose viewer has fonts for any script.
        xlabel: What is counted.
        title: Above the plot.
        log: Whether the axis is logarithmic.
    """
    with drawing(path, (6, 1 + 0.2 * len(counts))) as figure:
        axes = figure.subplots()
        bars = axes.barh(range(len(counts)), [count for _, count in counts])
        axes.bar_label(bars, padding=2)
        axes.set_yticks(range(len(counts)), [name for name, _ in counts])
        axes.set(xlabel=xlabel, ylim=(len(counts) - 0.5, -0.5), title=title)
        axes.set_xscale("log" if log else "linear")
        axes.xaxis.set_major_formatter("{x:,.10g}")  # 100, not 10²
        axes.xaxis.set_minor_formatter("")
        axes.margins(x=0.12)


def draw_confusion(
    table: "np.ndarray", names: Sequence[str], path: Path, title: str, answered: str
) -> None:
    """Draw a confusion matrix: counts, coloured by their share of the row.

    Args:
        table: Counts, int64 (what it is, what it was taken for).
        names: Of the rows, and of the columns.
        path: Of the PNG.
        title: Above the plot.
        answered: What the columns are.
    """
    import numpy as np

    side = 2.5 + 0.45 * len(names)
    with drawing(path, (side + 1, side)) as figure:
        axis = figure.subplots()
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        image = axis.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.set(xlabel=answered, ylabel="truly", title=title)
        for truth, taken in zip(*np.nonzero(table), strict=True):
            tint = "white" if shares[truth, taken] > 0.5 else "black"
            count = str(table[truth, taken])
            axis.text(taken, truth, count, ha="center", va="center", color=tint)
        figure.colorbar(image, ax=axis, shrink=0.7, label="share of the row")


def shown(character: str) -> str:
    """Name a character so that it can be seen: Thai's marks above and below on a dotted circle."""
    if unicodedata.category(character) == "Mn":
        return f"\u25cc{character}"
    return "space" if character == " " else character
