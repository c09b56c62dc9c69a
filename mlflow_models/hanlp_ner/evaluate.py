"""Scores a HanLP checkpoint, or a built model, on annotated sentences: exact span P, R and F1.

Any of them is named the same way: demo, a checkpoint that HanLP publishes, or a directory, be it
what HanLP's save wrote (single-task or multi-task) or what build.py did.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hanlp_ner.component import fetch, load
from hanlp_ner.engine import PACKED
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
from hanlp_ner.training.references import (
    MAX_UNKNOWN_SHARE,
    check_characters,
    check_findable,
    unfindable,
)
from hanlp_ner.training.span_scores import (
    Scores,
    Spans,
    confusion,
    known_labels,
    log_scores,
    markdown,
    predict_spans,
    span_scores,
    worst,
)
from hanlp_ner.training.start import check_device
from zoo.building import checkpoints, packaging, tracking
from zoo.data.texts import read_object
from zoo.errors import CheckpointError
from zoo.training import options

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Recognizer:
    """A checkpoint, or a built model, that finds entities.

    Attributes:
        predict: From sentences to the spans of each.
        labels: The labels that it can find. None: they can't be told.
        tokenizer: The transformer's, of a single-task checkpoint.
    """

    predict: Callable[[Sequence[str]], list[Spans]]
    labels: set[str] | None
    tokenizer: Any = None


def predict_built(directory: Path, texts: Sequence[str], batch_size: int = 256) -> list[Spans]:
    """Runs a model that build.py saved (an MLflow pyfunc directory) on texts.

    The weights are the saved ones, the code is this repository's, since it is imported already.
    """
    import mlflow
    import pandas as pd
    from tqdm import tqdm

    model = mlflow.pyfunc.load_model(str(directory))
    found: list[Spans] = []
    for start in tqdm(range(0, len(texts), batch_size), desc="evaluate"):
        rows = model.predict(pd.DataFrame({"text": texts[start : start + batch_size]}))
        found += [{(e["start"], e["end"], e["type"]) for e in row["entities"]} for row in rows]
    return found


def built_labels(directory: Path) -> set[str]:
    """Returns the labels that a built model can find, those of its packed dictionary too.

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


def open_recognizer(name: str, device: int = -1) -> Recognizer:
    """Finds a checkpoint or a built model.

    Args:
        name: demo, a published identifier, or a directory.
        device: the GPU's number for a checkpoint, -1 for the CPU.

    Raises:
        CheckpointError: there is none of that name, or it can't be loaded.
    """
    directory = checkpoints.resolve(name, FOLDER / "demo", fetch)
    if (directory / "MLmodel").is_file():
        return Recognizer(partial(predict_built, directory), built_labels(directory))
    component = load(directory, device)
    tokenizer = None if hasattr(component, "tasks") else component.transformer_tokenizer
    return Recognizer(partial(predict_spans, component), known_labels(component), tokenizer)


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Score a HanLP checkpoint or a built model on annotated sentences."
    )
    cli.add_argument(
        "model",
        help="demo, a checkpoint that HanLP publishes, or a directory (HanLP's or build.py's)",
    )
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
    cli.add_argument(
        "--worst", type=options.count, default=10, help="sentences to list (default: 10)"
    )
    cli.add_argument("--device", type=int, default=-1, help="GPU number (default: -1, the CPU)")
    cli.add_argument("--json", action="store_true", help="print the scores as JSON only")
    tracking.add_options(cli, "hanlp_ner")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    check_device(args.device)
    mapping = parse_mapping(args.map)
    corpus = joined(read_corpora(args.sources, mapping))
    check_mapping(mapping, [corpus])
    if args.mark_dates:
        corpus.examples = [(text, mark_dates(text, own)) for text, own in corpus.examples]
    check_annotated(corpus, "test set")
    print("".join(f"{line}\n" for line in corpus.said()), end="", file=sys.stderr)
    tracking.reach(args.tracking_uri)
    recognizer = open_recognizer(args.model, args.device)
    texts = [text for text, _ in corpus.examples]
    gold: list[Spans] = [set(entities) for _, entities in corpus.examples]
    check_labels(args.labels or [], gold, recognizer)
    lost = unfindable(corpus, recognizer.labels, args.labels)
    check_findable(lost, args.max_unknown, "test set")
    if recognizer.tokenizer:
        check_characters(recognizer.tokenizer, corpus, "test set")
    predicted = recognizer.predict(texts)
    scores = span_scores(gold, predicted, args.labels)
    report(args, corpus, gold, predicted, scores)


def check_labels(asked: Sequence[str], gold: Sequence[Spans], recognizer: Recognizer) -> None:
    """Checks that the labels that count are in the set or the recognizer's, and one is in the set.

    Raises:
        DataError: one isn't, or none is.
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
    predicted: Sequence[Spans],
    scores: Scores,
) -> None:
    """Prints the scores and the worst sentences, and logs them to MLflow if asked for."""
    for label, row in scores.items():
        if not row["gold"] and row["predicted"] and not args.labels:
            print(
                f"The set has no {label}, so that {row['predicted']:.0f} of it count as wrong; if "
                "it isn't annotated there, name with --labels the labels that are.",
                file=sys.stderr,
            )
    texts = [text for text, _ in corpus.examples]
    table = json.dumps({k: dict(v) for k, v in confusion(gold, predicted).items()}, indent=1)
    mistakes = "\n".join(worst(texts, gold, predicted, args.worst))
    if args.json:
        print(json.dumps(scores))
    else:
        print(f"{describe(corpus.examples)}\n\n{markdown(scores)}\nwhat gold spans became: {table}")
        print(f"\nsentences with the most mistakes:\n{mistakes}")
    if args.tracking_uri:
        import mlflow

        tracking.set_experiment(args.experiment, args.tracking_uri)
        with mlflow.start_run(run_name=f"evaluate {args.model}"):
            mlflow.log_params({"model": args.model, "sources": " ".join(args.sources)})
            log_scores(scores, {"confusion.json": table, "worst.txt": mistakes})


if __name__ == "__main__":
    packaging.run(main)
