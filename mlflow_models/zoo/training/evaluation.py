"""The end of each evaluate.py: what it prints, keeps and logs."""

import argparse
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

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
    figures: Mapping[str, Any],
    write: Callable[[Path], None],
    tags: Mapping[str, str] | None = None,
    changes: Sequence[ScoreChange] = (),
) -> None:
    """Print the scores, keep the tables, and log all of it to MLflow, as the options say.

    Args:
        args: The command's options.
        name: What was evaluated.
        text: The scores for a person, Markdown.
        figures: The scores by name; or by label, and each label's by name. MLflow gets the numbers
            among them.
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
        mlflow.log_metrics(_flat(figures) | _differences(changes))
        write(Path(folder))
        mlflow.log_artifacts(folder)


def _flat(figures: Mapping[str, Any]) -> dict[str, float]:
    """The scores as metrics; those of a label begin with its name."""
    found: dict[str, float] = {}
    for name, value in figures.items():
        inner = value if isinstance(value, Mapping) else {"": value}
        found |= {f"{name}_{key}".removesuffix("_"): score for key, score in inner.items()
                  if isinstance(score, int | float)}  # fmt: skip
    return found


def _differences(changes: Sequence[ScoreChange]) -> dict[str, float]:
    """Each difference, and its interval, as metrics; their names have few kinds of characters."""
    return {
        f"{re.sub('[^0-9A-Za-z]+', '_', one.metric)}_{name}": getattr(one, name)
        for one in changes
        for name in ("difference", "low", "high")
    }
