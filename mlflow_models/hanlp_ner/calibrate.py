"""Fits a temperature for a HanLP checkpoint, and keeps it there: build.py packs it.

With it, of the entities with a confidence of 0.8 about eight of ten are right. The sentences must
not be those that the checkpoint was trained on; --test has others, which nothing is fitted to.
"""

import argparse
import tempfile
from pathlib import Path

from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine
from hanlp_ner.training import calibration
from hanlp_ner.training.corpora import (
    check_annotated,
    check_mapping,
    joined,
    parse_mapping,
    read_corpora,
)
from zoo.building import packaging
from zoo.errors import CheckpointError


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    cli = argparse.ArgumentParser(description=__doc__)
    cli.add_argument("checkpoint", type=Path, help="what HanLP's save wrote")
    cli.add_argument("sources", nargs="+", metavar="[PROFILE=]PATH", help="annotated sentences")
    cli.add_argument("--test", nargs="+", default=[], metavar="[PROFILE=]PATH",
                     help="others, to see how reliable the confidences are")  # fmt: skip
    cli.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="rename a label")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(argv)
    if not (args.checkpoint / "config.json").is_file():
        raise CheckpointError(f"'{args.checkpoint}' is not a checkpoint: it has no config.json.")
    mapping = parse_mapping(args.map)
    dev, test = (joined(read_corpora(some, mapping)) for some in (args.sources, args.test))
    check_mapping(mapping, [dev, test])
    if args.test:
        check_annotated(test, "test set")
    with tempfile.TemporaryDirectory() as work:
        convert(args.checkpoint, Path(work))
        engine = Engine(Path(work))
    found = calibration.fit(engine, dev)
    if args.test:
        before, after = (
            calibration.reliability(engine, test, each) for each in (1.0, found.temperature)
        )
        print(f"{after.markdown()}\nWith a temperature of 1: {before.error:.4f}")
    found.write(args.checkpoint)
    print(found)


if __name__ == "__main__":
    packaging.run(main)
