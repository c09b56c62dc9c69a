"""Scores a HanLP checkpoint, or a built model, on annotated sentences: exact span P, R and F1.

Any of them is named the same way: demo, a checkpoint that HanLP publishes, a directory, be it what
HanLP's save wrote (single-task or multi-task) or what build.py did, or `models:/NAME@ALIAS`. Two
are compared on the same sentences, with an interval of confidence for the difference of F1.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hanlp_ner.engine import PACKED
from hanlp_ner.network.component import fetch, load
from hanlp_ner.training.augment import mark_dates
from hanlp_ner.training.corpora import (
    Corpus,
    check_annotated,
    check_mapping,
    describe,
    joined,
    parse_mapping,
    read_corpora,
)
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.pages import evaluation_page
from hanlp_ner.training.references import (
    MAX_UNKNOWN_SHARE,
    check_characters,
    check_findable,
    unfindable,
)
from hanlp_ner.training.reliability import Reliability, Sure, sure_spans
from hanlp_ner.training.span_scores import (
    Spans,
    compared,
    confusion,
    differing,
    known_labels,
    markdown,
    predict_spans,
    span_scores,
    worst,
    write_scores,
)
from hanlp_ner.training.start import check_device
from zoo.building import checkpoints, packaging, saved, tracking
from zoo.data.outputs import write_text
from zoo.data.texts import read_object
from zoo.errors import CheckpointError
from zoo.training import evaluation, options
from zoo.training.comparison import ScoreChange, write_differences
from zoo.training.page import PAGE

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Recognizer:
    """A checkpoint, or a built model, that finds entities.

    Attributes:
        predict: From sentences to the spans of each, with the confidence of each where the model
            gives one.
        labels: The labels that it can find. None: they can't be told.
        tokenizer: The transformer's, of a single-task checkpoint.
    """

    predict: Callable[[Sequence[str]], list[Sure]]
    labels: set[str] | None
    tokenizer: Any = None


def predict_built(name: str, directory: Path, texts: Sequence[str]) -> list[Sure]:
    """Run a saved model on texts, with the code that it was saved with."""
    found, refused = [], 0
    for row in saved.ask(str(directory), "", "text", texts, total=len(texts), label=name):
        refused += bool(row.get("error"))
        found.append(sure_spans(row))
    if refused:
        print(f"{refused} sentences are refused by the model; their entities count as missed.",
              file=sys.stderr)  # fmt: skip
    return found


def built_labels(directory: Path) -> set[str]:
    """Return the labels that a built model can find, those of its packed dictionary too.

    Raises:
        CheckpointError: the model isn't one of these.
    """
    path = next(directory.glob("artifacts/*/config.json"), None)
    config = read_object(path) if path else {}
    if path is None or config.get("kind") not in ("single", "multi"):
        raise CheckpointError(f"'{directory}' is not a model that this build.py made.")
    own = config if config["kind"] == "single" else config["heads"][config["recognizer"]]
    packed = read_object(path.with_name(PACKED), missing={})
    return {tag.partition("-")[2] for tag in own["tags"] if "-" in tag} | set(packed.values())


def open_recognizer(name: str, device: int, tracking_uri: str, work: Path) -> Recognizer:
    """Finds a checkpoint or a built model.

    Args:
        name: demo, a published identifier, a directory, or `models:/NAME@ALIAS`.
        device: the GPU's number for a checkpoint, -1 for the CPU.
        tracking_uri: the registry.
        work: a directory for what is downloaded.

    Raises:
        CheckpointError: there is none of that name, or it can't be loaded.
    """
    if saved.is_saved(name):
        directory = saved.find(name, tracking_uri, work)
        return Recognizer(partial(predict_built, name, directory), built_labels(directory))
    directory = checkpoints.resolve(name, FOLDER / "demo", fetch)
    component = load(directory, device)
    tokenizer = None if hasattr(component, "tasks") else component.transformer_tokenizer

    def predict(texts: Sequence[str]) -> list[Sure]:
        return [dict.fromkeys(spans) for spans in predict_spans(component, texts)]

    return Recognizer(predict, known_labels(component), tokenizer)


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    cli = argparse.ArgumentParser(
        description="Score a HanLP checkpoint or a built model on annotated sentences."
    )
    cli.add_argument(
        "model",
        help="demo, a checkpoint that HanLP publishes, a directory (HanLP's or build.py's), or "
        "models:/NAME@ALIAS",
    )
    cli.add_argument("--compare", metavar="MODEL", help="another one, on the same sentences")
    cli.add_argument("sources", nargs="+", metavar="[PROFILE=]PATH", help="annotated sentences")
    cli.add_argument(
        "--labels", nargs="+", help="labels that count (default: all of set and model)"
    )
    cli.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="rename a label")
    cli.add_argument("--mark-dates", action="store_true", help="mark dates in the set by rule")
    cli.add_argument("--max-unknown", type=options.share, default=MAX_UNKNOWN_SHARE,
                     metavar="SHARE", help="of the set's entities, how many may have a label that "
                     "the model doesn't know, or overlap others; with more the set is refused "
                     f"(default: {MAX_UNKNOWN_SHARE})")  # fmt: skip
    cli.add_argument("--device", type=int, default=-1, help="GPU number (default: -1, the CPU)")
    evaluation.add_options(cli, "hanlp_ner")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(argv)
    check_device(args.device)
    tracking.reach(args.tracking_uri)
    mapping = parse_mapping(args.map)
    corpus = joined(read_corpora(args.sources, mapping))
    check_mapping(mapping, [corpus])
    if args.mark_dates:
        corpus.examples = [(text, mark_dates(text, own)) for text, own in corpus.examples]
    check_annotated(corpus, "test set")
    print("".join(f"{line}\n" for line in corpus.said()), end="", file=sys.stderr)
    gold: list[Spans] = [set(entities) for _, entities in corpus.examples]
    sure = {}
    for name in dict.fromkeys([args.model, *([args.compare] if args.compare else [])]):
        with tempfile.TemporaryDirectory() as work:
            recognizer = open_recognizer(name, args.device, args.tracking_uri, Path(work))
            check(recognizer, corpus, args)
            sure[name] = recognizer.predict([text for text, _ in corpus.examples])
    report(args, corpus, gold, sure)


def check(recognizer: Recognizer, corpus: Corpus, args: argparse.Namespace) -> None:
    """Checks that a recognizer can find what the test set has.

    Raises:
        DataError: too much of it has a label, or characters, that it doesn't know.
    """
    check_labels(args.labels or [], [set(own) for _, own in corpus.examples], recognizer)
    lost = unfindable(corpus, recognizer.labels, args.labels)
    check_findable(lost, args.max_unknown, "test set")
    if recognizer.tokenizer:
        check_characters(recognizer.tokenizer, corpus, "test set")


def check_labels(asked: Sequence[str], gold: Sequence[Spans], recognizer: Recognizer) -> None:
    """Checks the labels that count: the set or the recognizer knows each, and the set has one.

    Raises:
        DataError: nobody knows a label, or the set has none of them.
    """
    own = {label for spans in gold for _, _, label in spans}
    available = sorted(own | (recognizer.labels or set()))
    if missing := sorted(set(asked) - set(available)):
        raise DataError(
            f"--labels: label '{missing[0]}' not found; available: {', '.join(available)}."
        )
    if asked and own.isdisjoint(asked):
        raise DataError(
            f"--labels: the test set has none of them; it has: {', '.join(sorted(own))}."
        )


def report(
    args: argparse.Namespace,
    corpus: Corpus,
    gold: Sequence[Spans],
    sure: Mapping[str, Sequence[Sure]],
) -> None:
    """Print the scores and the worst sentences, and keep them as the options say."""
    texts = [text for text, _ in corpus.examples]
    predicted = {name: [set(spans) for spans in found] for name, found in sure.items()}
    reliable = {name: Reliability.of(gold, found, args.labels) for name, found in sure.items()}
    scores = {name: span_scores(gold, spans, args.labels) for name, spans in predicted.items()}
    first, *rest = predicted
    for label, row in scores[first].items():
        if not row["gold"] and row["predicted"] and not args.labels:
            print(
                f"The set has no {label}, so all {row['predicted']:.0f} found count as wrong; if "
                "it isn't annotated there, name with --labels the labels that are.",
                file=sys.stderr,
            )
    parts, changes = [describe(corpus.examples)], list[ScoreChange]()
    for name, spans in predicted.items():
        table = json.dumps({k: dict(v) for k, v in confusion(gold, spans).items()}, indent=1)
        mistakes = "\n".join(worst(texts, gold, spans, args.worst, args.labels))
        parts += [f"## {name}\n\n{markdown(scores[name])}\nwhat gold spans became: {table}",
                  f"sentences with the most mistakes:\n{mistakes}"]  # fmt: skip
        if reliable[name]:
            parts.append(f"confidence: {reliable[name].markdown()}")
    for name in rest:
        labels = [label for label in scores[first] | scores[name] if label != "micro"]
        changes = compared(gold, predicted[first], predicted[name], labels)
        parts.append("\n".join([f"{name}, compared with the first:", *map(str, changes)]))

    page = evaluation_page(
        f"Evaluated: {first}", texts, gold, predicted, scores, changes, args.worst, args.labels
    )

    def write(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "scores.md", "\n\n".join(parts))
        write_scores(scores[first], folder)
        if reliable[first]:
            reliable[first].write(folder)
        write_text(folder / PAGE, page.html())
        for name in rest:
            write_differences(differing(texts, gold, predicted[first], predicted[name]), folder)

    text = "\n\n".join(parts)
    sureness = {"confidence": reliable[first].figures()} if reliable[first] else {}
    figures = {**scores[first], **sureness}
    evaluation.finish(args, args.model, text, figures, write, changes=changes)


if __name__ == "__main__":
    packaging.run(main)
