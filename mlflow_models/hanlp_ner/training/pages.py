"""What a person sees of a training run and of an evaluation: one HTML page without a network.

Entities are marked in the sentences' text: what is right, what is wrong, what is missing.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from hanlp_ner.training.curves import MEASURES, Curves
from hanlp_ner.training.span_scores import Scores, Spans, confusion
from hanlp_ner.training.tags import flat
from zoo.training.comparison import ScoreChange
from zoo.training.page import ReportPage, Section, verdict

if TYPE_CHECKING:
    from hanlp_ner.training.trainer import TaggerTrainer

FEW_ENTITIES = 30  # of a label in the dev set: its F1 says little
LOW_F1 = 50  # percent
FORGOTTEN_F1 = 80  # percent of what the first checkpoint finds
SHOWN = 30  # sentences
LEGEND = Markup(
    'Marked: <mark class="right">right</mark>, <mark class="wrong">wrong</mark> (found, not '
    'annotated so), <mark class="missing">missing</mark> (annotated, not found so).'
)


def training_page(
    trainer: "TaggerTrainer", curves: Curves, scores: Scores, found: Sequence[Spans]
) -> ReportPage:
    """Make the page of a training run.

    Args:
        trainer: It has done its last epoch.
        curves: One row for each epoch.
        scores: The best epoch's.
        found: What the best epoch finds in each sentence of the dev set.
    """
    dev, best, kept = trainer.dev.examples, int(trainer.best["epoch"]), trainer.dev.kept
    still = curves.rows[best - 1]["dev_kept_f1"]
    problems = [
        f"{label} has {scores[label]['gold']:.0f} entities in the dev set, so its F1 says little"
        for label in curves.labels
        if scores[label]["gold"] < FEW_ENTITIES
    ]
    problems += [
        f"F1 of {label} is {scores[label]['f1']:.1f}"
        for label in curves.labels
        if scores[label]["f1"] < LOW_F1
    ]
    if best == trainer.epoch and not trainer.waited_enough:
        problems.append("the last epoch is the best one, so more --epochs may give more")
    if still is not None and still < FORGOTTEN_F1:
        problems.append(f"F1 of the kept labels is {still:.1f} of what the checkpoint found")
    ready = f"F1 {scores['micro']['f1']:.1f} on {len(dev)} sentences, epoch {best}"
    header = [name.replace("_", " ") for name in curves.rows[0]]
    cells = [[_shown(value, name) for name, value in row.items()] for row in curves.rows]
    said = (
        f"The best epoch is {best}; best/ has it, and what follows is of it. The labels "
        f"{', '.join(sorted(kept))} are kept: nobody has annotated them here, and their F1 is that "
        "of the answers of the checkpoint that training began with."
        if kept
        else f"The best epoch is {best}; best/ has it, and what follows is of it."
    )
    gold = [set(entities) for _, entities in dev]
    sections = [
        Section("Curves", said, header=header, rows=cells, picture=curves.plot),
        *scores_sections(scores, gold, found),
        worst_section([text for text, _ in dev], gold, found, SHOWN),
    ]
    return ReportPage(f"Trained: {trainer.output.name}", verdict(problems, ready), sections)


def evaluation_page(
    title: str,
    texts: Sequence[str],
    gold: Sequence[Spans],
    predicted: Mapping[str, Sequence[Spans]],
    scores: Mapping[str, Scores],
    changes: Sequence[ScoreChange],
    worst: int,
    labels: Collection[str] | None,
) -> ReportPage:
    """Make the page of an evaluation, of one model or of two.

    Args:
        title: The page's heading.
        texts: The sentences.
        gold: Their spans.
        predicted: What each model has found; the first one's mistakes are shown.
        scores: Of each model.
        changes: From the first model to the other.
        worst: How many sentences to show.
        labels: Those that count; None: all.
    """
    first, *rest = predicted
    gold = _counted(gold, labels)
    found = {name: _counted(spans, labels) for name, spans in predicted.items()}
    sections = []
    for name in rest:
        header = ("score", "first", "other", "difference", "95 % from", "to")
        table = [(one.metric, one.first, one.other, one.difference, one.low, one.high)
                 for one in changes]  # fmt: skip
        sections.append(Section("Compared", f"first: {first}\nother: {name}", header, table))
    sections += scores_sections(scores[first], gold, found[first])
    sections.append(worst_section(texts, gold, found[first], worst))
    for name in rest:
        sections.append(_worse_section(texts, gold, found[first], found[name], worst))
    line = verdict((), f"F1 {scores[first]['micro']['f1']:.1f} on {len(texts)} sentences")
    return ReportPage(title, line, sections)


def scores_sections(scores: Scores, gold: Sequence[Spans], found: Sequence[Spans]) -> list[Section]:
    """Show precision, recall and F1 by label, and what became of the annotated entities."""
    rows = [
        (label, *(row[name] for name in MEASURES), int(row["gold"]), int(row["predicted"]))
        for label, row in scores.items()
    ]
    table = confusion(gold, found)
    columns = sorted({outcome for counts in table.values() for outcome in counts})
    outcomes = [(label, *(counts[name] for name in columns)) for label, counts in table.items()]
    return [
        Section("By label", header=("label", *MEASURES, "annotated", "found"), rows=rows),
        Section(
            "What annotated entities became",
            "A row is what a person has annotated, a column what was found there. The row "
            "'nothing' is what was found where nothing is annotated.",
            header=("annotated", *columns),
            rows=sorted(outcomes),
        ),
    ]


def worst_section(
    texts: Sequence[str], gold: Sequence[Spans], found: Sequence[Spans], count: int
) -> Section:
    """Show the sentences with the most wrong and missing entities, marked in their text."""
    mistakes = [len(one ^ two) for one, two in zip(gold, found, strict=True)]
    ranked = sorted(range(len(texts)), key=lambda row: -mistakes[row])
    rows = [
        (mistakes[row], sentence(texts[row], gold[row], {"found": found[row]}))
        for row in ranked[:count]
        if mistakes[row]
    ]
    return Section("Sentences with the most mistakes", LEGEND, ("mistakes", "sentence"), rows)


def _worse_section(
    texts: Sequence[str],
    gold: Sequence[Spans],
    first: Sequence[Spans],
    other: Sequence[Spans],
    count: int,
) -> Section:
    """Show where a second model makes more mistakes than the first."""
    more = [len(own ^ two) - len(own ^ one)
            for own, one, two in zip(gold, first, other, strict=True)]  # fmt: skip
    ranked = sorted(range(len(texts)), key=lambda row: -more[row])
    rows = [
        (more[row], sentence(texts[row], gold[row], {"first": first[row], "other": other[row]}))
        for row in ranked[:count]
        if more[row] > 0
    ]
    return Section("Where the other one is worse", LEGEND, ("more mistakes", "sentence"), rows)


def _counted(rows: Sequence[Spans], labels: Collection[str] | None) -> list[Spans]:
    """Leave out the spans whose labels don't count."""
    return [{one for one in spans if labels is None or one[2] in labels} for spans in rows]


