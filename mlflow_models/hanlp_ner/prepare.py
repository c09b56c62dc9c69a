"""Turns annotated corpora into one tidy set, and few sentences into more of them.

Labels are harmonised, dates marked by rule, and mentions replaced by others; see
`training/formats.py` and `training/conll.py` for what is read, and `training/augment.py` for the
means. A page beside the output shows a person what became of the data.
"""

import argparse
import random
from pathlib import Path

from hanlp_ner.training.augment import mark_dates, mark_places, multiply
from hanlp_ner.training.corpora import (
    PROFILES,
    Corpus,
    check_annotated,
    check_mapping,
    describe,
    joined,
    parse_mapping,
    read_corpora,
    source_path,
    write_examples,
)
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.held_out import draw_held_out, groups_of, key
from hanlp_ner.training.names import Names
from hanlp_ner.training.prepared import Prepared, write_report
from hanlp_ner.training.tags import flat
from zoo.building import packaging
from zoo.training import options

DROPPED = "-"  # the label of entities that only keep others from their place


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Read annotated sentences, harmonise their labels, and write tidy JSON lines.",
        epilog="A source is [PROFILE=]PATH: CoNLL columns, or JSON of doccano, Label Studio, "
        "Prodigy, CLUENER or our own. Profiles: " + ", ".join(PROFILES) + ".",
    )
    cli.add_argument("sources", nargs="+", metavar="[PROFILE=]PATH", help="annotated sentences")
    cli.add_argument("-o", "--output", type=Path, required=True, help="the tidy set to write")
    cli.add_argument("--map", action="append", default=[], metavar="OLD=NEW", help="rename a label")
    cli.add_argument("--mark-dates", action="store_true", help="mark unambiguous dates as DATE")
    cli.add_argument("--mark-places", action="store_true",
                     help="mark the gazetteer's countries and provinces as LOCATION")  # fmt: skip
    cli.add_argument("--held-out", type=Path, help="write some sentences here instead, drawn at "
                     "random; equal ones and those of a document stay together")  # fmt: skip
    cli.add_argument(
        "--held-out-size", type=options.whole, default=300, help="about how many (default: 300)"
    )
    cli.add_argument(
        "--copies", type=options.count, default=0, help="copies with mentions replaced"
    )
    cli.add_argument(
        "--rate", type=options.share, default=0.6, help="share replaced (default: 0.6)"
    )
    cli.add_argument("--gazetteer", type=Path, help="lists of names to replace mentions with")
    cli.add_argument("--names-from", action="append", default=[], metavar="[PROFILE=]PATH",
                     help="further sentences to take names from")  # fmt: skip
    cli.add_argument("--seed", type=int, default=1)
    return cli


def check(args: argparse.Namespace) -> None:
    """Check what the options say, before anything is read.

    Raises:
        DataError: An option needs another, or a file would be written over another.
    """
    if args.mark_places and not args.gazetteer:
        raise DataError("--mark-places needs --gazetteer, which lists the places.")
    taken = {source_path(source)[1].resolve() for source in args.sources + args.names_from}
    for path in (args.output, args.held_out):
        if path and (path.resolve() in taken or path.is_dir()):
            raise DataError(f"'{path}' is read, written already, or a directory; give a new file.")
        if path:
            taken.add(path.resolve())


def mark(corpus: Corpus, args: argparse.Namespace) -> None:
    """Mark places and dates by rule, in place; then the dropped entities go."""
    if args.mark_places:
        lists = Names.read(args.gazetteer).lists
        places = lists.get("country", []) + lists.get("province", [])
        if not places:
            raise DataError(f"'{args.gazetteer}' lists neither a country nor a province.")
        corpus.examples = [(text, mark_places(text, own, places)) for text, own in corpus.examples]
    if args.mark_dates:
        corpus.examples = [(text, mark_dates(text, own)) for text, own in corpus.examples]
    corpus.examples = [
        (text, [one for one in own if one[2] != DROPPED]) for text, own in corpus.examples
    ]


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    check(args)
    mapping = parse_mapping(args.map)
    sources = read_corpora(args.sources, mapping, DROPPED)
    others = joined(read_corpora(args.names_from, mapping)).examples
    check_mapping(mapping, sources)
    for source in sources:
        mark(source, args)
    whole = joined(sources)
    check_annotated(whole, "data")
    held: set[int] = set()
    if args.held_out:
        held = draw_held_out(groups_of(whole), args.held_out_size, args.seed)
    kept = [example for row, example in enumerate(whole.examples) if row not in held]
    out = [example for row, example in enumerate(whole.examples) if row in held]
    mined = [(text, flat(entities)) for text, entities in kept + others]
    names = Names.read(args.gazetteer, mined)
    made = multiply(kept, names, args.copies, args.rate, random.Random(args.seed))
    closed = {key(text) for text, _ in out}
    train = [example for example in made if key(example[0]) not in closed]
    if out:
        write_examples(args.held_out, out)
        print(f"{args.held_out}: {describe(out)}")
    write_examples(args.output, train)
    print(f"{args.output}: {describe(train)}")
    prepared = Prepared(sources, whole, held, train, len(made) - len(train), args.held_out_size)
    write_report(prepared, args.output)


if __name__ == "__main__":
    packaging.run(main)
