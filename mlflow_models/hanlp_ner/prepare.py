"""Turns annotated corpora into one tidy set, and few sentences into more of them.

Labels are harmonised, dates marked by rule, and mentions replaced by others; see
`training/corpora.py` for the formats and `training/augment.py` for the means.
"""

import argparse
import random
from pathlib import Path

from hanlp_ner.training.augment import mark_dates, mark_places, multiply
from hanlp_ner.training.corpora import (
    PROFILES,
    describe,
    parse_mapping,
    read_source,
    write_examples,
)
from hanlp_ner.training.names import Names
from zoo.building import packaging


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Read annotated sentences, harmonise their labels, and write tidy JSON lines.",
        epilog="A source is [PROFILE=]PATH: CoNLL columns, CLUENER-style or tidy JSON lines. "
        "Profiles: " + ", ".join(PROFILES) + ".",
    )
    cli.add_argument("sources", nargs="+", metavar="[PROFILE=]PATH", help="annotated sentences")
    cli.add_argument("-o", "--output", type=Path, required=True, help="the tidy set to write")
    cli.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="rename a label")
    cli.add_argument("--mark-dates", action="store_true", help="mark unambiguous dates as DATE")
    cli.add_argument("--mark-places", action="store_true",
                     help="mark the gazetteer's countries and provinces as LOCATION")  # fmt: skip
    cli.add_argument("--held-out", type=Path, help="write the last sentences here instead")
    cli.add_argument("--held-out-size", type=int, default=300, help="how many (default: 300)")
    cli.add_argument("--copies", type=int, default=0, help="copies with mentions replaced")
    cli.add_argument("--rate", type=float, default=0.6, help="share replaced (default: 0.6)")
    cli.add_argument("--gazetteer", type=Path, help="lists of names to replace mentions with")
    cli.add_argument("--names-from", action="append", default=[], metavar="[PROFILE=]PATH",
                     help="further sentences to take names from")  # fmt: skip
    cli.add_argument("--seed", type=int, default=1)
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    rng = random.Random(args.seed)
    mapping = parse_mapping(args.map)
    examples = [row for source in args.sources for row in read_source(source, mapping, "-")]
    others = [row for source in args.names_from for row in read_source(source, mapping)]
    if args.mark_places:
        lists = Names.read(args.gazetteer).lists
        places = lists["country"] + lists["province"]
        examples = [(text, mark_places(text, entities, places)) for text, entities in examples]
    if args.mark_dates:
        examples = [(text, mark_dates(text, entities)) for text, entities in examples]
    examples = [(text, [e for e in entities if e[2] != "-"]) for text, entities in examples]
    if args.held_out:
        examples, kept = examples[: -args.held_out_size], examples[-args.held_out_size :]
        write_examples(args.held_out, kept)
        print(f"{args.held_out}: {describe(kept)}")
    names = Names.read(args.gazetteer, examples + others)
    examples = multiply(examples, names, args.copies, args.rate, rng)
    write_examples(args.output, examples)
    print(f"{args.output}: {describe(examples)}")


if __name__ == "__main__":
    packaging.run(main)
