"""Scores a HanLP checkpoint, or a built model, on annotated sentences: exact span P, R and F1."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from hanlp_ner.training.augment import mark_dates
from hanlp_ner.training.corpora import DataError, describe, parse_mapping, read_source
from hanlp_ner.training.scoring import (
    Spans,
    confusion,
    log_scores,
    markdown,
    predict_spans,
    span_scores,
    worst,
)


def predict_built(directory: Path, texts: Sequence[str], batch_size: int = 256) -> list[Spans]:
    """Runs a model that build.py saved (an MLflow pyfunc directory) on texts."""
    import mlflow
    import pandas as pd
    from tqdm import tqdm

    model = mlflow.pyfunc.load_model(str(directory))
    found: list[Spans] = []
    for start in tqdm(range(0, len(texts), batch_size), desc="evaluate"):
        answer = model.predict(pd.DataFrame({"text": texts[start : start + batch_size]}))
        rows = answer["entities"] if isinstance(answer, pd.DataFrame) else answer
        for row in rows:
            entities = row["entities"] if isinstance(row, dict) else row
            found.append({(e["start"], e["end"], e["type"]) for e in entities})
    return found


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Score a HanLP checkpoint or a built model on annotated sentences."
    )
    cli.add_argument("model", type=Path, help="directory that HanLP's save or build.py wrote")
    cli.add_argument("sources", nargs="+", metavar="[PROFILE=]PATH", help="annotated sentences")
    cli.add_argument("--labels", nargs="+", help="labels that count (default: all in the set)")
    cli.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="rename a label")
    cli.add_argument("--mark-dates", action="store_true", help="mark dates in the set by rule")
    cli.add_argument("--worst", type=int, default=10, help="sentences to list (default: 10)")
    cli.add_argument("--device", type=int, default=-1, help="GPU number (default: -1, the CPU)")
    cli.add_argument("--json", action="store_true", help="print the scores as JSON only")
    cli.add_argument(
        "--tracking-uri", default="sqlite:///mlflow.db", help="MLflow's, or '' for none"
    )
    cli.add_argument("--experiment", default="hanlp_ner")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    try:
        mapping = parse_mapping(args.map)
        examples = [row for source in args.sources for row in read_source(source, mapping)]
    except DataError as e:
        raise SystemExit(f"evaluate.py: {e}") from e
    if args.mark_dates:
        examples = [(text, mark_dates(text, entities)) for text, entities in examples]
    texts = [text for text, _ in examples]
    gold: list[Spans] = [set(entities) for _, entities in examples]
    if (args.model / "MLmodel").exists():
        predicted = predict_built(args.model, texts)
    else:
        from hanlp_ner.component import load

        predicted = predict_spans(load(args.model, args.device), texts)
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

        mlflow.set_tracking_uri(args.tracking_uri)
        mlflow.set_experiment(args.experiment)
        with mlflow.start_run(run_name=f"evaluate {args.model.name}"):
            mlflow.log_params({"model": args.model.name, "sources": " ".join(args.sources)})
            log_scores(scores, {"confusion.json": table, "worst.txt": mistakes})


if __name__ == "__main__":
    main()
