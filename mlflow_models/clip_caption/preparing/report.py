"""What became of the photos of a collection: a page to read first, and tables."""

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from PIL import Image

from clip_caption.preparing.photos import Look, Pair
from clip_caption.preparing.sources import COORDINATES, Entry
from zoo.data.images import FILE_FORMATS, decode
from zoo.data.tables import listed, write_table
from zoo.training import plots
from zoo.training.leaks import Leak, across, normalised, same
from zoo.training.page import PageSample, ReportPage, Section, draw, verdict

DROPPED, COPIES = "dropped.csv", "copies.csv"
DRAWN = 40  # bars in a plot
SHOWN = 20  # rows of a table, and pairs, on the page
THUMBNAIL = 320  # pixels
MANY = 0.1  # of the photos; with more left out, a person should look
LARGE_GROUP = 10  # photos that are linked as near copies; more are hardly copies of one photo


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
        masked: whether personal data and metadata were taken out.
        dropped: the photos that were left out.
        kept: the others, and `looks` what was seen of them.
        same_files: pairs of kept photos that are the same file.
        near: pairs of kept photos that look the same, and are other files.
        groups: the number of each kept photo's group.
        personal: telephone numbers and the like, in all texts that are kept, by kind.
        parts: the rows of each part.
    """

    masked: bool = False
    dropped: list[DroppedPhoto] = field(default_factory=list)
    kept: list[Entry] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    same_files: list[tuple[int, int]] = field(default_factory=list)
    near: list[Pair] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    personal: Counter[str] = field(default_factory=Counter)
    parts: dict[str, list[int]] = field(default_factory=dict)

    def reasons(self) -> Counter[str]:
        """How many were left out, by reason."""
        return Counter(one.reason for one in self.dropped)

    def types(self) -> Counter[str]:
        """How many photos of each type there are; one of several types counts for each."""
        cells = (str(entry.extra["type"]) for entry in self.kept if "type" in entry.extra)
        return Counter(label for cell in cells for label in listed(cell) or ["(none)"])

    def metadata(self) -> Counter[str]:
        """How many files carry metadata, by kind."""
        return Counter(kind for look in self.looks for kind in look.metadata)

    def part_of(self) -> list[str]:
        """The part of each photo."""
        places = {row: name for name, rows in self.parts.items() for row in rows}
        return [places[row] for row in range(len(self.kept))]

    def copied(self) -> int:
        """How many photos are near copies of another, or its own file."""
        return len({*chain.from_iterable(self.same_files), *(r for p in self.near for r in p[:2])})

    def leaks(self) -> list[Leak]:
        """Rows of two parts that are the same: photos never are; places and captions may be."""
        parts, names = self.part_of(), [entry.name for entry in self.kept]
        places = [tuple(entry.extra.get(name) for name in COORDINATES) for entry in self.kept]
        texts = [(row, normalised(t)) for row, e in enumerate(self.kept) for t in e.captions]
        rows = [row for row, _ in texts]
        pairs = [(rows[one], rows[other]) for one, other in same([text for _, text in texts])]
        near = [(one, other) for one, other, _ in self.near]
        return [
            *across(self.same_files, parts, names, "same file"),
            *across(near, parts, names, "near copy"),
            *across(same([None if None in p else p for p in places]), parts, names, "same place"),
            *across(dict.fromkeys(pairs), parts, names, "same caption"),
        ]


def verdict_of(report: PhotoReport, leaks: Sequence[Leak]) -> str:
    """One line: whether a person should look before training."""
    problems, kinds = [], Counter(leak.kind for leak in leaks)
    total = len(report.kept) + len(report.dropped)
    reasons = report.reasons()
    del reasons["duplicate"]  # which was asked for
    if reasons.total() > MANY * total:
        reason, count = reasons.most_common(1)[0]
        problems.append(
            f"{reasons.total():,} of {total:,} photos are left out ({reason}: {count:,})"
        )
    largest = max(Counter(report.groups).values(), default=0)
    if largest > max(LARGE_GROUP, MANY * len(report.kept)):
        problems.append(f"{largest:,} photos are held together as one group, in one part")
    if kinds["same place"]:
        problems.append(
            f"{kinds['same place']:,} photos show a place that another part has, too (--group)"
        )
    if not report.masked and (personal := report.personal.total()):
        problems.append(f"{personal:,} telephone numbers and the like are in texts (--mask)")
    if not report.masked and (files := sum(bool(look.metadata) for look in report.looks)):
        told = ", ".join(sorted(report.metadata()))
        problems.append(f"{files:,} files carry metadata: {told} (--mask)")
    parts = ", ".join(f"{len(rows):,} in {name}" for name, rows in report.parts.items() if rows)
    captions = sum(len(entry.captions) for entry in report.kept)
    return verdict(problems, f"{len(report.kept):,} photos ({parts}), {captions:,} captions")


def write_report(
    report: PhotoReport, directory: Path, title: str, read: Callable[[Entry], bytes]
) -> str:
    """Writes `report.html`, with its plots, `dropped.csv` and `copies.csv`; returns the verdict.

    Args:
        report: what became of the photos.
        directory: where to.
        title: of the page.
        read: returns a photo's file.
    """
    dropped = ([one.entry.name, one.entry.source, one.said] for one in report.dropped)
    write_table(directory / DROPPED, ["name", "source", "reason"], dropped)
    _write_copies(report, directory / COPIES)
    leaks = report.leaks()
    said, drawn = verdict_of(report, leaks), draw(report.kept)
    sections = [
        _counted(report),
        Section("Ten of them", samples=[_sample([e], read, "\n".join(e.captions)) for e in drawn]),
        _copies(report, read),
        _leaks(leaks),
        _privacy(report),
        *_types(report, directory),
        *_captions(report, directory),
        _sizes(report, directory),
    ]
    ReportPage(title, said, sections).write(directory)
    return said


def _write_copies(report: PhotoReport, path: Path) -> None:
    parts, kept = report.part_of(), report.kept
    pairs = [*((one, other, "") for one, other in report.same_files), *report.near]
    rows = ([kept[a].name, kept[b].name, bits, parts[a], parts[b]] for a, b, bits in pairs)
    write_table(path, ["name", "copy", "bits", "part", "part of the copy"], rows)


def _table(counts: Mapping[str, int]) -> list[list[object]]:
    """The rows of a table, the most frequent first; what is over `SHOWN` as one row."""
    found = Counter(counts).most_common()
    rows: list[list[object]] = [[name, count] for name, count in found[:SHOWN]]
    if rest := sum(count for _, count in found[SHOWN:]):
        rows.append(["others", rest])
    return rows


def _counted(report: PhotoReport) -> Section:
    details = Counter(one.said for one in report.dropped)
    entries = [*report.kept, *(one.entry for one in report.dropped)]
    rows: list[list[object]] = [
        ["rows in the source", sum(entry.rows for entry in entries)],
        ["photos in the source", len(entries)],
        ["kept", len(report.kept)],
        *([f"in {name}", len(part)] for name, part in report.parts.items()),
        ["captions", sum(len(entry.captions) for entry in report.kept)],
        ["left out", len(report.dropped)],
        *([f"left out: {name}", count] for name, count in _table(details)),
    ]
    return Section("In and out", f"All that was left out is in {DROPPED}.", ["", "photos"], rows)


def _sample(entries: Sequence[Entry], read: Callable[[Entry], bytes], text: str) -> PageSample:
    """Photos side by side, small."""
    pictures = [decode(read(entry), THUMBNAIL, FILE_FORMATS) for entry in entries]
    for picture in pictures:
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
    size = sum(one.width for one in pictures), max(one.height for one in pictures)
    sheet, place, file = Image.new("RGB", size, "white"), 0, io.BytesIO()
    for picture in pictures:
        sheet.paste(picture, (place, 0))
        place += picture.width
    sheet.save(file, "JPEG", quality=80)
    names = " | ".join(entry.name for entry in entries)
    return PageSample(names, text, file.getvalue(), "image/jpeg")


def _copies(report: PhotoReport, read: Callable[[Entry], bytes]) -> Section:
    groups = Counter(report.groups)
    text = (
        f"{len(report.same_files):,} photos are the same file as another; {len(report.near):,} "
        f"pairs look the same and are other files; {report.copied():,} photos are among these. "
        f"All pairs are in {COPIES}. Photos that are linked stay in one part: "
        f"{sum(count > 1 for count in groups.values()):,} groups, of up to "
        f"{max(groups.values(), default=0):,} photos. Pairs, side by side:"
    )
    kept = report.kept
    samples = [
        _sample([kept[one], kept[other]], read, f"{bits} of 64 bits differ")
        for one, other, bits in draw(report.near)
    ]
    return Section("Near copies", text, samples=samples)


def _leaks(leaks: Sequence[Leak]) -> Section:
    counts = Counter(leak.kind for leak in leaks)
    kinds = ("same file", "near copy", "same place", "same caption")
    said = "; ".join(f"{kind}: {counts[kind]:,}" for kind in kinds)
    rows = [[leak.kind, leak.first, leak.parts[0], leak.second, leak.parts[1]] for leak in leaks]
    text = f"Rows of one part that another part has, too: {said}."
    return Section("Leaks", text, ["", "photo", "part", "photo", "part"], rows[:SHOWN])


def _privacy(report: PhotoReport) -> Section:
    done = "taken out" if report.masked else "left as it is; --mask takes it out"
    rows = [
        *([f"in texts: {kind}", count] for kind, count in report.personal.most_common()),
        *([f"in files: {kind}", count] for kind, count in report.metadata().most_common()),
    ]
    return Section("Personal data", f"What was found was {done}.", ["", "times, files"], rows)


def _types(report: PhotoReport, directory: Path) -> list[Section]:
    types = report.types()
    if not types:
        return []
    path = directory / "types.svg"
    plots.draw_counts(types.most_common(DRAWN), path, "photos", f"{len(types)} types")
    text = "A photo of several types counts for each of them."
    return [Section("Types", text, ["type", "photos"], _table(types), path)]


def _captions(report: PhotoReport, directory: Path) -> list[Section]:
    captions = [text for entry in report.kept for text in entry.captions]
    equal = sum(len(e.captions) - len(set(map(normalised, e.captions))) for e in report.kept)
    lengths, characters = directory / "captions.png", directory / "characters.svg"
    with plots.drawing(lengths, (6, 3)) as figure:
        axes = figure.subplots()
        axes.hist([len(text) for text in captions], bins=40)
        axes.set(xlabel="characters of a caption", ylabel="captions")
    found = Counter(chain.from_iterable(captions))
    shown = [(plots.shown(c), count) for c, count in found.most_common(DRAWN)]
    plots.draw_counts(shown, characters, "times", f"{len(found)} characters", log=True)
    text = f"{equal:,} captions are equal to another of the same photo. The longest has "
    return [
        Section("Captions", f"{text}{max(map(len, captions)):,} characters.", picture=lengths),
        Section("Characters of the captions", picture=characters),
    ]


def _sizes(report: PhotoReport, directory: Path) -> Section:
    """Histograms of the photos' sizes: of the longer side, and of the file."""
    path = directory / "sizes.png"
    with plots.drawing(path, (8, 3)) as figure:
        sides, files = figure.subplots(1, 2)
        sides.hist([max(look.width, look.height) for look in report.looks], bins=40)
        sides.set(xlabel="longer side, pixels", ylabel="photos")
        files.hist([look.size / 1000 for look in report.looks], bins=40)
        files.set(xlabel="file, kB", ylabel="photos")
    total = sum(look.size for look in report.looks)
    return Section("Sizes", f"{total / 1e9:.2f} GB together.", picture=path)
