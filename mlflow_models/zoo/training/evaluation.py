"""The end of each evaluate.py: what it prints, keeps and logs."""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from zoo.building import tracking
from zoo.training.comparison import ScoreChange


def add_options(cli: argparse.ArgumentParser, experiment: str, worst: int = 10) -> None:
    """Add the options that `finish` reads.

    Args:
        cli: Where to.
        experiment: MLflow's, by default.
        worst: How many of the worst answers are listed, by default.
    """
    cli.add_argument("--worst", type=int, default=worst, help="worst answers to list")
    cli.add_argument("--output", type=Path, help="keep the tables and the plot here, too")
    cli.add_argument("--json", action="store_true", help="print the scores as JSON only")
    tracking.add_options(cli, experiment)


def finish(
    args: argparse.Namespace,
    name: str,
    text: str,
    figures: Mapping[str, float],
    write: Callable[[Path], None],
    tags: Mapping[str, str] | None = None,
    changes: Sequence[ScoreChange] = (),
) -> None:
    """Print the scores, keep the tables, and log all of it to MLflow, as the options say.

    Args:
        args: The command's options.
        name: What was evaluated.
        text: The scores for a person, Markdown.
        figures: The scores by name.
        write: Writes tables and plots into a directory.
        tags: How it was counted, for the JSON and for MLflow's run.
        changes: From the first model to a second one; the JSON has them as `comparison`.
    """
    tags = tags or {}
    compared = {"comparison": list(map(asdict, changes))} if changes else {}
    print(json.dumps({**tags, **figures, **compared}) if args.json else text)
    if args.output:
        write(args.output)
    if not args.tracking_uri:
        return
    import mlflow

    tracking.set_experiment(args.experiment, args.tracking_uri)
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run(run_name=f"evaluate {name}"):
        mlflow.log_params({option: str(value)[:500] for option, value in vars(args).items()})
        mlflow.set_tags(dict(tags))
        mlflow.log_metrics(dict(figures))
        write(Path(folder))
        mlflow.log_artifacts(folder)
