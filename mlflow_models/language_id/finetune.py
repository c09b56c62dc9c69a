"""Trains a language identifier: a linear classifier on a frozen Wav2Vec2, or all of a network.

Manifest in, checkpoint in the published (Hugging Face) format out. The dev set, of speakers that
are not in training, chooses the best one: OUTPUT/best. An interrupted `network` resumes when the
same command is given again.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from language_id.training import linear, network
from language_id.training.examples import Collator, Draws, Whole
from language_id.training.manifest import (
    TaggedClip,
    check_files,
    check_languages,
    described,
    languages_of,
    leaks_of,
    read_split,
)
from language_id.training.options import network_settings, parser, training_arguments
from language_id.training.scoring import as_text, recall_line
from zoo.building import packaging
from zoo.errors import ZooError
from zoo.training.options import check_machine

if TYPE_CHECKING:
    from language_id.training.trainer import LanguageTrainer
    from zoo.training.records import Records

FREE = ("output", "tracking_uri", "experiment", "save_every", "save_limit", "patience", "threads",
        "workers", "recordings")  # fmt: skip


Clips = tuple[TaggedClip, ...]


def read_sets(args: argparse.Namespace) -> tuple[Clips, Clips, list[str]]:
    """Read training and dev set, and their languages; set `args.recordings` to their files.

    Raises:
        ZooError: A manifest or a recording is missing or can't be right.
    """
    train = read_split(args.manifest, "train", args.dev_share)
    dev = read_split(args.manifest, "dev", args.dev_share)
    languages = languages_of(train)
    check_languages(dev, languages)
    check_files([*train, *dev])
    args.recordings = [one.path for one in (*train, *dev)]
    return train, dev, languages


def remarks(train: Clips, dev: Clips, languages: Sequence[str]) -> Iterator[str]:
    """Say what the dev set's score leaves out, or makes too good."""
    yield from described(leaks_of([*train, *dev]))
    heard = {one.language for one in dev}
    for language in languages:
        if language not in heard:
            yield f"The dev set has no recording in '{language}': its score leaves {language} out."


def build_trainer(args: argparse.Namespace, tracked: bool) -> tuple["LanguageTrainer", "Records"]:
    """Seed everything and build network, examples, trainer and what it writes."""
    import torch
    from transformers import EarlyStoppingCallback, set_seed

    from language_id.training.trainer import LanguageTrainer
    from zoo.training.records import Records

    torch.set_num_threads(args.threads)
    set_seed(args.seed)
    train, dev, languages = read_sets(args)
    settings = network_settings(args)
    directory = None
    if args.model:
        directory = network.find(args.model)
        model = network.open_checkpoint(directory, languages, **settings)
    else:
        model = network.new_network(args, languages, **settings)
    extractor = network.open_extractor(directory, model.config.feat_extract_norm == "layer")
    if args.freeze_features:
        model.freeze_feature_encoder()
    draws = Draws(
        train,
        languages,
        args.examples,
        args.batch_size * args.accumulate,
        tuple(args.seconds),
        args.vary,
        args.seed,
    )
    records = Records(
        args.output, tracked, lambda path: network.export(model, extractor, path), "eval_error"
    )
    trainer = LanguageTrainer(
        model=model,
        args=training_arguments(args),
        train_dataset=draws,
        eval_dataset=Whole(dev, languages, args.max_seconds),
        data_collator=Collator(extractor),
        callbacks=[records],
        languages=languages,
        heard=dev,
    )
    records.trainer = trainer
    if args.patience:
        trainer.add_callback(EarlyStoppingCallback(args.patience))
    print(f"{', '.join(languages)}: {len(train)} recordings, dev {len(dev)}; "
          f"{model.num_parameters():,} parameters", flush=True)  # fmt: skip
    for said in remarks(train, dev, languages):
        print(said, flush=True)
    return trainer, records


def train_linear(args: argparse.Namespace) -> None:
    """Train a linear classifier on an encoder's features, and write it as a checkpoint.

    Raises:
        ZooError: The manifest or the encoder can't be used.
    """
    import torch

    from zoo.data.fingerprints import fingerprints
    from zoo.training.records import open_run, save_run

    best = args.output / "best"
    train, dev, languages = read_sets(args)
    settings = {name: str(value) for name, value in vars(args).items() if name not in FREE}
    contents = fingerprints([*args.manifest, *args.recordings])
    if open_run(args.output, settings, contents) and best.is_dir():
        print(f"'{args.output}' is finished; choose a new --output for another run.")
        return
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    directory = network.find(args.encoder)
    model = network.open_checkpoint(directory, languages)
    if model.config.add_adapter:
        raise ZooError("An encoder with an adapter can't be used for `linear`.")
    extractor = network.open_extractor(directory, model.config.feat_extract_norm == "layer")
    method = (args.max_seconds, args.copies, args.vary, args.seed)
    values = linear.features(model, extractor, train, *method)
    labels = np.array([languages.index(recording.language) for recording in train])
    times = 1 + args.copies
    examples = (values, np.tile(labels, times), np.tile(linear.weights_of(train), times))
    heard = linear.features(model, extractor, dev, args.max_seconds)
    for said in remarks(train, dev, languages):
        print(said, flush=True)
    classifier, scores, penalty = linear.choose(examples, heard, dev, languages, args.penalty)
    args.output.mkdir(parents=True, exist_ok=True)
    save_run(args.output, settings, contents, "")
    record = {"penalty": penalty, "dev": scores.record()}
    (args.output / "dev.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    network.export(linear.compose(model, classifier, languages), extractor, best)
    print(as_text(scores))
    print(f"{best}: penalty {penalty:g}, recall {recall_line(scores)}")


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    from zoo.training.records import run

    args: Any = parser().parse_args(argv)
    if args.way == "linear":
        train_linear(args)
        return
    check_machine(args)
    read_sets(args)
    run(args, FREE, build_trainer, ("manifest", "recordings", "model"))


if __name__ == "__main__":
    packaging.run(main)
