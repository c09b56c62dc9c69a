"""The page on a corpus of speech that a person reads, and hears, first: `report.html`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.data.audio import SAMPLE_RATE
from zoo.data.tables import open_table
from zoo.training.asked import wav
from zoo.training.page import PageSample, ReportPage, Section, draw
from zoo.training.report import COPIES, CorpusReport

if TYPE_CHECKING:
    from datasets import Dataset

HEARD_SECONDS = 8.0  # of a sample at most: ten of them are 2.6 MB, 3.4 MB as text
SHOWN = 50  # pairs
EXAMPLES = 3  # of a rule


def write(report: CorpusReport, data: "Dataset", name: str, directory: Path) -> None:
    """Write the page, with the plots that lie in the directory.

    Args:
        report: What became of the corpus.
        data: What was kept: columns `audio` (int16 at 16 kHz), `text`, `duration` and `name`.
        name: Of the data set.
        directory: Where the report's other files are.
    """
    sections = [
        _counts(report),
        *_parts(report, directory / COPIES),
        Section("Ten recordings", "Drawn at random. Is what you hear what you read?",
                samples=list(samples(data))),
        _rules(report),
        Section("Lengths", picture=directory / "durations.png"),
        Section("Characters", picture=directory / "characters.svg"),
    ]  # fmt: skip
    ReportPage(f"Speech: {name}", report.verdict(), sections).write(directory)


def samples(data: "Dataset") -> Iterator[PageSample]:
    """Draw ten recordings, each as a WAV file of its first seconds."""
    most = round(HEARD_SECONDS * SAMPLE_RATE)
    for row in data.select(draw(range(len(data)))):
        seconds = float(row["duration"])
        cut = f", of which {HEARD_SECONDS:g} s" if seconds > HEARD_SECONDS else ""
        name = f"{row['name']} ({seconds:.1f} s{cut})"
        yield PageSample(name, str(row["text"]), wav(row["audio"][:most]), "audio/wav")


def _counts(report: CorpusReport) -> Section:
    """What came in, and what became of it; the counts add up."""
    reasons = sorted(report.dropped.items(), key=lambda pair: -pair[1])
    rows = [
        ("in the corpus", report.rows, ""),
        ("kept", report.kept, f"{report.seconds / 3600:.2f} hours"),
        *((f"left out: {reason}", number, ", ".join(report.names[reason]))
          for reason, number in reasons),
    ]  # fmt: skip
    text = "dropped.tsv lists all that was left out." if reasons else ""
    return Section("Counts", text, ["", "rows", "which"], rows)


def _rules(report: CorpusReport) -> Section:
    """What each rule of cleaning changed."""
    rows = [
        (rule, number, "\n".join(" → ".join(p) for p in report.examples.get(rule, [])[:EXAMPLES]))
        for rule, number in report.rules.items()
    ]
    return Section(
        "Rules of cleaning", "", ["rule", "transcripts changed", "before and after"], rows
    )


def _parts(report: CorpusReport, copies: Path) -> list[Section]:
    """The parts, and what recordings have in common."""
    table = open_table(copies)
    pairs = [list(row.values()) for _, row in table.strict_rows()]
    text = (
        f"{report.copies} recordings have the sound of an earlier one, and are in its part. "
        f"{sum(report.leaks.values())} pairs of texts are in two parts. {COPIES} lists all."
    )
    made = [Section("Copies", text, table.header if pairs else (), pairs[:SHOWN])]
    if any(report.parts):
        rows = [(name, number, report.known.get(name, "")) for name, number in report.parts.items()]
        kept = [f"{number} values of '{column}', each in one part."
                for column, number in report.groups.items()]  # fmt: skip
        header = ["part", "recordings", "with a text of train"]
        made.insert(0, Section("Parts", " ".join(kept), header, rows))
    return made
