"""Scores answers: accuracy with its interval, recall by language, and who is taken for whom."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.outputs import write_json, write_text
from zoo.training.comparison import ScoreChange, paired_bootstrap
from zoo.training.plots import draw_confusion


@dataclass(frozen=True)
class LanguageScores:
    """The counts of an evaluation.

    Args:
        languages: The labels' order.
        truth: (n,), what is spoken, as indices.
        answers: (n,), what was answered, as indices.
        groups: (n,), a name for each recording, for the table.
        sources: (n,), where each recording is from; `balanced_error` weighs all alike. Empty: as
            `groups`.
    """

    languages: Sequence[str]
    truth: np.ndarray
    answers: np.ndarray
    groups: Sequence[str] = field(default=())
    sources: Sequence[str] = field(default=())

    @property
    def confusion(self) -> np.ndarray:
        """Counts: (language that is spoken, language that was answered)."""
        size = len(self.languages)
        table = np.zeros((size, size), dtype=np.int64)
        np.add.at(table, (self.truth, self.answers), 1)
        return table

    @property
    def accuracy(self) -> float:
        """The share of right answers, in percent."""
        return 100 * float(np.mean(self.truth == self.answers))

    @property
    def recall(self) -> dict[str, float]:
        """The share of right answers in each language that is there, in percent."""
        table = self.confusion
        return {
            language: 100 * float(table[place, place] / table[place].sum())
            for place, language in enumerate(self.languages)
            if table[place].any()
        }

    @property
    def balanced_error(self) -> float:
        """The share of wrong answers in percent: the mean over languages of that over sources."""
        sources = self.sources or self.groups
        groups = np.asarray(sources) if len(sources) else np.zeros(len(self.truth), str)
        wrong = self.truth != self.answers
        means = []
        for place in np.unique(self.truth):
            rows = self.truth == place
            names = np.unique(groups[rows])
            means.append(np.mean([wrong[rows & (groups == name)].mean() for name in names]))
        return 100 * float(np.mean(means))

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the accuracy, in percent (Wilson's)."""
        return interval(int(np.sum(self.truth == self.answers)), len(self.truth))

    def by_group(self) -> dict[str, tuple[int, int]]:
        """Return how many recordings of each group there are, and how many answers are right."""
        groups = np.asarray(self.groups)
        right = self.truth == self.answers
        return {
            str(name): (int(np.sum(groups == name)), int(np.sum(right[groups == name])))
            for name in np.unique(groups)
        }

    def record(self) -> dict[str, Any]:
        """Return all of it as plain JSON types."""
        low, high = self.interval()
        table = self.confusion
        return {
            "recordings": len(self.truth),
            "accuracy": round(self.accuracy, 2),
            "accuracy_low": round(low, 2),
            "accuracy_high": round(high, 2),
            "error": round(self.balanced_error, 2),
            "recall": {name: round(value, 2) for name, value in self.recall.items()},
            "languages": list(self.languages),
            "confusion": table.tolist(),
            "groups": {
                name: {"recordings": count, "right": right}
                for name, (count, right) in self.by_group().items()
            },
        }


def interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, in percent (Wilson's)."""
    from scipy.stats import binomtest

    found = binomtest(right, count).proportion_ci(method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


def recall_line(scores: LanguageScores) -> str:
    """Return recalls as one line: zh 98.0 %, th 95.1 %."""
    return ", ".join(f"{name} {value:.1f} %" for name, value in scores.recall.items())


def as_text(scores: LanguageScores) -> str:
    """Return accuracy, recalls, confusion matrix and groups as Markdown."""
    low, high = scores.interval()
    answered = " | ".join(f"answered {name}" for name in scores.languages)
    lines = [
        f"Accuracy {scores.accuracy:.1f} % (95 % interval {low:.1f} to {high:.1f}), "
        f"{len(scores.truth)} recordings; balanced error {scores.balanced_error:.2f} % (all "
        "languages count alike, and in each all sources)",
        "",
        f"| spoken | recordings | recall | {answered} |",
        "|---|---:|---:|" + "---:|" * len(scores.languages),
    ]
    for language, row in zip(scores.languages, scores.confusion, strict=True):
        recall = scores.recall.get(language)
        shown = "–" if recall is None else f"{recall:.1f} %"
        lines.append(f"| {language} | {row.sum()} | {shown} | {' | '.join(map(str, row))} |")
    if any(scores.groups):
        lines += ["", "| group | recordings | right | 95 % interval |", "|---|---:|---:|---|"]
        for name, (count, right) in scores.by_group().items():
            low, high = interval(right, count)
            lines.append(f"| {name} | {count} | {right} | {low:.0f} to {high:.0f} % |")
    return "\n".join(lines)


def write(scores: LanguageScores, directory: Path, record: dict[str, Any], text: str) -> None:
    """Write scores.md (the text), scores.json (the record) and confusion.png."""
    directory.mkdir(parents=True, exist_ok=True)
    write_text(directory / "scores.md", text + "\n")
    write_json(directory / "scores.json", record)
    file, title = directory / "confusion.png", f"accuracy {scores.accuracy:.1f} %"
    draw_confusion(scores.confusion, list(scores.languages), file, title, "answered")


def compared(first: LanguageScores, other: LanguageScores) -> ScoreChange:
    """Compare the accuracy of two models on the same recordings (paired bootstrap)."""
    rights = [(one.truth == one.answers).astype(float)[:, None] for one in (first, other)]
    one, two = (np.hstack([right, np.ones_like(right)]) for right in rights)
    found = paired_bootstrap(one, two, lambda sums: 100 * sums[:, 0] / sums[:, 1])
    return ScoreChange.of("accuracy", "higher", (first.accuracy, other.accuracy), found)


def differing(
    names: Sequence[str], first: LanguageScores, other: LanguageScores
) -> Iterator[tuple[float, str, str, str, str]]:
    """Yield each recording for `comparison.write_differences`: 1 where it was lost, -1 won."""
    for row, name in enumerate(names):
        one, two = first.languages[first.answers[row]], other.languages[other.answers[row]]
        spoken = first.languages[first.truth[row]]
        yield float((one == spoken) - (two == spoken)), name, spoken, one, two
