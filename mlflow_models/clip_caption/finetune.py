"""Trains a captioning model: the mapper alone, with GPT-2, or a small one from scratch.

Data sets as prepare.py writes them in, checkpoint out (a directory that build.py takes):
OUTPUT/best has the lowest loss on the dev set, OUTPUT/last is the last one. If a run was
killed, give the same command again: it goes on. The method is that of Mokady, Hertz
and Bermano 2021, "ClipCap: CLIP Prefix for Image Captioning" (arXiv 2111.09734): AdamW without
weight decay and a linear warm-up. The padding of captions is left out of the loss, and the period
that ends one isn't.
"""

import argparse
from typing import TYPE_CHECKING

from clip_caption.training.options import parser, training_arguments
from zoo.building import packaging
from zoo.errors import ZooError
from zoo.training.options import check_machine

if TYPE_CHECKING:
    from clip_caption.training.trainer import CaptionTrainer
    from zoo.training.records import Records

FREE = ("output", "tracking_uri", "experiment", "save_every", "save_limit", "patience", "threads",
        "workers", "clip_batch_size", "max_lost")  # fmt: skip


def build_trainer(args: argparse.Namespace, tracked: bool) -> tuple["CaptionTrainer", "Records"]:
    """Builds model, examples, trainer and what it writes."""
    import torch
    from transformers import set_seed

    from clip_caption.building import usual
    from clip_caption.training.examples import CaptionExamples, Losses, captions_of
    from clip_caption.training.features import cached
    from clip_caption.training.pairs import COLUMNS
    from clip_caption.training.start import begin
    from clip_caption.training.trainer import CaptionTrainer, TrainedCaptioner
    from zoo.training.records import Records
    from zoo.training.stored import open_data

    data = [open_data(path, COLUMNS) for path in (args.train, args.dev)]
    captions = [captions_of(part) for part in data]
    start = begin(args, captions[0])
    room = start.model.gpt.config.n_positions
    prefix = start.model.prefixes(torch.zeros(1, start.clip.width)).shape[1]
    if prefix + args.longest > room:
        raise ZooError(
            f"A prefix of {prefix} and captions of {args.longest} tokens don't fit into GPT-2's "
            f"{room} positions; choose a smaller --longest."
        )
    for part, path, texts in zip(data, (args.train, args.dev), captions, strict=True):
        Losses.count(part, texts, start.words, args.longest).check(path, args.max_lost)
    features = [
        cached(start.clip, part, path, args.clip_batch_size)
        for part, path in zip(data, (args.train, args.dev), strict=True)
    ]
    start.known = usual.of_training(features[0], data[0])
    train, dev = (
        CaptionExamples(of_part, texts, start.words, args.longest)
        for of_part, texts in zip(features, captions, strict=True)
    )
    set_seed(args.seed)  # whether the features were cached or not
    records = Records(
        args.output,
        tracked,
        lambda path: start.export(path, args.export_dtype),
        metric="eval_loss",
    )
    trainer = CaptionTrainer(
        model=TrainedCaptioner(start.model, args.freeze_gpt2),
        args=training_arguments(args),
        train_dataset=train,
        eval_dataset=dev,
        callbacks=[records],
        vocabulary=start.words,
        longest=args.longest,
        samples=args.samples,
    )
    trained = sum(p.numel() for p in start.model.parameters() if p.requires_grad)
    print(f"{len(train)} captions of {len(data[0])} images; dev: {len(dev)} of {len(data[1])}; "
          f"{trained:,} parameters are trained", flush=True)  # fmt: skip
    return trainer, records


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    args = parser().parse_args(argv)
    if args.longest < 2:
        raise ZooError("--longest must be at least 2: a word, and the period that ends it.")
    if not 0 < args.lr < float("inf"):
        raise ZooError("--lr must be above 0.")
    if args.output.is_file():
        raise ZooError(f"--output '{args.output}' is a file; give a directory.")
    check_machine(args)
    from zoo.training.records import run

    run(args, FREE, build_trainer, ("train", "dev", "model", "gpt2", "clip_model"))


if __name__ == "__main__":
    packaging.run(main)
