"""Turns a corpus of Chinese speech into the Arrow data set that finetune.py and evaluate.py read.

Recordings are resampled to 16 kHz, transcripts normalised, what can't be learnt from is left out
and counted. OUTPUT/report.html is the page to read, and to hear, first; report.json, dropped.tsv
and copies.tsv list what was kept, left out, and is there twice. Stopped, it goes on when the same
command is given again; OUTPUT appears when it is complete.
"""

import argparse
from pathlib import Path

from whisper_asr.building.vocabulary import CONTEXT
from whisper_asr.training.normalizer import SCRIPTS
from whisper_asr.training.transcripts import PROMPT_TOKENS, TranscriptNormalizer, count_tokens
from zoo.building import packaging
from zoo.training import corpora, dataset
from zoo.training.cleaning import COMMON_RULES, COMMON_WORDS, Limits, Text
from zoo.training.options import whole
from zoo.training.report import summary

RULES = "; ".join(f"{name}: {words}" for name, words in COMMON_WORDS.items())


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Read a corpus of Chinese speech, clean it, and write an Arrow data set.",
        epilog="CORPUS is a manifest (CSV, TSV, JSONL, Parquet), a Common Voice or AISHELL "
        "directory, a folder of a.wav with a.txt (or metadata.csv), or owner/name on the Hugging "
        "Face hub.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("corpus", metavar="CORPUS")
    cli.add_argument("-o", "--output", type=Path, required=True, help="a new directory")
    table = cli.add_argument_group("the corpus")
    table.add_argument("--path-column", help="of paths or audio (default: the layout's usual one)")
    table.add_argument("--text-column", help="of transcripts (default: the layout's usual one)")
    table.add_argument("--keep", nargs="*", default=[], metavar="COLUMN", help="keep these too")
    table.add_argument("--split", default="train", help="Common Voice's table, or the hub's split")
    table.add_argument("--config", help="the hub's configuration, say zh-CN")
    clean = cli.add_argument_group("what is kept")
    clean.add_argument("--script", choices=list(SCRIPTS), default="simplified")
    clean.add_argument(
        "--without",
        nargs="*",
        default=[],
        choices=list(COMMON_RULES),
        metavar="RULE",
        help=f"rules of cleaning to leave out ({RULES})",
    )
    clean.add_argument("--shortest", type=float, default=0.3, help="seconds")
    clean.add_argument("--longest", type=float, default=30.0, help="seconds; Whisper hears 30")
    clean.add_argument("--quietest", type=float, default=-50.0, help="dB of the loudest moment")
    clean.add_argument("--fastest", type=float, default=25.0, help="characters a second")
    parts = cli.add_argument_group("splits: OUTPUT/train, OUTPUT/dev, OUTPUT/test")
    parts.add_argument("--dev-share", type=float, default=0.0, help="with both 0 there is no split")
    parts.add_argument("--test-share", type=float, default=0.0)
    dataset.add_group(parts)
    parts.add_argument("--seed", type=int, default=1, help="of the splits")
    cli.add_argument("--jobs", type=whole, default=1, help="processes")
    return cli


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    keep = dataset.kept_columns(args.keep, args.group)
    columns = corpora.CorpusColumns(
        args.path_column, args.text_column, keep, args.split, args.config
    )
    tokens = CONTEXT - PROMPT_TOKENS
    limits = Limits(args.shortest, args.longest, tokens, args.quietest, args.fastest)
    rules = tuple(rule for name, rule in COMMON_RULES.items() if name not in args.without)
    shares = {"dev": args.dev_share, "test": args.test_share}
    report = dataset.build(
        corpora.read_corpus(args.corpus, columns),
        args.output,
        Text(TranscriptNormalizer(args.script), count_tokens, rules),
        limits,
        shares,
        groups=args.group,
        settings={
            "script": args.script,
            "without": str(sorted(args.without)),
            "limits": str(limits),
        },
        jobs=args.jobs,
        seed=args.seed,
    )
    print("\n".join(summary(report, args.output)))


if __name__ == "__main__":
    packaging.run(main)
