"""Scores of a test set: by duration and noise, worst first, as tables and a plot."""

import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.tables import write_table
from zoo.training import plots
from zoo.training.comparison import Interval, ScoreChange, write_differences
from zoo.training.error_rates import ErrorCounts, bootstrap, total

DURATIONS = [2, 5, 10, 20, 30]  # seconds, upper ends
RATIOS = [0, 5, 10, 15, 20, 30]  # dB, upper ends
UNITS = {"WER": "words", "CER": "characters", "MER": "characters and words"}

Band = tuple[int, str]  # its place among the others, and its name
CLEAN = (len(RATIOS) + 1, "clean")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One utterance of a test set and what a model made of it.

    Args:
        name: the recording's.
        reference: the transcript.
        hypothesis: what was heard.
        seconds: how long it is; 0 where nobody knows.
        snr: in dB; None where no noise was added.
    """

    name: str
    reference: str
    hypothesis: str
    seconds: float
    snr: float | None


BANDS: dict[str, Callable[[Utterance], Band]] = {
    "duration": lambda u: _band(u.seconds, DURATIONS, "s"),
    "SNR": lambda u: CLEAN if u.snr is None else _band(u.snr, RATIOS, "dB"),
}


@dataclass(frozen=True)
class TranscriptionResult:
    """The scores of one model on a test set.

    Args:
        utterances: in the test set's order.
        errors: the mistakes of each utterance, by the name of the rate: CER, WER, MER.
        bands: what utterances are grouped by, of `BANDS`.
    """

    utterances: list[Utterance]
    errors: dict[str, list[ErrorCounts]]
    bands: tuple[str, ...] = tuple(BANDS)

    def rate(self, name: str) -> float:
        """An error rate of the whole test set, percent."""
        return total(self.errors[name]).rate

    def groups(self, name: str = "CER") -> dict[str, dict[str, tuple[int, ErrorCounts]]]:
        """A rate by duration and by SNR: how many utterances, and their mistakes."""
        return {title: self._by(BANDS[title], name) for title in self.bands}

    def _by(
        self, band_of: Callable[[Utterance], Band], rate: str
    ) -> dict[str, tuple[int, ErrorCounts]]:
        bands: dict[Band, list[ErrorCounts]] = {}
        for utterance, errors in zip(self.utterances, self.errors[rate], strict=True):
            bands.setdefault(band_of(utterance), []).append(errors)
        return {name: (len(bands[place, name]), total(bands[place, name]))
                for place, name in sorted(bands)}  # fmt: skip

    def worst(self, count: int) -> list[tuple[Utterance, ErrorCounts]]:
        """The utterances with the highest CER first; of equal ones, the longer."""
        scored = zip(self.utterances, self.errors["CER"], strict=True)
        return sorted(scored, key=lambda pair: (-pair[1].rate, -pair[1].mistakes))[:count]


def _band(value: float, ends: list[int], unit: str) -> Band:
    """The band that a value is in: up to 2 s, 2 to 5 s..., over 30 s."""
    place = bisect_left(ends, value)
    if place == 0:
        return place, f"up to {ends[0]} {unit}"
    if place == len(ends):
        return place, f"over {ends[-1]} {unit}"
    return place, f"{ends[place - 1]} to {ends[place]} {unit}"


def markdown(result: TranscriptionResult, tabled: Sequence[str] = ("CER",)) -> str:
    """The scores as tables, those of the rates in `tabled` by group, too."""
    lengths = [f"{total(result.errors[name]).length} {UNITS[name]}" for name in tabled]
    lines = [
        ", ".join(f"{name} {result.rate(name):.2f} %" for name in result.errors)
        + f" ({', '.join([f'{len(result.utterances)} utterances', *lengths])})"
    ]
    for title in result.bands:
        columns = [result.groups(name)[title] for name in tabled]
        names = [title, "utterances", *(f"{UNITS[name]} | {name} %" for name in tabled)]
        lines += ["", f"| {' | '.join(names)} |", "|---|" + "---:|" * (1 + 2 * len(tabled))]
        for band, (count, _) in columns[0].items():
            cells = [f"{column[band][1].length} | {column[band][1].rate:.2f}" for column in columns]
            lines.append(f"| {' | '.join([band, str(count), *cells])} |")
    return "\n".join(lines)


def write_utterances(result: TranscriptionResult, path: Path) -> None:
    """Writes every utterance with its CER, the worst first."""
    rows = [
        [f"{errors.rate:.1f}", f"{one.seconds:.2f}", "" if one.snr is None else f"{one.snr:.0f}",
         one.name, one.reference, one.hypothesis]
        for one, errors in result.worst(len(result.utterances))
    ]  # fmt: skip
    write_table(path, ["cer", "seconds", "snr", "name", "reference", "hypothesis"], rows)


def plot(results: Mapping[str, TranscriptionResult], path: Path) -> None:
    """Draws CER by duration and SNR, and how it is spread over utterances; a colour a model."""
    titles = list(dict.fromkeys(title for result in results.values() for title in result.bands))
    with plots.drawing(path, (4 * (len(titles) + 1), 3.6)) as figure:
        axes = figure.subplots(1, len(titles) + 1, squeeze=False)[0]
        width = 0.8 / len(results)
        for number, (name, result) in enumerate(results.items()):
            for axis, (title, bands) in zip(axes, result.groups().items(), strict=False):
                places = [place + width * number for place in range(len(bands))]
                axis.bar(places, [errors.rate for _, errors in bands.values()], width, label=name)
                axis.set_xticks(range(len(bands)), list(bands), rotation=30, ha="right")
                axis.set(xlabel=title, ylabel="CER %")
            rates = [min(errors.rate, 100) for errors in result.errors["CER"]]
            axes[-1].hist(rates, bins=20, range=(0, 100), alpha=0.6, label=name)
        axes[-1].set(xlabel="CER % of an utterance", ylabel="utterances", yscale="log")
        axes[-1].legend()


def worst_lines(result: TranscriptionResult, count: int) -> str:
    """The worst utterances as text; nothing where none are asked for."""
    if not any(errors.mistakes for errors in result.errors["CER"]):
        return "No mistake."
    lines = [
        f"{errors.rate:6.1f} %  {utterance.name}\n    said:  {utterance.reference}\n"
        f"    heard: {utterance.hypothesis}"
        for utterance, errors in result.worst(count)
        if errors.mistakes
    ]
    return "\n".join(["worst utterances:", *lines]) if lines else ""


def compare(results: Mapping[str, TranscriptionResult]) -> dict[str, dict[str, Interval]]:
    """How far each further result is from the first, by its name and the rate's."""
    (_, first), *rest = results.items()
    return {
        name: {rate: bootstrap(first.errors[rate], other.errors[rate]) for rate in first.errors}
        for name, other in rest
    }


