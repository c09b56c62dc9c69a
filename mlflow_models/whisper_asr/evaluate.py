"""Scores Whisper checkpoints on a test set: CER and MER, by duration and noise, worst first.

What counts as a mistake depends on the normaliser (training/normalizer.py), so each of its choices
is a switch here, and is printed and logged with the score. Two checkpoints are compared on the same
utterances, with an interval of confidence for the difference. With --rttm, it scores who
speaks when, as a saved model tells.
"""

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from whisper_asr.finetune import checkpoint_directory
from whisper_asr.training.error_rates import characters, scored
from whisper_asr.training.normalizer import SCRIPTS, Normalizer
from whisper_asr.training.transcribe import Decoding, transcribe, transcribe_served, unheard
from zoo.building import packaging, saved, tracking
from zoo.training import asked, evaluation, speaker_evaluation
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
from zoo.training.stored import Waves, names, open_data, ratios

if TYPE_CHECKING:
    from datasets import Dataset


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Score a Whisper checkpoint, or compare two, on a data set of prepare.py.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("model", help="demo, base, an identifier of the hub, a directory or "
                     ".pt file; or a saved model: its directory, models:/NAME@ALIAS")  # fmt: skip
    cli.add_argument("data", type=Path, help="a directory that prepare.py wrote")
    speaker_evaluation.add_option(cli)
    cli.add_argument("--compare", metavar="MODEL", help="another checkpoint, on the same data")
    cli.add_argument("--language", default="zh", help="Whisper's code")
    cli.add_argument("--served", action="store_true", help="as build.py packs it and the server "
                     "runs it: it finds the speech first, and beam and window are its defaults; "
                     "else by Transformers, in windows of 30 s")  # fmt: skip
    cli.add_argument("--beam-size", type=whole, help="1, which is greedy, or with --served 5")
    cli.add_argument("--batch-size", type=whole, default=8)
    cli.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1...")
    spelling = cli.add_argument_group("the normaliser, of reference and hypothesis alike")
    spelling.add_argument("--script", choices=list(SCRIPTS), default="simplified")
    for name, text in (
        ("width", "full-width letters and digits as the usual ones (NFKC)"),
        ("case", "upper as lower case"),
        ("numerals", "digits as Chinese numerals"),
        ("punctuation", "no punctuation"),
    ):
        spelling.add_argument(
            f"--{name}", action=argparse.BooleanOptionalAction, default=True, help=text
        )
    cli.add_argument("--snr-column", default="snr", help="dB, empty for clean; if missing, "
                     "it is estimated from the pauses")  # fmt: skip
    evaluation.add_options(cli, "whisper_asr")
    return cli


def score(
    name: str, data: "Dataset", args: argparse.Namespace, normalizer: Normalizer
) -> TranscriptionResult:
    """Transcribes the data with a checkpoint or a saved model, and scores it."""
    noise = ratios(data, args.snr_column)
    durations = [float(seconds) for seconds in data["duration"]]
    texts = transcribed(name, data, durations, args)
    columns = zip(names(data), data["text"], texts, durations, noise, strict=True)
    return scored([Utterance(n, r, h, s, snr) for n, r, h, s, snr in columns], normalizer)


def transcribed(
    name: str, data: "Dataset", durations: list[float], args: argparse.Namespace
) -> list[str]:
    """The text of each recording."""
    how = Decoding(args.language, args.beam_size, args.batch_size, args.device)
    if saved.is_saved(name):
        sounds, called = asked.recordings(data), names(data)
        found = asked.answers(name, args.tracking_uri, "audio", sounds, called, how.parameters)
        return [record.get("text") or "" for record in found]
    directory, waves = checkpoint_directory(name), Waves(data)
    if args.served:
        return transcribe_served(directory, waves.__getitem__, len(waves), how)
    return transcribe(directory, waves.__getitem__, durations, how)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    check_device(args.device)
    tracking.reach(args.tracking_uri)
    normalizer = Normalizer(args.script, args.width, args.case, args.numerals, args.punctuation)
    if args.rttm:
        asking = Decoding(args.language, args.beam_size, args.batch_size).parameters
        speaker_evaluation.evaluate(args, asking, functools.partial(characters, normalizer))
        return
    data = open_data(args.data)
    models = [args.model, *([args.compare] if args.compare else [])]
    results = {name: score(name, data, args, normalizer) for name in models}
    differences = compare(results)
    # The server cuts long recordings up; Transformers hears their beginning.
    cut = not args.served and not all(map(saved.is_saved, models))
    note = unheard(data["duration"]) if cut else ""
    described = describe(results, differences, args.worst)
    text = "\n\n".join(filter(None, [str(normalizer), note, described]))
    evaluation.finish(
        args,
        args.model,
        text,
        summary(results, differences),
        lambda folder: record(results, folder, text),
        {"normalizer": str(normalizer)},
        changes(results, differences),
    )


if __name__ == "__main__":
    packaging.run(main)
