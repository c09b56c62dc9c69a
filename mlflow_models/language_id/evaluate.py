"""Scores a language identifier: accuracy, recall by language, confusion matrix.

Checkpoint (or saved model) and manifest in; tables, JSON and a plot out. With --telephone every
recording is also heard as a telephone line would pass it on, and the share of answers that stay is
printed. Two are compared on the same recordings, with an interval of confidence for the difference.
"""

import argparse
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from language_id.training import network
from language_id.training.conditions import telephone
from language_id.training.identify import identify, identify_saved, identify_served
from language_id.training.manifest import (
    SPLITS,
    TaggedClip,
    check_files,
    check_languages,
    described,
    leaks_of,
    read_manifest,
)
from language_id.training.scoring import (
    LanguageScores,
    as_text,
    compared,
    differing,
    interval,
    write,
)
from zoo.building import packaging, saved, tracking
from zoo.data.tables import write_table
from zoo.errors import ZooError
from zoo.training import evaluation
from zoo.training.comparison import write_differences
from zoo.training.options import check_device, whole


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    cli = argparse.ArgumentParser(
        description="Score a language identifier on the recordings of a manifest.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    cli.add_argument("model", help="demo, a directory or an identifier on the Hugging Face hub; or "
                     "a saved model: its directory, models:/NAME@ALIAS")  # fmt: skip
    cli.add_argument("--compare", metavar="MODEL", help="another one, on the same recordings")
    cli.add_argument("manifest", type=Path, help="a table: path, language[, speaker, "
                     "source, split]")  # fmt: skip
    cli.add_argument("--split", choices=SPLITS, default="test", help="which rows, where the "
                     "manifest has splits")  # fmt: skip
    cli.add_argument("--sources", nargs="+", metavar="SOURCE", help="only these (default: all)")
    cli.add_argument("--without", nargs="+", metavar="SOURCE", default=[], help="all but these")
    cli.add_argument("--by", choices=["source", "speaker"], default="source", help="the groups of "
                     "the second table")  # fmt: skip
    cli.add_argument("--max-seconds", type=float, default=8.0, help="heard of each recording")
    cli.add_argument("--served", action="store_true", help="as build.py packs it and the server "
                     "runs it: all of the speech that is found; `none` where none is")  # fmt: skip
    cli.add_argument("--telephone", action="store_true", help="also as telephone calls")
    cli.add_argument("--threads", type=whole, default=1, help="CPU threads")
    cli.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1...")
    evaluation.add_options(cli, "language_id")
    return cli


def chosen(args: argparse.Namespace) -> list[TaggedClip]:
    """Read the recordings that the options ask for; all, where the manifest has no splits.

    Raises:
        ZooError: There are none, or a file is missing.
    """
    listed = read_manifest(args.manifest, dev_share=None)
    divided = [one for one in listed if one.split == args.split]
    if any(one.split for one in listed) and not divided:
        raise ZooError(f"'{args.manifest}' has no recordings for --split {args.split}.")
    recordings = [
        recording
        for recording in divided or listed
        if (not args.sources or recording.source in args.sources)
        and recording.source not in args.without
    ]
    if not recordings:
        raise ZooError(f"'{args.manifest}' has no recordings of these sources.")
    check_files(recordings)
    return recordings


def kept(found: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """Return how many answers are the same in two runs: probabilities (n, languages) each."""
    same = int(np.sum(found.argmax(axis=1) == other.argmax(axis=1)))
    low, high = interval(same, len(found))
    share = round(100 * same / len(found), 2)
    return {"same": same, "share": share, "low": round(low, 2), "high": round(high, 2)}


def write_answers(
    path: Path, recordings: Sequence[TaggedClip], found: np.ndarray, languages: Sequence[str]
) -> None:
    """Write a row for each recording: what is spoken, what was answered, the probabilities."""
    header = ["path", "speaker", "source", "spoken", "answered", *languages]
    rows = (
        [one.path.name, one.speaker, one.source, one.language, languages[row.argmax()],
         *(f"{p:.4f}" for p in row)]
        for one, row in zip(recordings, found, strict=True)
    )  # fmt: skip
    write_table(path, header, rows)


def opened(
    name: str, recordings: Sequence[TaggedClip], args: argparse.Namespace
) -> tuple[list[str], Callable[..., np.ndarray]]:
    """Open a checkpoint or a saved model.

    Args:
        name: Of it.
        recordings: What it is to hear; n of them.
        args: The options.

    Returns:
        Its languages, and what gives their probabilities, float32 (n, languages); it takes what to
        do to each wave before it is heard.
    """
    if saved.is_saved(name):
        spoken = sorted({recording.language for recording in recordings})
        heard = functools.partial(identify_saved, name, args.tracking_uri, spoken, recordings)
        return [*spoken, "another", "none"], heard
    directory = network.find(name)
    model = network.open_checkpoint(directory).to(args.device)
    extractor = network.open_extractor(directory, masked=False)
    languages = [model.config.id2label[index] for index in range(model.config.num_labels)]
    check_languages(recordings, languages)
    if args.served:
        return [*languages, "none"], functools.partial(identify_served, directory, recordings)
    return languages, functools.partial(identify, model, extractor, recordings, args.max_seconds)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    import torch

    args = parser().parse_args(argv)
    check_device(args.device)
    torch.set_num_threads(args.threads)
    recordings = chosen(args)
    tracking.reach(args.tracking_uri)
    groups = [f"{one.language} {getattr(one, args.by)}".strip() for one in recordings]
    sources = [one.source for one in recordings]
    truth = [one.language for one in recordings]

    def scored(found: np.ndarray, languages: list[str]) -> LanguageScores:
        places = np.array([languages.index(language) for language in truth])
        return LanguageScores(languages, places, found.argmax(axis=1), groups, sources)

    languages, heard = opened(args.model, recordings, args)
    found = heard()
    scores = scored(found, languages)
    leaks = [leak for leak in leaks_of(read_manifest(args.manifest, dev_share=None))
             if recordings[0].split in leak.parts]  # fmt: skip
    record: dict[str, Any] = {**scores.record(), "leaks": [vars(leak) for leak in leaks]}
    text = "\n\n".join([*described(leaks), as_text(scores)])
    if args.telephone:
        over = heard(telephone)
        lined = scored(over, languages)
        record["telephone"] = {**kept(found, over), **lined.record()}
        text += (f"\n\nAs telephone calls: {record['telephone']['share']:.1f} % of the answers "
                 f"stay.\n\n{as_text(lined)}")  # fmt: skip
    changes, others = [], None
    if args.compare:
        own, listened = opened(args.compare, recordings, args)
        others = scored(listened(), own)
        changes = [compared(scores, others)]
        text += f"\n\n{args.compare}, compared with the first:\n{changes[0]}"

    def keep(folder: Path) -> None:
        write(scores, folder, record, text)
        write_answers(folder / "answers.tsv", recordings, found, languages)
        if others is not None:
            paths = [one.path.name for one in recordings]
            write_differences(differing(paths, scores, others), folder)

    evaluation.finish(args, args.model, text, record, keep, changes=changes)


if __name__ == "__main__":
    packaging.run(main)
