"""Turns a corpus of Thai or English speech into the Arrow data set that finetune.py reads.

Recordings are resampled to 16 kHz, transcripts written as they are spoken, what can't be learnt
from is left out. OUTPUT/train and OUTPUT/test are shuffled. OUTPUT/report.html is the page to read,
and to hear, first; report.json, dropped.tsv and copies.tsv list what was kept, left out, and is
there twice. Abbreviations are listed in abbreviations.tsv: fill in the column `spoken`, and give
the file back with --decisions. If it was killed, run the same command again: it goes on. OUTPUT
appears when it is complete.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path

from wav2vec2_asr.training import profiles
from wav2vec2_asr.training.profiles import PROFILES, RULES
from zoo.building import packaging
from zoo.training import corpora, dataset
from zoo.training.cleaning import Limits
from zoo.training.options import whole
from zoo.training.report import CorpusReport, summary

ABBREVIATIONS = "abbreviations.tsv"
LAYOUTS = """
CORPUS is one of
  FILE                   a manifest (CSV, TSV, JSONL, Parquet): columns of paths and transcripts
  a directory            of Common Voice, of TIMIT (as the LDC has it), or of a.wav with a.txt or
                         metadata.csv, or a copy of a hub's data set (Parquet, save_to_disk)
  owner/name             a data set on the Hugging Face hub

rules of cleaning, in their order (--without leaves one out; en has no times, dates, money, numbers
and repetition):
"""


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    rules = "\n".join(f"  {name:14} {words}" for name, words in RULES.items())
    cli = argparse.ArgumentParser(
        description=__doc__,
        epilog=LAYOUTS + rules,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cli.add_argument("corpus", metavar="CORPUS")
    cli.add_argument("-o", "--output", type=Path, required=True, help="a new directory")
    cli.add_argument("--jobs", type=whole, default=1, help="processes (%(default)s)")
    table = cli.add_argument_group("the corpus")
    table.add_argument("--path-column", help="of paths or audio (default: the layout's usual one)")
    table.add_argument("--text-column", help="of transcripts (default: the layout's usual one)")
    table.add_argument("--keep", nargs="*", default=[], metavar="COLUMN", help="keep these too")
    table.add_argument(
        "--split", default="train", help="Common Voice's table, TIMIT's part or the hub's split"
    )
    table.add_argument("--config", help="the hub's configuration, say th")
    text = cli.add_argument_group("transcripts")
    text.add_argument("--language", choices=list(PROFILES), default="th", help="(%(default)s)")
    text.add_argument(
        "--without",
        nargs="*",
        default=[],
        choices=list(RULES),
        metavar="RULE",
        help="rules to leave out (see below)",
    )
    text.add_argument("--case", choices=["lower", "keep"], help="(th keeps it, en is lower)")
    text.add_argument("--decisions", type=Path, metavar="TSV", help="how abbreviations are said")
    text.add_argument(
        "--undecided",
        choices=["keep", "drop"],
        default="keep",
        help="recordings whose abbreviations nobody decided (%(default)s)",
    )
    text.add_argument(
        "--other-scripts",
        choices=["keep", "drop"],
        default="drop",
        help="recordings whose transcripts have other letters than the language's (%(default)s)",
    )
    clean = cli.add_argument_group("what is kept")
    clean.add_argument("--shortest", type=float, default=1.0, help="seconds (%(default)s)")
    clean.add_argument("--longest", type=float, default=30.0, help="seconds (%(default)s)")
    clean.add_argument(
        "--quietest", type=float, default=-50.0, help="dB of the loudest moment (%(default)s)"
    )
    clean.add_argument(
        "--fastest", type=float, default=30.0, help="characters a second (%(default)s)"
    )
    parts = cli.add_argument_group("splits: OUTPUT/train, OUTPUT/dev, OUTPUT/test")
    parts.add_argument("--test-share", type=float, default=0.1, help="(%(default)s)")
    parts.add_argument("--dev-share", type=float, default=0.0, help="(%(default)s)")
    dataset.add_group(parts)
    parts.add_argument("--seed", type=int, default=1, help="of shuffling and splits (%(default)s)")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    profile = PROFILES[args.language]
    if args.case:
        profile = replace(profile, lower=args.case == "lower")
    shares = {"dev": args.dev_share, "test": args.test_share}
    decisions = profiles.read_decisions(args.decisions) if args.decisions else {}
    without = frozenset(args.without)
    text = profiles.text_of(profile, without, decisions, args.undecided == "drop")
    if args.other_scripts == "keep":
        text = replace(text, foreign=None)
    keep = dataset.kept_columns(args.keep, args.group)
    columns = corpora.CorpusColumns(
        args.path_column, args.text_column, keep, args.split, args.config
    )
    limits = Limits(args.shortest, args.longest, 1_000_000, args.quietest, args.fastest)
    settings = {
        "profile": f"{args.language} {profile.lower} {args.undecided} {args.other_scripts}",
        "without": str(sorted(without)),
        "decisions": str(sorted(decisions.items())),
        "limits": str(limits),
    }
    report = dataset.build(
        corpora.read_corpus(args.corpus, columns),
        args.output,
        text,
        limits,
        shares,
        groups=args.group,
        settings=settings,
        jobs=args.jobs,
        seed=args.seed,
        shuffle=True,
        finish=partial(list_abbreviations, decisions=decisions),
    )
    print(described(report, args.output, decisions))


def list_abbreviations(report: CorpusReport, directory: Path, decisions: dict[str, str]) -> None:
    """Writes the table for a person to fill in."""
    path = directory / ABBREVIATIONS
    profiles.write_decisions(path, report.found, report.contexts, decisions)


def described(report: CorpusReport, output: Path, decisions: dict[str, str]) -> str:
    """What a person wants to know at once."""
    *lines, verdict = summary(report, output)
    if report.missing:
        lines.append(f"  {report.missing} of them have no file; all are listed in dropped.tsv")
    if report.foreign:
        most = sorted(report.foreign, key=lambda c: -report.foreign[c])
        lines.append(f"  of other scripts: {''.join(most[:40])}")
    if undecided := set(report.found) - set(decisions):
        lines.append(
            f"  {len(undecided)} abbreviations are undecided: fill in 'spoken' in "
            f"{output / ABBREVIATIONS}, and run again with --decisions"
        )
    return "\n".join([*lines, verdict])


if __name__ == "__main__":
    packaging.run(main)
