"""Exact span scores: precision, recall and F1, and what they are logged and drawn as.

A span counts when its start, its end and its label are right, as in the CoNLL-2003 shared task.
"""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.tables import write_table
from zoo.errors import CheckpointError
from zoo.training import plots
from zoo.training.comparison import ScoreChange, paired_bootstrap

Spans = set[tuple[int, int, str]]  # start, end (exclusive), label
Scores = dict[str, dict[str, float]]


def _prf(gold: int, predicted: int, correct: int) -> dict[str, float]:
    precision = correct / predicted if predicted else 0.0
    recall = correct / gold if gold else 0.0
    f1 = 2 * correct / (gold + predicted) if gold + predicted else 0.0
    return {
        "precision": 100 * precision,
        "recall": 100 * recall,
        "f1": 100 * f1,
        "gold": gold,
        "predicted": predicted,
        "correct": correct,
    }


def span_scores(
    gold: Sequence[Spans], predicted: Sequence[Spans], labels: Iterable[str] | None = None
) -> Scores:
    """Returns precision, recall and F1 (in percent) and the counts, by label and over all.

    Args:
        gold: the annotated spans of each sentence.
        predicted: the spans found in each sentence, in the same order.
        labels: the labels that count; all that occur by default.

    Returns:
        A row per label, sorted, then "micro": over all spans of these labels.
    """
    counts = {"gold": Counter[str](), "predicted": Counter[str](), "correct": Counter[str]()}
    for right, found in zip(gold, predicted, strict=True):
        for name, spans in (("gold", right), ("predicted", found), ("correct", right & found)):
            counts[name].update(label for _, _, label in spans)
    rows = sorted(set(labels) if labels else {*counts["gold"], *counts["predicted"]})
    table = {row: _prf(*(counts[name][row] for name in counts)) for row in rows}
    table["micro"] = _prf(*(sum(counts[name][row] for row in rows) for name in counts))
    return table


def confusion(gold: Sequence[Spans], predicted: Sequence[Spans]) -> dict[str, Counter[str]]:
    """Counts what became of each gold span: found as which label, with wrong ends, or missed.

    "wrong ends" means that a predicted span overlaps it; the row "nothing" counts the predicted
    spans that overlap no gold span.
    """
    table: dict[str, Counter[str]] = {}
    for right, found in zip(gold, predicted, strict=True):
        ends = {(start, end): label for start, end, label in found}
        for start, end, label in right:
            overlap = any(b < end and start < e for b, e, _ in found)
            outcome = ends.get((start, end), "wrong ends" if overlap else "missed")
            table.setdefault(label, Counter())[outcome] += 1
        for start, end, label in found:
            if not any(b < end and start < e for b, e, _ in right):
                table.setdefault("nothing", Counter())[label] += 1
    return table


def markdown(scores: Scores) -> str:
    """Formats scores as a Markdown table."""
    head = (
        "| label | precision | recall | F1 | gold | predicted |\n|---|---:|---:|---:|---:|---:|\n"
    )
    return head + "".join(
        f"| {label} | {row['precision']:.2f} | {row['recall']:.2f} | {row['f1']:.2f} "
        f"| {row['gold']:.0f} | {row['predicted']:.0f} |\n"
        for label, row in scores.items()
    )


def predict_spans(component: Any, texts: Sequence[str], batch_size: int = 64) -> list[Spans]:
    """Runs a HanLP component on texts and returns spans in characters of each text.

    Args:
        component: a single-task recognizer, which reads a character a token, or a multi-task
            component, which reads words of its own and whose first task named "ner..." is scored.
        texts: sentences that the component takes whole; a blank one has no entities.
        batch_size: sentences in a batch.

    Raises:
        CheckpointError: the multi-task component has no such task.
    """
    from tqdm import tqdm

    predict = _predict_words if hasattr(component, "tasks") else _predict_characters
    found: list[Spans] = [set() for _ in texts]
    order = sorted((i for i, text in enumerate(texts) if text.strip()), key=lambda i: len(texts[i]))
    for start in tqdm(range(0, len(order), batch_size), desc="evaluate", leave=False):
        chosen = order[start : start + batch_size]
        rows = predict(component, [texts[i] for i in chosen])
        for i, spans in zip(chosen, rows, strict=True):
            found[i] = spans
    return found


def _predict_characters(component: Any, texts: list[str]) -> list[Spans]:
    rows = component.predict([list(text) for text in texts], batch_size=len(texts))
    return [{(begin, end, label) for _, label, begin, end in row} for row in rows]


def _recognizer_task(component: Any) -> str:
    """Return the name of a multi-task component's first task of entities."""
    task = next((name for name in component.config.task_names if name.startswith("ner")), None)
    if task is None:
        raise CheckpointError("this multi-task checkpoint has no task of named entities")
    return str(task)


def known_labels(component: Any) -> set[str] | None:
    """Return the labels that a HanLP component can find; None where its tags don't tell.

    Raises:
        CheckpointError: The multi-task component has no task of entities.
    """
    one = component[_recognizer_task(component)] if hasattr(component, "tasks") else component
    if "tag" not in one.vocabs:
        return None
    return {tag.partition("-")[2] for tag in one.vocabs["tag"].token_to_idx if "-" in tag}


