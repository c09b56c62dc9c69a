"""Makes a candidate the champion, if it isn't worse on a test set.

  python -m zoo.promote hanlp_ner --data test.jsonl
  python -m zoo.promote whisper_asr --data DATA/test --margin 0.5 --language zh
  python -m zoo.promote hanlp_ner --data test.jsonl --first     there is no champion yet
  python -m zoo.promote hanlp_ner --back                        the version before it again

`build.py` registers a model as `candidate`. This command runs the capability's own evaluate.py with
the champion and the candidate over the same test set, each with the code and the weights that it
was saved with. The candidate becomes the champion if no decisive score (CER, F1 over all labels,
CIDEr) is worse by more than the margin: the far end of the 95 % interval of the paired bootstrap
counts, so a small test set needs a wide margin. evaluate.py logs a run with the scores of both and
the rows that differ, the worst first. Options that this command doesn't have are evaluate.py's.
"""

import argparse
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from zoo.building import capabilities, packaging, tracking
from zoo.errors import ZooError
from zoo.training.comparison import ScoreChange

if TYPE_CHECKING:
    from mlflow import MlflowClient

CANDIDATE, CHAMPION = "candidate", "champion"
# Tags of a version: the version that it replaced, and how it was compared with that one.
BEFORE, SCORES = "theresa.champion_before", "theresa.comparison"
MAX_TAG_CHARACTERS = 5000


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
    what.add_argument("--back", nargs="?", const="", metavar="VERSION", help="undo the last "
                      "promotion; with a version, only if that is the champion")  # fmt: skip
    cli.add_argument("--first", action="store_true", help="there is no champion: take this one")
    cli.add_argument("--margin", type=float, default=1.0, metavar="POINTS", help="percentage "
                     "points by which each score may be worse (%(default)s)")  # fmt: skip
    cli.add_argument("--candidate", default=CANDIDATE, metavar="ALIAS", help="(%(default)s)")
    cli.add_argument("--champion", default=CHAMPION, metavar="ALIAS", help="(%(default)s)")
    cli.add_argument("--tracking-uri", default=tracking.TRACKING_URI, help="MLflow's registry")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Run the command line.

    Raises:
        ZooError: The candidate is worse, or a model isn't there.
    """
    args, options = parser().parse_known_args(argv)
    import mlflow

    tracking.set_experiment(args.name, args.tracking_uri)
    client = mlflow.MlflowClient()
    champion = _version(client, args.name, args.champion)
    if args.back is not None:
        _back(client, args, champion)
    else:
        _promote(client, args, options, champion)


def _promote(
    client: "MlflowClient", args: argparse.Namespace, options: list[str], champion: str | None
) -> None:
    candidate = _version(client, args.name, args.candidate)
    if candidate is None:
        raise ZooError(f"Model '{args.name}' has no {args.candidate}; build.py makes one.")
    if candidate == champion:
        print(f"{args.name} version {champion} is the {args.champion} already.")
        return
    if champion is None and not args.first:
        raise ZooError(
            f"Model '{args.name}' has no {args.champion} yet; --first takes the candidate without "
            "a comparison."
        )
    if champion is not None and args.first:
        raise ZooError(
            f"Model '{args.name}' has a champion, version {champion}: leave --first out."
        )
    said = _compare(args, options, champion, candidate)
    if champion is not None:
        client.set_model_version_tag(args.name, candidate, BEFORE, champion)
        client.set_model_version_tag(args.name, candidate, SCORES, said[:MAX_TAG_CHARACTERS])
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
    """Move the alias to the version that the champion has replaced.

    Raises:
        ZooError: The registry doesn't say which version the champion replaced.
    """
    if args.back and args.back != champion:
        print(f"{args.name} version {args.back} isn't the {args.champion}; nothing is moved.")
        return
    tags = client.get_model_version(args.name, champion).tags if champion else {}
    before = tags.get(BEFORE)
    if before is None:
        raise ZooError(f"The version before the champion of '{args.name}' is unknown.")
    client.set_registered_model_alias(args.name, args.champion, before)
    print(f"{args.name} version {before} is the {args.champion} again, in place of {champion}.")


def _compare(
    args: argparse.Namespace, options: list[str], champion: str | None, candidate: str
) -> str:
    """Run evaluate.py, which logs a run of its own; return the scores, a line each.

    Raises:
        ZooError: The candidate may be worse by more than the margin.
    """
    folder = next((one for one in capabilities.folders() if one.name == args.name), None)
    if folder is None:
        names = ", ".join(one.name for one in capabilities.folders())
        raise ZooError(f"Capability '{args.name}' not found; available: {names}.")
    new = f"models:/{args.name}/{candidate}"
    models = [new] if champion is None else [f"models:/{args.name}/{champion}", "--compare", new]
    command = [sys.executable, str(folder / "evaluate.py"), models[0], *args.data, *models[1:],
               "--json", "--tracking-uri", args.tracking_uri, "--experiment", args.name,
               *options]  # fmt: skip
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ZooError(f"{folder.name}/evaluate.py can't score the models; see its error above.")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    changes = [ScoreChange(**one) for one in found.get("comparison", [])]
    said = "\n".join(map(str, changes))
    print(said or json.dumps(found, indent=1))
    if worse := [one for one in changes if one.decisive and one.loss > args.margin]:
        raise ZooError(
            f"Version {candidate} stays a candidate, since it may be worse than {champion} by more "
            f"than {args.margin:g} points (--margin): {'; '.join(map(str, worse))}."
        )
    return said


if __name__ == "__main__":
    packaging.run(main)
