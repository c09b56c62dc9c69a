"""What became of the recordings of a corpus: counted while they are cleaned, then written down."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zoo.data.outputs import write_json
from zoo.data.tables import write_table
from zoo.training import plots
from zoo.training.corpora import BROKEN
from zoo.training.page import verdict
from zoo.training.splits import Division

SHOWN = 8  # examples, of each kind
DRAWN = 100  # characters in the plot
FEW = 0.1  # of the rows; more that are left out are a problem
COPIES = "copies.tsv"


@dataclass
class CorpusReport:
    """What became of the recordings.

    Args:
        kept: how many, and `seconds` their length.
        dropped: how many by reason, and `names` of a few of them.
        changed: a few transcripts before and after.
        durations: seconds of each that was kept.
        missing: how many of the unreadable have no file.
        rules: how many of the transcripts that were kept each rule changed, in the rules' order,
            and `examples` of a few before and after that rule.
        found: what a rule found for a person to see (abbreviations): how often, and in `contexts`
            one transcript with each.
        characters: of the transcripts that were kept.
        foreign: characters for which a recording was left out.
        rows: how many the corpus has: `kept`, and all that are dropped.
        parts: how many recordings each part has; "" is the whole.
        copies: how many recordings have the sound of an earlier one, in the same part.
        retold: names of those that have another text than it.
        leaks: how many pairs of two parts have something in common, by what it is.
        known: how many recordings of a further part have a text that `train` has, too.
        groups: how many values a column of a group has.
        ungrouped: how many recordings have none.
    """

    kept: int = 0
    seconds: float = 0.0
    dropped: dict[str, int] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    changed: list[list[str]] = field(default_factory=list)
    durations: list[float] = field(default_factory=list)
    missing: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[list[str]]] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    contexts: dict[str, str] = field(default_factory=dict)
    characters: dict[str, int] = field(default_factory=dict)
    foreign: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    copies: int = 0
    retold: list[str] = field(default_factory=list)
    leaks: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    groups: dict[str, int] = field(default_factory=dict)
    ungrouped: dict[str, int] = field(default_factory=dict)

    def add(self, other: "CorpusReport") -> None:
        """Adds another's figures to these."""
        self.kept += other.kept
        self.seconds += other.seconds
        self.missing += other.missing
        for mine, more in (
            (self.dropped, other.dropped),
            (self.rules, other.rules),
            (self.found, other.found),
            (self.characters, other.characters),
            (self.foreign, other.foreign),
        ):
            count(mine, more)
        for reason, names in other.names.items():
            self.names[reason] = (self.names.get(reason, []) + names)[:SHOWN]
        for rule, pairs in other.examples.items():
            self.examples[rule] = (self.examples.get(rule, []) + pairs)[:SHOWN]
        self.contexts = other.contexts | self.contexts
        self.changed = (self.changed + other.changed)[:SHOWN]
        self.durations += other.durations

    def divide(self, division: Division) -> None:
        """Take the figures of the division into parts."""
        self.parts = {name: len(rows) for name, rows in division.parts.items()}
        self.copies = len(division.copies)
        self.retold = [name for _, name in division.retold]
        self.leaks = dict(Counter(leak.kind for leak in division.leaks))
        self.known = division.known
        self.groups, self.ungrouped = division.groups, division.ungrouped

    def problems(self) -> list[str]:
        """Return what a person should look at before training; may be empty."""
        left_out = sum(self.dropped.values())
        found = []
        if left_out > FEW * self.rows:
            reason = max(self.dropped, key=lambda name: self.dropped[name])
            found.append(f"{left_out} of {self.rows} rows are left out (most: {reason})")
        elif broken := self.dropped.get(BROKEN):
            found.append(f"{broken} rows of the table are broken ({self.names[BROKEN][0]}...)")
        for name in (part for part, number in self.parts.items() if not number):
            found.append(f"'{name}' is empty, and not written")
        if self.retold:
            found.append(f"same sound as another recording, but another text: "
                         f"{len(self.retold)} ({self.retold[0]}...)")  # fmt: skip
        for name, number in self.known.items():
            if number:
                found.append(f"{number} of the {self.parts[name]} texts of '{name}' are in "
                             "'train', too (--group text keeps a text in one part)")  # fmt: skip
        for column, number in self.ungrouped.items():
            if number:
                found.append(f"{number} recordings have no '{column}'")
        return found

    def verdict(self) -> str:
        """Say in one line whether to look first."""
        ready = f"{self.kept} recordings, {self.seconds / 3600:.2f} hours"
        return verdict(self.problems(), ready)


def count(mine: dict[str, int], more: Mapping[str, int]) -> None:
    """Adds counts to counts."""
    for key, number in more.items():
        mine[key] = mine.get(key, 0) + number


def summary(report: CorpusReport, output: Path) -> list[str]:
    """What a person wants to know at once: lines on what was kept, changed and left out."""
    lines = [f"{output}: {report.kept} recordings, {report.seconds / 3600:.2f} hours"]
    for rule, number in report.rules.items():
        example = next((f": {a} -> {b}" for a, b in report.examples.get(rule, [])), "")
        lines.append(f"  {rule} changed {number}{' '.join(example.split(chr(10)))}")
    for reason, number in sorted(report.dropped.items()):
        names = ", ".join(report.names[reason][:3])
        lines.append(f"  left out, {reason}: {number} ({names}...)")
    if report.copies:
        lines.append(f"  {report.copies} copies of a recording are in its part (copies.tsv)")
    if any(report.parts):
        lines.append("  " + ", ".join(f"{name}: {number}" for name, number in report.parts.items()))
    lines.append(
        f"  {report.rows} rows in, {report.kept} kept, {report.rows - report.kept} left out"
    )
    return [*lines, report.verdict()]


def write_copies(division: Division, directory: Path) -> None:
    """Writes `copies.tsv`: recordings with one sound, and texts that two parts have."""
    shared = [*division.copies, *division.leaks]
    rows = [(leak.first, leak.second, leak.kind, *leak.parts) for leak in shared]
    header = ["first", "second", "kind", "part of the first", "part of the second"]
    write_table(directory / COPIES, header, rows)


def write_report(report: CorpusReport, directory: Path) -> None:
    """Writes `report.json`, and histograms: `durations.png` and `characters.svg`."""
    summary: dict[str, Any] = {
        name: value for name, value in vars(report).items() if name != "durations"
    }
    summary["characters"] = dict(sorted(report.characters.items(), key=lambda pair: -pair[1]))
    summary |= {"hours": report.seconds / 3600, "verdict": report.verdict()}
    write_json(directory / "report.json", summary)
    draw_durations(report, directory / "durations.png")
    draw_characters(summary["characters"], directory / "characters.svg")


def draw_durations(report: CorpusReport, path: Path) -> None:
    """Draws the histogram of durations."""
    with plots.drawing(path, (6, 3)) as figure:
        axes = figure.subplots()
        axes.hist(report.durations, bins=60)
        axes.set(xlabel="seconds", ylabel="recordings", title=f"{report.seconds / 3600:.2f} hours")


def draw_characters(characters: Mapping[str, int], path: Path) -> None:
    """Draws the histogram of characters, the most frequent first."""
    shown = [(plots.shown(c), number) for c, number in list(characters.items())[:DRAWN]]
    title = f"{len(characters)} characters"
    plots.draw_counts(shown, path, "in the transcripts, times", title, log=True)
