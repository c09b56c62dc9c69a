"""Scores a HanLP checkpoint, or a built model, on annotated sentences: exact span P, R and F1.

Any of them is named the same way: demo, a checkpoint that HanLP publishes, or a directory, be it
what HanLP's save wrote (single-task or multi-task) or what build.py did.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from hanlp_ner.component import fetch, load
from hanlp_ner.training.augment import mark_dates
from hanlp_ner.training.corpora import describe, parse_mapping, read_source
from hanlp_ner.training.span_scores import (
    Spans,
    confusion,
    log_scores,
    markdown,
    predict_spans,
    span_scores,
    worst,
)
from zoo.building import checkpoints, packaging, tracking

FOLDER = Path(__file__).parent


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


def predict_any(name: str, texts: Sequence[str], device: int = -1) -> list[Spans]:
    """Runs a checkpoint or a built model on texts.

    Args:
        name: demo, a published identifier, or a directory.
        texts: sentences.
        device: the GPU's number for a checkpoint, -1 for the CPU.

    Raises:
        CheckpointError: there is none of that name, or it can't be loaded.
    """
    directory = checkpoints.resolve(name, FOLDER / "demo", fetch)
    if (directory / "MLmodel").is_file():
        return predict_built(directory, texts)
    return predict_spans(load(directory, device), texts)


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
    cli.add_argument("--labels", nargs="+", help="labels that count (default: all in the set)")
    cli.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="rename a label")
    cli.add_argument("--mark-dates", action="store_true", help="mark dates in the set by rule")
    cli.add_argument("--worst", type=int, default=10, help="sentences to list (default: 10)")
    cli.add_argument("--device", type=int, default=-1, help="GPU number (default: -1, the CPU)")
    cli.add_argument("--json", action="store_true", help="print the scores as JSON only")
    tracking.add_options(cli, "hanlp_ner")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    tracking.reach(args.tracking_uri)
    mapping = parse_mapping(args.map)
    examples = [row for source in args.sources for row in read_source(source, mapping)]
    if args.mark_dates:
        examples = [(text, mark_dates(text, entities)) for text, entities in examples]
    texts = [text for text, _ in examples]
    gold: list[Spans] = [set(entities) for _, entities in examples]
    predicted = predict_any(args.model, texts, args.device)
    labels = args.labels or sorted({label for spans in gold for _, _, label in spans})
    scores = span_scores(gold, predicted, labels)
    table = json.dumps({k: dict(v) for k, v in confusion(gold, predicted).items()}, indent=1)
    mistakes = "\n".join(worst(texts, gold, predicted, args.worst))
    if args.json:
        print(json.dumps(scores))
    else:
        print(f"{describe(examples)}\n\n{markdown(scores)}\nwhat gold spans became: {table}")
        print(f"\nsentences with the most mistakes:\n{mistakes}")
    if args.tracking_uri:
        import mlflow

        tracking.set_experiment(args.experiment, args.tracking_uri)
        with mlflow.start_run(run_name=f"evaluate {args.model}"):
            mlflow.log_params({"model": args.model, "sources": " ".join(args.sources)})
            log_scores(scores, {"confusion.json": table, "worst.txt": mistakes})


if __name__ == "__main__":
    packaging.run(main)
