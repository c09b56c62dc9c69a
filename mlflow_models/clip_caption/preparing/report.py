"""What became of the photos of a collection, written down: Markdown, a table, and plots."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clip_caption.preparing.photos import Look
from clip_caption.preparing.sources import Entry
from zoo.data.tables import write_table
from zoo.training import plots

DROPPED = "dropped.csv"
DRAWN = 40  # types in the plot
SHOWN = 20  # reasons in the report


@dataclass(frozen=True)
class DroppedPhoto:
    """A photo that was left out.

    Args:
        entry: what is known of it.
        reason: one of a few, to be counted.
        detail: more of it; may be empty.
    """

    entry: Entry
    reason: str
    detail: str = ""

    @property
    def said(self) -> str:
        """Reason and detail."""
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@dataclass
class PhotoReport:
    """What became of the photos.

    Args:
        dropped: those that were left out.
        kept: the others, and `looks` what was seen of them.
        repeated: how many of these repeat another's bytes, or its look.
        personal: telephone numbers and the like in their captions, and `masked` whether they were
            replaced.
        parts: photos by part.
    """

    dropped: list[DroppedPhoto] = field(default_factory=list)
    kept: list[Entry] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    repeated: dict[str, int] = field(default_factory=dict)
    personal: int = 0
    masked: bool = False
    parts: dict[str, int] = field(default_factory=dict)

    def reasons(self) -> Counter[str]:
        """How many were left out, by reason."""
        return Counter(one.reason for one in self.dropped)


def markdown(report: PhotoReport) -> str:
    """The report as text."""
    parts = ", ".join(f"{count:,} in {name}" for name, count in report.parts.items())
    captions = sum(len(entry.captions) for entry in report.kept)
    size = sum(look.size for look in report.looks)
    masked = "masked" if report.masked else "left as they are (--mask replaces them)"
    lines = [
        f"{len(report.kept):,} photos ({parts}), {captions:,} captions, {size / 1e9:.2f} GB",
        "",
        f"- the same file as another photo: {report.repeated['bytes']:,}",
        f"- look the same as another photo: {report.repeated['look']:,} (all of one look are in "
        "one part)",
        f"- telephone numbers, e-mail addresses and identity numbers in captions: "
        f"{report.personal:,}, {masked}",
        "",
        f"Left out: {len(report.dropped):,}" + (f" (each in {DROPPED})" if report.dropped else ""),
    ]
    lines += _table("reason", report.reasons())
    details = Counter(one.said for one in report.dropped if one.detail)
    lines += _table("in detail", details)
    types = Counter(str(entry.extra["type"]) for entry in report.kept if "type" in entry.extra)
    return "\n".join([*lines, *_table("type", types)])


def _table(title: str, counts: Counter[str]) -> list[str]:
    if not counts:
        return []
    shown = counts.most_common(SHOWN)
    rows = [f"| {name.replace('|', '/') or '(none)'} | {count:,} |" for name, count in shown]
    if rest := counts.total() - sum(count for _, count in shown):
        rows.append(f"| others | {rest:,} |")
    return ["", f"| {title} | photos |", "|---|---:|", *rows]


def write_report(report: PhotoReport, directory: Path) -> None:
    """Writes `report.md`, `dropped.csv`, `sizes.png` and, where there are types, `types.svg`."""
    (directory / "report.md").write_text(markdown(report) + "\n", encoding="utf-8")
    dropped = ([one.entry.name, one.entry.source, one.said] for one in report.dropped)
    write_table(directory / DROPPED, ["name", "source", "reason"], dropped)
    draw_sizes(report.looks, directory / "sizes.png")
    types = Counter(str(entry.extra["type"]) for entry in report.kept if "type" in entry.extra)
    if types:
        draw_types(types, directory / "types.svg")


def draw_sizes(looks: Sequence[Look], path: Path) -> None:
    """Draws histograms of the photos' sizes: of the longer side, and of the file."""
    with plots.drawing(path, (8, 3)) as figure:
        sides, files = figure.subplots(1, 2)
        sides.hist([max(look.width, look.height) for look in looks], bins=40)
        sides.set(xlabel="longer side, pixels", ylabel="photos")
        files.hist([look.size / 1000 for look in looks], bins=40)
        files.set(xlabel="file, kB", ylabel="photos")


def draw_types(types: Counter[str], path: Path) -> None:
    """Draws how many photos there are of each type, the most frequent first."""
    shown = [(name or "(none)", count) for name, count in types.most_common(DRAWN)]
    plots.draw_counts(shown, path, "photos", f"{len(types)} types")
