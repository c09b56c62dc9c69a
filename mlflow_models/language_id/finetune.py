"""Trains a language identifier: a linear classifier on a frozen Wav2Vec2, or all of a network.

Manifest in, checkpoint in the published (Hugging Face) format out. The dev set, of speakers that
are not in training, chooses the best one: OUTPUT/best. An interrupted `network` resumes when the
same command is given again.
"""

import argparse
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from language_id.training import linear, network
from language_id.training.examples import Collator, Draws, Whole
from language_id.training.manifest import check_languages, languages_of, read_split
from language_id.training.options import network_settings, parser, training_arguments
from language_id.training.scoring import as_text, recall_line
from zoo.building import packaging
from zoo.errors import ZooError

if TYPE_CHECKING:
    from language_id.training.trainer import LanguageTrainer
    from zoo.training.records import Records

FREE = ("output", "tracking_uri", "experiment", "save_every", "save_limit", "patience", "threads",
        "workers")  # fmt: skip


def build_trainer(args: argparse.Namespace, tracked: bool) -> tuple["LanguageTrainer", "Records"]:
    """Seed everything and build network, examples, trainer and what it writes."""
    import torch
    from transformers import EarlyStoppingCallback, set_seed

    from language_id.training.trainer import LanguageTrainer
    from zoo.training.records import Records

    torch.set_num_threads(args.threads)
    set_seed(args.seed)
    train = read_split(args.manifest, "train", args.dev_share)
    dev = read_split(args.manifest, "dev", args.dev_share)
    languages = languages_of(train)
    check_languages(dev, languages)
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
    return trainer, records


def train_linear(args: argparse.Namespace) -> None:
    """Train a linear classifier on an encoder's features, and write it as a checkpoint.

    Raises:
        ZooError: The manifest or the encoder can't be used.
    """
    import torch

    best = args.output / "best"
    if best.is_dir():
        print(f"'{args.output}' is finished; choose a new --output for another run.")
        return
    torch.set_num_threads(args.threads)
    train = read_split(args.manifest, "train", args.dev_share)
    dev = read_split(args.manifest, "dev", args.dev_share)
    languages = languages_of(train)
    check_languages(dev, languages)
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
    classifier, scores, penalty = linear.choose(examples, heard, dev, languages, args.penalty)
    args.output.mkdir(parents=True, exist_ok=True)
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
    else:
        run(args, FREE, build_trainer)


if __name__ == "__main__":
    packaging.run(main)
