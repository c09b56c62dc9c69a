"""Makes a candidate the champion, if it isn't worse on a test set.

  python -m zoo.promote hanlp_ner --data test.jsonl
  python -m zoo.promote whisper_asr --data DATA/test --margin 0.5 -- --language zh
  python -m zoo.promote hanlp_ner --data test.jsonl --first     there is no champion yet
  python -m zoo.promote hanlp_ner --back                        the version before it again

`build.py` registers a model as `candidate`. This command runs the capability's own evaluate.py with
the champion and the candidate over the same test set, each with the code and the weights that it
was saved with. The candidate becomes the champion if no score is worse by more than the margin:
the far end of the 95 % interval of the paired bootstrap counts, so a small test set needs a wide
margin. MLflow's run keeps the scores of both and the rows that differ most.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import capabilities, packaging, tracking
from zoo.errors import ZooError

if TYPE_CHECKING:
    from mlflow import MlflowClient

CANDIDATE, CHAMPION = "candidate", "champion"
BEFORE = "theresa.champion_before"  # a tag of a version: the version that it replaced


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    cli = argparse.ArgumentParser(
        prog="python -m zoo.promote",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_argument("name", metavar="NAME", help="of the registered model and its capability")
    what = cli.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", nargs="+", metavar="TEST_SET", help="as evaluate.py takes it")
    what.add_argument("--back", action="store_true", help="undo the last promotion")
    cli.add_argument("--first", action="store_true", help="there is no champion: take this one")
    cli.add_argument("--margin", type=float, default=1.0, metavar="POINTS", help="percentage "
                     "points by which each score may be worse (%(default)s)")  # fmt: skip
    cli.add_argument("--candidate", default=CANDIDATE, metavar="ALIAS", help="(%(default)s)")
    cli.add_argument("--champion", default=CHAMPION, metavar="ALIAS", help="(%(default)s)")
    cli.add_argument("--tracking-uri", default=tracking.TRACKING_URI, help="MLflow's registry")
    cli.add_argument("options", nargs="*", metavar="-- OPTIONS", help="further ones of evaluate.py")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Run the command line.

    Raises:
        ZooError: The candidate is worse, or a model isn't there.
    """
    argv = sys.argv[1:] if argv is None else argv
    mine, _, options = (argv, "", []) if "--" not in argv else (
        argv[: argv.index("--")], "--", argv[argv.index("--") + 1 :])  # fmt: skip
    args = parser().parse_args(mine)
    args.options = options
    import mlflow

    tracking.set_experiment(args.name, args.tracking_uri)
    client = mlflow.MlflowClient()
    champion = _version(client, args.name, args.champion)
    if args.back:
        _back(client, args, champion)
        return
    candidate = _version(client, args.name, args.candidate)
    if candidate is None:
        raise ZooError(
            f"Model '{args.name}' has no version '{args.candidate}'; build.py makes one."
        )
    if candidate == champion:
        print(f"{args.name} version {champion} is the {args.champion} already.")
        return
    if champion is None and not args.first:
        raise ZooError(
            f"Model '{args.name}' has no version '{args.champion}'; --first takes the candidate "
            "without a comparison."
        )
    if champion is not None and args.first:
        raise ZooError(
            f"Model '{args.name}' has a champion, version {champion}: leave --first out."
        )
    _compare(args, champion, candidate)
    if champion is not None:
        client.set_model_version_tag(args.name, candidate, BEFORE, champion)
    client.set_registered_model_alias(args.name, args.champion, candidate)
    print(f"{args.name} version {candidate} is the {args.champion} now"
          + (f", in place of version {champion}." if champion else "."))  # fmt: skip


def _version(client: "MlflowClient", name: str, alias: str) -> str | None:
    """The version that has an alias.

    Raises:
        ZooError: The registry has no such model.
    """
    from mlflow.exceptions import MlflowException

    try:
        aliases = client.get_registered_model(name).aliases
    except MlflowException as error:
        raise ZooError(
            f"Model '{name}' not found in the registry; build.py registers it."
        ) from error
    return str(aliases[alias]) if alias in aliases else None


def _back(client: "MlflowClient", args: argparse.Namespace, champion: str | None) -> None:
    tags = client.get_model_version(args.name, champion).tags if champion else {}
    before = tags.get(BEFORE)
    if before is None:
        raise ZooError(f"The champion of '{args.name}' has replaced no version that is known.")
    client.get_model_version(args.name, before)
    client.set_registered_model_alias(args.name, args.champion, before)
    print(f"{args.name} version {before} is the {args.champion} again, in place of {champion}.")


def _compare(args: argparse.Namespace, champion: str | None, candidate: str) -> None:
    """Run evaluate.py, log what it finds, and refuse a candidate that is worse."""
    import mlflow

    folder = next((one for one in capabilities.folders() if one.name == args.name), None)
    if folder is None:
        names = ", ".join(one.name for one in capabilities.folders())
        raise ZooError(f"Capability '{args.name}' not found; available: {names}.")
    new = f"models:/{args.name}/{candidate}"
    models = [new] if champion is None else [f"models:/{args.name}/{champion}", "--compare", new]
    with (
        tempfile.TemporaryDirectory() as output,
        mlflow.start_run(run_name=f"promote {args.name} {champion or 'nothing'} to {candidate}"),
    ):
        command = [sys.executable, str(folder / "evaluate.py"), models[0], *args.data, *models[1:],
                   "--json", "--output", output, "--tracking-uri", args.tracking_uri,
                   "--experiment", "", *args.options]  # fmt: skip
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd())
        if done.returncode:
            raise ZooError(f"{folder.name}/evaluate.py can't score the models (see above).")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        mlflow.log_params({"champion": champion, "candidate": candidate, "margin": args.margin,
                           "data": " ".join(args.data)[:500]})  # fmt: skip
        mlflow.log_metrics({k: v for k, v in found.items() if isinstance(v, int | float)})
        mlflow.log_artifacts(output)
        lines, worse = judged(found.get("comparison", []), args.margin)
        print("\n".join(lines))
        mlflow.set_tag("promoted", str(not worse))
    if worse:
        raise ZooError(f"The candidate, version {candidate}, stays one: {'; '.join(worse)}.")
    if champion is not None and not lines:
        raise ZooError(f"{folder.name}/evaluate.py compared nothing on '{args.data[0]}'.")


def judged(comparison: list[dict[str, Any]], margin: float) -> tuple[list[str], list[str]]:
    """Judge each score of a comparison.

    Args:
        comparison: Of each score its `metric`, `first`, `other`, `difference`, `low` and `high`
            (percentage points, 95 % interval), and `better`, lower or higher.
        margin: Points by which a score may be worse.

    Returns:
        A line on each score, and what is wrong with those that may be worse by more.
    """
    lines, worse = [], []
    for one in comparison:
        sign = 1 if one["better"] == "lower" else -1
        far = max(sign * one["low"], sign * one["high"])
        said = (f"{one['metric']} {one['first']:.2f} -> {one['other']:.2f} "
                f"({one['difference']:+.2f}, 95 % interval [{one['low']:+.2f}, {one['high']:+.2f}])")  # fmt: skip
        lines.append(said)
        if far > margin:
            worse.append(f"{said} may be worse by {far:.2f} points, more than the margin of "
                         f"{margin:g}")  # fmt: skip
    return lines, worse


if __name__ == "__main__":
    packaging.run(main)