def changes(
    results: Mapping[str, TranscriptionResult], differences: dict[str, dict[str, Interval]]
) -> list[ScoreChange]:
    """How the second result differs from the first; nothing where there is one."""
    first = next(iter(results.values()))
    return [
        ScoreChange.of(rate, "lower", (first.rate(rate), results[name].rate(rate)), interval)
        for name, found in list(differences.items())[:1]
        for rate, interval in found.items()
    ]


def summary(
    results: Mapping[str, TranscriptionResult], differences: dict[str, dict[str, Interval]]
) -> dict[str, float]:
    """The figures that MLflow and --json get; those of further results under their names."""
    (base, first), *rest = results.items()
    figures: dict[str, float] = {"utterances": len(first.utterances)}
    figures |= {rate.lower(): first.rate(rate) for rate in first.errors}
    for name, other in rest:
        words = re.findall("[0-9A-Za-z]+", Path(name.removeprefix(base)).name)
        for rate in first.errors:
            key = "_".join([*words, rate.lower()])
            figures[key] = other.rate(rate)
            figures |= {f"{key}_{n}": value for n, value in vars(differences[name][rate]).items()}
    return figures


def describe(
    results: Mapping[str, TranscriptionResult],
    differences: dict[str, dict[str, Interval]],
    worst: int,
) -> str:
    """The scores of each result as text, with how far it is from the first, and its worst."""
    parts = []
    for name, result in results.items():
        parts.append(f"## {name}\n\n{markdown(result, tuple(result.errors))}")
        lines = [
            f"less the first: {found.difference:+.2f} % {rate}, 95 % interval "
            f"[{found.low:+.2f}, {found.high:+.2f}] (paired bootstrap)"
            for rate, found in differences.get(name, {}).items()
        ]
        parts += ["\n".join(lines), worst_lines(result, worst)]
    return "\n\n".join(filter(None, parts))


def record(results: Mapping[str, TranscriptionResult], directory: Path, text: str) -> None:
    """Writes the tables and the plot."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "scores.md").write_text(text + "\n", encoding="utf-8")
    plot(results, directory / "cer.png")
    for number, result in enumerate(results.values(), start=1):
        write_utterances(result, directory / f"utterances{number}.tsv")
    if len(results) > 1:
        first, other, *_ = results.values()
        rows = zip(first.utterances, other.utterances, first.errors["CER"], other.errors["CER"],
                   strict=True)  # fmt: skip
        write_differences(
            ((two.rate - one.rate, said.name, said.reference, said.hypothesis, again.hypothesis)
             for said, again, one, two in rows),
            directory,
        )  # fmt: skip
