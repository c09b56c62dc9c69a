"""Scores Thai speech recognition: WER and CER of a checkpoint, or of predictions in a table.

What a word is, and what counts as a mistake, is a choice (training/words.py): each is a switch
here, and is printed and logged with the score. A checkpoint is scored with and without a language
model and noise reduction, on the same utterances, with an interval of confidence for the
difference; by duration and by noise, worst utterances first. With --rttm, it scores who
speaks when, as a saved model tells.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from wav2vec2_asr.training.predictions import read_predictions
from wav2vec2_asr.training.words import PACKAGES, TOKENIZERS, Convention, score
from zoo.building import packaging, tracking
from zoo.speech.denoise import GATE_DB
from zoo.training import evaluation, speaker_evaluation
from zoo.training.options import check_device, whole
from zoo.training.results import (
    TranscriptionResult,
    Utterance,
    changes,
    compare,
    describe,
    record,
    summary,
)

RATES = ("WER", "CER")
APART = 7  # characters between spaces; less are words, since Thai has spaces between clauses
USAGE = "evaluate.py MODEL DATA [options]\n       evaluate.py --predictions FILE.csv [options]"
EPILOG = """The defaults are the convention of airesearch/wav2vec2-large-xlsr-53-th's table (Common
Voice 7.0): spaces are removed from reference and prediction, both are cut into words by newmm, CER
is without spaces, mistakes and lengths are summed over the corpus, case is kept. PyThaiNLP's
dictionary grows: its version is printed, and the table's was 2.3.1. Tokens that were published are
scored as they are: --words given --columns REFERENCE,PREDICTION."""


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        usage=USAGE,
        description="Score a Wav2Vec2 checkpoint on a data set of prepare.py, or a CSV.",
        epilog=EPILOG,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("model", nargs="?", help="demo, a Hugging Face identifier or a directory; "
                     "or a saved model: its directory, models:/NAME@ALIAS")  # fmt: skip
    cli.add_argument("data", nargs="?", type=Path, help="a directory that prepare.py wrote")
    cli.add_argument("--predictions", type=Path, metavar="FILE.csv", help="score this instead of "
                     "a checkpoint")  # fmt: skip
    cli.add_argument("--columns", default="reference,prediction", help="of the CSV; further ones "
                     "are other systems' predictions, compared with the first's")  # fmt: skip
    speaker_evaluation.add_option(cli)
    _add_convention(cli.add_argument_group("what counts"))
    _add_running(cli.add_argument_group("how a checkpoint is run"))
    evaluation.add_options(cli, "wav2vec2_asr")
    return cli


def _add_convention(group: argparse._ArgumentGroup) -> None:
    tokenizers = "; ".join(f"{name}: {what}" for name, what in TOKENIZERS.items())
    group.add_argument("--words", choices=list(TOKENIZERS), default="newmm", help=tokenizers)
    for name, text in (
        ("spaces", "keep spaces, for the tokenizer and in CER"),
        ("lower", "upper as lower case"),
        ("normalize", "PyThaiNLP's normal form: the order of vowels and tones"),
    ):
        group.add_argument(
            f"--{name}", action=argparse.BooleanOptionalAction, default=False, help=text
        )
    group.add_argument("--jobs", type=whole, default=1, help="processes that cut texts into words")


def _add_running(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--compare", metavar="MODEL", help="another checkpoint, on the same data")
    group.add_argument("--language-model", type=Path, metavar="FILE", help="language_model.json "
                       "of `ngram.py tune`, or a .arpa: scored with it and without")  # fmt: skip
    group.add_argument("--weight", type=float, help="of the language model; default: the file's")
    group.add_argument("--bonus", type=float, help="per frame with a label; default: the file's")
    group.add_argument("--beam-size", type=whole, help="default: the file's")
    group.add_argument("--denoise", nargs="+", choices=["never", "always", "gated"],
                       default=["never"], help="noise reduction; compared with never")  # fmt: skip
    group.add_argument(
        "--gate", type=float, default=GATE_DB, help="dB; `gated` cleans what is below"
    )
    group.add_argument("--snr-column", default="snr", help="dB, empty for clean; if missing, "
                       "it is estimated from the pauses")  # fmt: skip
    group.add_argument("--served", nargs="+", choices=["fp32", "int8"], default=[],
                       help="also as build.py packs it, in these precisions")  # fmt: skip
    group.add_argument("--batch-size", type=whole, default=8)
    group.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1...")
    group.add_argument("--save-logits", type=Path, metavar="FOLDER", help="keep log-probabilities "
                       "and references, for `ngram.py tune`")  # fmt: skip


def from_table(args: argparse.Namespace, convention: Convention) -> dict[str, TranscriptionResult]:
    """Scores the predictions of a CSV, a result a column."""
    table = read_predictions(args.predictions, args.columns.split(","))
    bands = ("duration",) if table.seconds else ()
    seconds = table.seconds or [0.0] * len(table.names)
    results = {}
    for column, texts in table.predictions.items():
        columns = zip(table.names, table.references, texts, seconds, strict=True)
        utterances = [Utterance(n, r, h, s, None) for n, r, h, s in columns]
        results[column] = scored(utterances, convention, args.jobs, bands)
    return results


def scored(
    utterances: list[Utterance], convention: Convention, jobs: int, bands: tuple[str, ...]
) -> TranscriptionResult:
    """Counts the mistakes of utterances."""
    pairs = [(utterance.reference, utterance.hypothesis) for utterance in utterances]
    counted = score(pairs, convention, jobs)
    return TranscriptionResult(utterances, dict(zip(RATES, counted, strict=True)), bands)


def remarks(references: Sequence[str], convention: Convention) -> list[str]:
    """What the reader of the scores should know of the references."""
    found = []
    if empty := sum(not reference.strip() for reference in references):
        found.append(f"{empty} empty references: all that was heard there is a mistake.")
    spaced = [reference for reference in references if len(reference.split()) > 1]
    letters = sum(len(piece) for reference in spaced for piece in reference.split())
    count = sum(len(reference.split()) for reference in spaced)
    removed = convention.words in PACKAGES and not convention.spaces
    if removed and 2 * len(spaced) > len(references) and letters < APART * count:
        found.append(
            "The references have their words apart by spaces, which are removed: --words given "
            "would score those words."
        )
    return found


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    cli = parser()
    args = cli.parse_args(argv)
    if bool(args.predictions) == bool(args.model and args.data):
        cli.error("give either MODEL and DATA, or --predictions")
    if args.predictions and args.rttm:
        cli.error("--rttm needs MODEL and DATA")
    convention = Convention(args.words, args.spaces, args.lower, args.normalize)
    convention.check()
    check_device(args.device)
    tracking.reach(args.tracking_uri)
    if args.rttm:
        speaker_evaluation.evaluate(args, {}, convention.spell)
        return
    notes: list[str] = []
    if args.predictions:
        results = from_table(args, convention)
    else:
        from wav2vec2_asr.training.variants import from_checkpoints

        heard, notes = from_checkpoints(args, convention)
        results = {
            name: scored(utterances, convention, args.jobs, ("duration", "SNR"))
            for name, utterances in heard.items()
        }
    references = [utterance.reference for utterance in next(iter(results.values())).utterances]
    differences = compare(results)
    figures = summary(results, differences)
    notes += remarks(references, convention)
    text = "\n\n".join([str(convention), *notes, describe(results, differences, args.worst)])
    evaluation.finish(
        args,
        args.predictions.name if args.predictions else args.model,
        text,
        figures,
        lambda folder: record(results, folder, text),
        {"convention": str(convention)},
        changes(results, differences),
    )


if __name__ == "__main__":
    packaging.run(main)