def _predict_words(component: Any, texts: list[str]) -> list[Spans]:
    """Runs the task, with its tokenizer's own offsets: words may be normalized, spaces are gone."""
    task = _recognizer_task(component)
    (tokenizer,) = component._computation_graph[task]
    config = component[tokenizer].config
    before = config.get("output_spans")
    config.output_spans = True  # words as [text, start, end]
    try:
        answer = component(texts, tasks=task)
    finally:
        config.output_spans = before
    return [
        {(words[begin][1], words[end - 1][2], label) for _, label, begin, end in row}
        for words, row in zip(answer[tokenizer], answer[task], strict=True)
    ]


def worst(
    texts: Sequence[str],
    gold: Sequence[Spans],
    predicted: Sequence[Spans],
    count: int,
    labels: Sequence[str] | None = None,
) -> list[str]:
    """Lists the sentences with the most wrong and missing spans, with what is wrong in them.

    Args:
        texts: The sentences.
        gold: Their spans.
        predicted: The spans that were found.
        count: How many sentences.
        labels: Those that count; None: all.
    """
    mistakes = [
        sorted(span for span in own ^ found if labels is None or span[2] in labels)
        for own, found in zip(gold, predicted, strict=True)
    ]
    ranked = sorted(range(len(texts)), key=lambda i: -len(mistakes[i]))
    lines = []
    for i in ranked[:count]:
        if wrong := mistakes[i]:
            marks = ", ".join(
                f"{'missing' if (start, end, label) in gold[i] else 'wrong'} "
                f"{texts[i][start:end]} {label}"
                for start, end, label in wrong
            )
            lines.append(f"{texts[i]}\n    {marks}\n")
    return lines


def plot_scores(scores: Scores, path: Path) -> None:
    """Draws precision, recall and F1 by label."""
    with plots.drawing(path, (7, 3.5)) as figure:
        axes = figure.subplots()
        for i, measure in enumerate(("precision", "recall", "f1")):
            heights = [row[measure] for row in scores.values()]
            axes.bar([x + 0.27 * (i - 1) for x in range(len(scores))], heights, 0.25, label=measure)
        axes.set_xticks(range(len(scores)), list(scores), fontsize=8)
        axes.set_ylim(0, 100)
        axes.set_ylabel("percent")
        axes.legend()


def write_scores(scores: Scores, directory: Path) -> None:
    """Write the scores as a table, `scores.csv`, and as a plot, `scores.png`."""
    columns = list(scores["micro"])
    rows = ([label, *(f"{row[name]:g}" for name in columns)] for label, row in scores.items())
    write_table(directory / "scores.csv", ["label", *columns], rows)
    plot_scores(scores, directory / "scores.png")


def log_scores(scores: Scores) -> None:
    """Log a dev set's scores to the active MLflow run: metrics, the tables and the plot."""
    import mlflow

    for label, row in scores.items():
        measures = ("precision", "recall", "f1")
        mlflow.log_metrics({f"dev_{label}_{name}": row[name] for name in measures})
    mlflow.log_text(markdown(scores), "dev/scores.md")
    with tempfile.TemporaryDirectory() as directory:
        write_scores(scores, Path(directory))
        mlflow.log_artifacts(directory, "dev")


def compared(
    gold: Sequence[Spans],
    first: Sequence[Spans],
    other: Sequence[Spans],
    labels: Sequence[str],
) -> list[ScoreChange]:
    """Compare what two models have found on the same sentences: F1 over all labels, and of each.

    Args:
        gold: the annotated spans of each sentence.
        first, other: those that each model has found.
        labels: the labels that count.
    """
    changes = []
    for label in ("micro", *labels):
        wanted = set(labels) if label == "micro" else {label}
        one, two = (
            np.array(
                [_counts(right, spans, wanted) for right, spans in zip(gold, found, strict=True)]
            )
            for found in (first, other)
        )
        scores = (float(_f1(one.sum(axis=0)[None])[0]), float(_f1(two.sum(axis=0)[None])[0]))
        whole, found = label == "micro", paired_bootstrap(one, two, _f1)
        name = "F1" if whole else f"F1 of {label}"
        changes.append(ScoreChange.of(name, "higher", scores, found, decisive=whole))
    return changes


def _counts(gold: Spans, found: Spans, labels: set[str]) -> tuple[int, int]:
    """Correct spans, and gold and predicted ones together, of some labels."""
    right, spans = ({span for span in all_ if span[2] in labels} for all_ in (gold, found))
    return len(right & spans), len(right) + len(spans)


def _f1(sums: np.ndarray) -> np.ndarray:
    """F1 in percent, (draws,), of sums of `_counts`, (draws, 2)."""
    return 200 * sums[:, 0] / np.maximum(sums[:, 1], 1)


def differing(
    texts: Sequence[str],
    gold: Sequence[Spans],
    first: Sequence[Spans],
    other: Sequence[Spans],
) -> Iterator[tuple[float, str, str, str, str]]:
    """Yield each sentence for `comparison.write_differences`: by wrong and missing spans."""

    def shown(text: str, spans: Spans) -> str:
        return ", ".join(f"{text[start:end]} {label}" for start, end, label in sorted(spans))

    for text, right, one, two in zip(texts, gold, first, other, strict=True):
        change = len(right ^ two) - len(right ^ one)
        yield float(change), text, shown(text, right), shown(text, one), shown(text, two)
