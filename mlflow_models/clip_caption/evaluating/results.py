"""Results of an evaluation: tables, worst captions first, and a picture of the best and worst."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from clip_caption.evaluating.examples import Example
from clip_caption.evaluating.metrics import CaptionScores
from zoo.data.images import FILE_FORMATS, decode
from zoo.data.tables import write_table
from zoo.errors import BadInput
from zoo.training import plots
from zoo.training.comparison import Interval, ScoreChange, write_differences

RANK = "CIDEr"  # what the best and the worst are by, then by ROUGE-L
DRAWN = 5  # best and worst images in the picture, each
THUMBNAIL = 288  # pixels
WIDTH = 42  # characters of a line in the picture


@dataclass(frozen=True)
class CaptionResult:
    """The captions of one system, scored.

    Args:
        examples: the test set.
        predictions: a caption for each.
        scores: these captions'.
        shares: of the captions that name what they should, in percent, by column and `all`.
        named: whether each names all.
    """

    examples: list[Example]
    predictions: list[str]
    scores: CaptionScores
    shares: dict[str, float] = field(default_factory=dict)
    named: list[bool] = field(default_factory=list)

    def ranked(self) -> list[int]:
        """The indices of the examples, the worst first; what doesn't name what it should before."""
        each = self.scores.each
        named = self.named or [False] * len(self.examples)
        keys = zip(named, each[RANK], each["ROUGE-L"], range(len(named)), strict=True)
        return [key[-1] for key in sorted(keys)]


def compare(first: CaptionResult, second: CaptionResult) -> dict[str, Interval]:
    """The second's scores less the first's, by metric.

    Images are drawn with replacement, the same ones for both (Efron and Tibshirani 1993, "An
    Introduction to the Bootstrap"). BLEU is left out: it isn't a mean over images.
    """
    from scipy.stats import bootstrap  # type: ignore[import-untyped]

    columns = {
        name: second.scores.each[name] - values
        for name, values in first.scores.each.items()
        if not name.startswith("BLEU") and name in second.scores.each
    }
    if first.named:
        columns["named"] = 100 * (np.array(second.named, float) - np.array(first.named, float))
    found = {}
    for name, values in columns.items():
        mean = float(values.mean())
        low = high = mean
        if np.ptp(values) > 0:
            drawn = bootstrap(
                (values,), np.mean, n_resamples=2000, method="percentile", batch=100, rng=1
            )
            low, high = map(float, drawn.confidence_interval)
        found[name] = Interval(mean, low, high)
    return found


def changes(
    results: Mapping[str, CaptionResult], differences: Mapping[str, dict[str, Interval]]
) -> list[ScoreChange]:
    """How the second result differs from the first; CIDEr decides, the others are shown."""
    first = next(iter(results.values()))

    def mean(result: CaptionResult, name: str) -> float:
        return float(np.mean(result.scores.each[name]))

    return [
        ScoreChange.of(
            name, "higher", (mean(first, name), mean(results[system], name)), found, name == RANK
        )
        for system, intervals in list(differences.items())[:1]
        for name, found in intervals.items()
        if name in first.scores.each
    ]


def differing(
    first: CaptionResult, other: CaptionResult
) -> Iterator[tuple[float, str, str, str, str]]:
    """Yield each image for `comparison.write_differences`, by the loss of CIDEr."""
    for row, example in enumerate(first.examples):
        change = first.scores.each[RANK][row] - other.scores.each[RANK][row]
        said = first.predictions[row], other.predictions[row]
        yield float(change), example.name, "|".join(example.references), *said