def sentence(text: str, gold: Spans, found: Mapping[str, Spans]) -> Markup:
    """Show a sentence with its annotated entities, and below with those that each model found."""
    missing = {span for span in gold if any(span not in spans for spans in found.values())}
    lines = [_line("annotated", text, {span: "missing" if span in missing else "right"
                                       for span in gold})]  # fmt: skip
    lines += [
        _line(name, text, {span: "right" if span in gold else "wrong" for span in spans})
        for name, spans in found.items()
    ]
    return Markup("<br>").join(lines)


def _line(name: str, text: str, kinds: Mapping[tuple[int, int, str], str]) -> Markup:
    """Mark spans in a text; what overlaps another is named after it."""
    return Markup("<small>{}</small> {}").format(name, Markup("").join(_parts(text, kinds)))


def _parts(text: str, kinds: Mapping[tuple[int, int, str], str]) -> Iterator[Markup]:
    mark = Markup('<mark class="{}">{}<small> {}</small></mark>')
    kept, done = flat(kinds), 0
    for start, end, label in kept:
        yield Markup.escape(text[done:start])
        yield mark.format(kinds[start, end, label], text[start:end], label)
        done = end
    yield Markup.escape(text[done:])
    for start, end, label in sorted(kinds.keys() - set(kept)):
        yield Markup(" ") + mark.format(kinds[start, end, label], text[start:end], label)


def _shown(value: float | None, name: str) -> float | int | str:
    """Make a cell of the table of epochs."""
    if value is None:
        return ""
    return int(value) if name in ("epoch", "step") else value
