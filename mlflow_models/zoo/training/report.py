"""What became of the recordings of a corpus: counted while they are cleaned, then written down."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zoo.data.outputs import write_json
from zoo.training import plots

SHOWN = 8  # examples, of each kind
DRAWN = 100  # characters in the plot


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
    return lines


def write_report(report: CorpusReport, directory: Path) -> None:
    """Writes `report.json`, and histograms: `durations.png` and `characters.svg`."""
    summary = {name: value for name, value in vars(report).items() if name != "durations"}
    summary["characters"] = dict(sorted(report.characters.items(), key=lambda pair: -pair[1]))
    write_json(directory / "report.json", {**summary, "hours": report.seconds / 3600})
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
    shown = [("space" if c == " " else f"\u25cc{c}" if c in COMBINING else c, number)
             for c, number in list(characters.items())[:DRAWN]]  # fmt: skip
    title = f"{len(characters)} characters"
    plots.draw_counts(shown, path, "in the transcripts, times", title, log=True)


# Thai's vowels and tone marks above and below are shown on a dotted circle.
COMBINING = frozenset(
    "\u0e31" + "".join(map(chr, [*range(0x0E34, 0x0E3B), *range(0x0E47, 0x0E4F)]))
)
