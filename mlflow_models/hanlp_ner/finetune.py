"""Trains a HanLP named entity recognizer, from scratch or from a pretrained transformer.

Data in (CoNLL, CLUENER-style or tidy JSON lines), HanLP checkpoint out: OUTPUT/best is the epoch
that scores highest on the dev set, OUTPUT/last the last one. A run that was stopped, however
rudely, goes on when the same command is given again. The loop itself is in `training/trainer.py`.
"""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hanlp_ner.training.corpora import (
    Corpus,
    check_annotated,
    check_mapping,
    describe,
    joined,
    parse_mapping,
    read_corpora,
    read_lines,
    source_path,
)
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.references import (
    MAX_UNKNOWN_SHARE,
    check_characters,
    check_findable,
    check_leaks,
    unfindable,
)
from hanlp_ner.training.span_scores import markdown
from hanlp_ner.training.start import (
    check_device,
    check_lengths,
    label_set,
    learn_labels,
    open_component,
)
from zoo.building import packaging, tracking
from zoo.data.fingerprints import fingerprints
from zoo.data.outputs import check_output
from zoo.training import options
from zoo.training.page import PAGE

if TYPE_CHECKING:
    from hanlp_ner.training.trainer import TaggerTrainer

RECORD = "run.json"  # every training run has it
# What may differ from one start of a run to the next.
FREE = ("output", "tracking_uri", "experiment", "save_every", "patience", "device")


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    cli = argparse.ArgumentParser(
        description="Train a HanLP named entity recognizer. Interrupted, it resumes when the same "
        "command is given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = cli.add_argument_group("data: [PROFILE=]PATH, as prepare.py reads them")
    data.add_argument("--train", nargs="+", required=True, metavar="SOURCE")
    data.add_argument("--dev", nargs="+", required=True, metavar="SOURCE", help="chooses the epoch")
    data.add_argument(
        "--finish",
        nargs="+",
        default=[],
        metavar="SOURCE",
        help="what the last epochs train on instead: the target's own kind",
    )
    data.add_argument("--remember", type=Path, metavar="FILE", help="text of the kind that "
                      "--checkpoint is for, a sentence a line: it marks its own labels there, so "
                      "that fewer are forgotten")  # fmt: skip
    data.add_argument(
        "--map", action="append", default=[], metavar="OLD=NEW", help="rename a label"
    )
    data.add_argument("--max-unknown", type=options.share, default=MAX_UNKNOWN_SHARE,
                      metavar="SHARE", help="of a set's entities, how many may overlap others, so "
                      "that they can't be learnt; with more the set is refused")  # fmt: skip
    data.add_argument(
        "--output", type=Path, required=True, help="best/, last/ and state.pt go here"
    )
    start = cli.add_argument_group("where to start").add_mutually_exclusive_group(required=True)
    start.add_argument("--from-scratch", action="store_true", help="a small RoFormer, as below")
    start.add_argument("--transformer", help="a Hugging Face identifier or directory")
    start.add_argument(
        "--checkpoint",
        help="a recognizer: demo, one that HanLP publishes, or a directory; what "
        "it knows stays, labels that the data lack among it",
    )
    shape = cli.add_argument_group("model")
    shape.add_argument("--layers", type=options.whole, default=3, help="from scratch")
    shape.add_argument("--hidden", type=options.whole, default=160, help="from scratch: width")
    shape.add_argument("--heads", type=options.whole, default=5, help="from scratch")
    shape.add_argument(
        "--feed-forward", type=options.whole, default=480, help="from scratch: inner width"
    )
    shape.add_argument("--dropout", type=options.share, default=0.1, help="from scratch")
    shape.add_argument(
        "--min-count", type=options.whole, default=2, help="from scratch: rarer ones are [UNK]"
    )
    shape.add_argument("--word-dropout", type=options.share, default=0.1, help="characters masked")
    shape.add_argument("--crf", action=argparse.BooleanOptionalAction, default=True)
    shape.add_argument("--forget", action="store_true", help="learn the data's labels only, not "
                       "those that --checkpoint knows besides")  # fmt: skip
    hyper = cli.add_argument_group("optimization")
    hyper.add_argument("--epochs", type=options.whole, default=10)
    hyper.add_argument(
        "--finish-epochs", type=options.count, default=0, help="of these, on --finish"
    )
    hyper.add_argument("--batch-characters", type=options.whole, default=1600, help="with padding")
    hyper.add_argument("--lr", type=float, default=1e-3, help="peak; pretrained: try 5e-5")
    hyper.add_argument("--head-lr", type=float, help="of classifier and CRF, where it differs")
    hyper.add_argument("--warmup", type=options.share, default=0.06, help="share of the steps")
    hyper.add_argument("--weight-decay", type=float, default=0.01)
    hyper.add_argument(
        "--clip", type=options.amount, default=5.0, help="largest norm of the gradient"
    )
    hyper.add_argument(
        "--average", type=options.share, default=0.998, help="decay of the weights' average"
    )
    hyper.add_argument(
        "--patience", type=options.whole, help="stop after so many epochs without a gain"
    )
    hyper.add_argument(
        "--save-every", type=options.whole, default=200, help="steps between saved states"
    )
    hyper.add_argument("--seed", type=int, default=1)
    hyper.add_argument("--threads", type=options.whole, default=1, help="CPU threads")
    hyper.add_argument("--device", type=int, default=-1, help="GPU number; -1 is the CPU")
    tracking.add_options(cli, "hanlp_ner")
    return cli


def check(args: argparse.Namespace) -> None:
    """Check that no two options contradict each other, and that the device is there.

    Raises:
        ZooError: Two options contradict each other, or the device is missing.
    """
    if args.from_scratch and args.hidden % (2 * args.heads):
        raise DataError("--hidden must be a multiple of twice --heads.")
    if args.forget and not args.checkpoint:
        raise DataError("--forget needs --checkpoint, whose labels it leaves out.")
    if args.remember and (args.forget or not args.checkpoint):
        raise DataError("--remember needs --checkpoint, and can't be given with --forget.")
    if args.finish_epochs > args.epochs or bool(args.finish) != bool(args.finish_epochs):
        raise DataError(
            "--finish and --finish-epochs need each other; --finish-epochs is at most --epochs."
        )
    check_device(args.device)


def read_sets(args: argparse.Namespace) -> tuple[Corpus, Corpus, Corpus]:
    """Read the training set, the dev set and that of the last epochs, and check them.

    Says what of them isn't used, and how many dev sentences are trained on.

    Raises:
        DataError: a set is broken, or has nothing to learn or to score.
    """
    mapping = parse_mapping(args.map)
    train, dev, finish = (
        joined(read_corpora(sources, mapping)) for sources in (args.train, args.dev, args.finish)
    )
    check_mapping(mapping, (train, dev, finish))
    for corpus, kind, outcome in (
        (train, "training set", "aren't learnt"),
        (dev, "dev set", "count as missed"),
        (finish, "set of the last epochs", "aren't learnt"),
    ):
        if corpus is not finish or args.finish:
            check_annotated(corpus, kind)
        check_findable(unfindable(corpus, None), args.max_unknown, kind, outcome)
        print("".join(f"{kind}: {line}\n" for line in corpus.said()), end="", file=sys.stderr)
    print(f"train: {describe(train.examples)}\ndev: {describe(dev.examples)}", flush=True)
    check_leaks(joined([train, finish]), dev)
    return train, dev, finish


def build_trainer(
    args: argparse.Namespace, train: Corpus, dev: Corpus, finish: Corpus
) -> "TaggerTrainer":
    """Seed everything and build component, batches and trainer."""
    import torch

    from hanlp_ner.training import batches, trainer

    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    labels = label_set(joined([train, finish]), dev)
    component = open_component(args, labels, train)
    old = read_lines(args.remember) if args.remember else Corpus()
    check_lengths(component, joined([train, finish, dev, old]))
    check_characters(component.transformer_tokenizer, dev, "dev set")
    sets = (train, finish, dev, old)
    kept, filled = learn_labels(component, labels, args.forget, sets)
    first, last, chosen_by, remembered = (corpus.examples for corpus in filled)
    planned = batches.Batches(component, first + remembered, last, args)
    dev_set = trainer.DevSet(dev.examples, chosen_by, kept)
    return trainer.TaggerTrainer(component, planned, dev_set, args.output, args)


def main(argv: list[str] | None = None) -> None:
    """Run the command line."""
    args = parser().parse_args(argv)
    check(args)
    tracking.reach(args.tracking_uri)
    check_output(args.output, RECORD, "a training run")
    sets = read_sets(args)
    from hanlp_ner.training.running import report, track, train
    from zoo.training.records import open_run, save_run

    settings = {name: str(value) for name, value in vars(args).items() if name not in FREE}
    sources = [source_path(source)[1] for source in args.train + args.dev + args.finish]
    start = [Path(name) for name in (args.transformer, args.checkpoint) if name]
    sources += [args.remember] if args.remember else []
    contents = fingerprints([*sources, *(path for path in start if path.exists())])
    earlier = open_run(args.output, settings, contents)
    trainer = build_trainer(args, *sets)
    args.output.mkdir(parents=True, exist_ok=True)
    record = partial(save_run, args.output, settings, contents)
    record(earlier.get("run_id", ""))
    if trainer.resume() and not trainer.finished:
        print(f"resumed after step {trainer.step} of {trainer.total}", flush=True)
    if trainer.finished:
        print(f"'{args.output}' is finished; choose a new --output for another run.")
        scores = report(trainer)
    elif args.tracking_uri:
        scores = track(trainer, record, earlier.get("run_id", ""))
    else:
        train(trainer, tracked=False)
        scores = report(trainer)
    print(f"\n{markdown(scores)}\n{args.output / 'best'} is from epoch {trainer.best['epoch']}; "
          f"{args.output / PAGE} shows its curves and its mistakes")  # fmt: skip


if __name__ == "__main__":
    packaging.run(main)
