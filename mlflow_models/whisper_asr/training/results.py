"""Tables, a plot and MLflow's records of an evaluation."""

import csv
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from whisper_asr.training.normalizer import Normalizer
from whisper_asr.training.scoring import Errors, character_errors, mixed_errors, total

DURATIONS = [2, 5, 10, 20, 30]  # seconds, upper ends
RATIOS = [0, 5, 10, 15, 20, 30]  # dB, upper ends

Band = tuple[int, str]  # its place among the others, and its name
CLEAN = (len(RATIOS) + 1, "clean")


@dataclass(frozen=True)
class Utterance:
    """One utterance of a test set and what a model made of it.

    Args:
        name: the recording's.
        reference: the transcript.
        hypothesis: what was heard.
        seconds: how long it is.
        snr: in dB; None where no noise was added.
    """

    name: str
    reference: str
    hypothesis: str
    seconds: float
    snr: float | None


@dataclass(frozen=True)
class Result:
    """The scores of one model on a test set.

    Args:
        utterances: in the test set's order.
        characters: mistakes of each, in characters.
        mixed: likewise, in Chinese characters and words of other scripts.
    """

    utterances: list[Utterance]
    characters: list[Errors]
    mixed: list[Errors]

    @classmethod
    def of(cls, utterances: list[Utterance], normalizer: Normalizer) -> "Result":
        """Scores utterances."""
        pairs = [(u.reference, u.hypothesis) for u in utterances]
        return cls(
            utterances,
            [character_errors(*pair, normalizer) for pair in pairs],
            [mixed_errors(*pair, normalizer) for pair in pairs],
        )

    @property
    def cer(self) -> float:
        """Character error rate, percent."""
        return total(self.characters).rate

    @property
    def mer(self) -> float:
        """Mixed error rate, percent."""
        return total(self.mixed).rate

    def groups(self) -> dict[str, dict[str, tuple[int, Errors]]]:
        """CER by duration and by SNR: how many utterances, and their mistakes."""
        return {
            "duration": self._by(lambda u: _band(u.seconds, DURATIONS, "s")),
            "SNR": self._by(lambda u: CLEAN if u.snr is None else _band(u.snr, RATIOS, "dB")),
        }

    def _by(self, band_of: Callable[[Utterance], Band]) -> dict[str, tuple[int, Errors]]:
        bands: dict[Band, list[Errors]] = {}
        for utterance, errors in zip(self.utterances, self.characters, strict=True):
            bands.setdefault(band_of(utterance), []).append(errors)
        return {name: (len(bands[place, name]), total(bands[place, name]))
                for place, name in sorted(bands)}  # fmt: skip

    def worst(self, count: int) -> list[tuple[Utterance, Errors]]:
        """The utterances with the highest CER first; of equal ones, the longer."""
        scored = zip(self.utterances, self.characters, strict=True)
        return sorted(scored, key=lambda pair: (-pair[1].rate, -pair[1].mistakes))[:count]


def _band(value: float, ends: list[int], unit: str) -> Band:
    """The band that a value is in: up to 2 s, 2 to 5 s..., over 30 s."""
    place = bisect_left(ends, value)
    if place == 0:
        return place, f"up to {ends[0]} {unit}"
    if place == len(ends):
        return place, f"over {ends[-1]} {unit}"
    return place, f"{ends[place - 1]} to {ends[place]} {unit}"


def markdown(result: Result) -> str:
    """The scores as tables."""
    lines = [
        f"CER {result.cer:.2f} %, MER {result.mer:.2f} % "
        f"({len(result.utterances)} utterances, {total(result.characters).length} characters)"
    ]
    for title, bands in result.groups().items():
        lines += ["", f"| {title} | utterances | characters | CER % |", "|---|---:|---:|---:|"]
        for band, (count, errors) in bands.items():
            lines.append(f"| {band} | {count} | {errors.length} | {errors.rate:.2f} |")
    return "\n".join(lines)


def write_table(result: Result, path: Path) -> None:
    """Writes every utterance with its CER, the worst first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["cer", "seconds", "snr", "name", "reference", "hypothesis"])
        for utterance, errors in result.worst(len(result.utterances)):
            snr = "" if utterance.snr is None else f"{utterance.snr:.0f}"
            table.writerow(
                [f"{errors.rate:.1f}", f"{utterance.seconds:.2f}", snr, utterance.name,
                 utterance.reference, utterance.hypothesis]
            )  # fmt: skip


def plot(results: dict[str, Result], path: Path) -> None:
    """Draws CER by duration and SNR, and how it is spread over utterances; a colour a model."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    width = 0.8 / len(results)
    for number, (name, result) in enumerate(results.items()):
        for axis, (title, bands) in zip(axes, result.groups().items(), strict=False):
            places = [place + width * number for place in range(len(bands))]
            axis.bar(places, [errors.rate for _, errors in bands.values()], width, label=name)
            axis.set_xticks(range(len(bands)), list(bands), rotation=30, ha="right")
            axis.set(xlabel=title, ylabel="CER %")
        rates = [min(errors.rate, 100) for errors in result.characters]
        axes[2].hist(rates, bins=20, range=(0, 100), alpha=0.6, label=name)
    axes[2].set(xlabel="CER % of an utterance", ylabel="utterances", yscale="log")
    axes[2].legend()
    figure.savefig(path, dpi=120)