def markdown(
    results: Mapping[str, CaptionResult], differences: Mapping[str, dict[str, Interval]]
) -> str:
    """The scores as a table, a column a system; and how far each further one is from the first."""
    first = next(iter(results.values()))
    lines = [f"| {len(first.examples)} images | {' | '.join(results)} |"]
    lines.append("|---|" + "---:|" * len(results))
    for name in first.scores.corpus:
        cells = [f"{result.scores.corpus[name]:.2f}" for result in results.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for column in first.shares:
        cells = [f"{result.shares[column]:.1f} %" for result in results.values()]
        what = "all of these" if column == "all" else column
        lines.append(f"| names {what} | {' | '.join(cells)} |")
    for system, found in differences.items():
        lines += ["", f"{system} less the first (95 % interval, paired bootstrap over images):"]
        lines += [
            f"- {name} {d.difference:+.2f} [{d.low:+.2f}, {d.high:+.2f}]"
            for name, d in found.items()
        ]
    return "\n".join(lines)


def worst_lines(result: CaptionResult, count: int) -> str:
    """The worst captions as text; nothing where none are asked for."""
    lines = [
        f"{result.scores.each[RANK][index]:7.1f}  {result.examples[index].name}\n"
        f"    reference: {result.examples[index].references[0]}\n"
        f"    caption:   {result.predictions[index] or '(empty)'}"
        for index in result.ranked()[:count]
    ]
    return "\n".join([f"worst captions, by {RANK}:", *lines]) if lines else ""


def write_captions(result: CaptionResult, path: Path) -> None:
    """Writes every image with its caption and scores, the worst first."""
    each = result.scores.each
    facts = list(result.examples[0].values)
    right = ["named"] if result.named else []
    rows = []
    for index in result.ranked():
        example = result.examples[index]
        row = [example.name, result.predictions[index], "|".join(example.references)]
        row += [example.values[name] for name in facts]
        row += [str(result.named[index])] if right else []
        rows.append(row + [f"{values[index]:.2f}" for values in each.values()])
    write_table(path, ["image", "prediction", "references", *facts, *right, *each], rows)


def picture(result: CaptionResult, path: Path) -> None:
    """Draws the best and the worst images with their captions, as SVG."""
    ranked = result.ranked()
    half = min(DRAWN, len(ranked) // 2)
    best = ranked[::-1][: half or 1]
    worst = ranked[:half]
    columns = max(len(best), len(worst))
    with plots.drawing(path, (3.4 * columns, 4.2 * (2 if worst else 1))) as figure:
        axes = figure.subplots(2 if worst else 1, columns, squeeze=False)
        for row, (title, chosen) in enumerate((("best", best), ("worst", worst))[: len(axes)]):
            for place, index in enumerate(chosen):
                axis = axes[row][place]
                axis.imshow(_thumbnail(result.examples[index]))
                score = result.scores.each[RANK][index]
                axis.set_title(f"{title} {place + 1}: {RANK} {score:.0f}", fontsize=9)
                said = result.predictions[index] or "(empty)"
                text = [*_lines("caption: " + said), *_lines(
                    "reference: " + result.examples[index].references[0])]  # fmt: skip
                axis.set_xlabel("\n".join(text), fontsize=8, loc="left", parse_math=False)
            for axis in axes[row]:
                axis.set(xticks=[], yticks=[], frame_on=False)


def _lines(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, max_lines=4, placeholder=" …")


def _thumbnail(example: Example) -> np.ndarray:
    """The image, small, (height, width, 3) uint8; a grey square where it can't be read."""
    try:
        image = decode(example.read(), THUMBNAIL, FILE_FORMATS)
    except (OSError, BadInput):
        return np.full((THUMBNAIL, THUMBNAIL, 3), 200, np.uint8)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    return np.asarray(image)


def record(results: Mapping[str, CaptionResult], directory: Path, text: str) -> None:
    """Writes the tables and the pictures, numbered in the order of the systems."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "scores.md").write_text(text + "\n", encoding="utf-8")
    for number, result in enumerate(results.values(), start=1):
        write_captions(result, directory / f"captions{number}.csv")
        picture(result, directory / f"examples{number}.svg")
    if len(results) > 1:
        first, other, *_ = results.values()
        write_differences(differing(first, other), directory)


def summary(
    results: Mapping[str, CaptionResult], differences: Mapping[str, dict[str, Interval]]
) -> dict[str, float]:
    """The figures that MLflow and --json get; those of further systems with a number before."""
    figures: dict[str, float] = {}
    for number, (system, result) in enumerate(results.items(), start=1):
        before = "" if number == 1 else f"other{number - 1}_" if len(results) > 2 else "other_"
        figures |= {before + key(name): value for name, value in result.scores.corpus.items()}
        figures |= {f"{before}names_{key(c)}": share for c, share in result.shares.items()}
        for name, found in differences.get(system, {}).items():
            figures |= {f"{before}{key(name)}_{part}": v for part, v in vars(found).items()}
    first: Sequence[Example] = next(iter(results.values())).examples
    return {"images": len(first), **figures}


def key(name: str) -> str:
    """A metric's name as MLflow takes it: bleu_4, rouge_l."""
    return name.lower().replace("-", "_").replace(" ", "_")
