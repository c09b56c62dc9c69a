"""The options of finetune.py, and what of them network and Trainer get."""

import argparse
from pathlib import Path
from typing import Any

from zoo.building import tracking
from zoo.training import options

DESCRIPTION = """Train a language identifier: manifest in, checkpoint out.

`linear` keeps an encoder as it is and trains a linear classifier on the mean of its frames. It
takes minutes, and needs an encoder that has learnt from people's speech, as facebook/wav2vec2-base
and XLSR-53 have. `network` trains all weights, from a checkpoint or from random ones.

A manifest is a TSV or CSV file with the columns path (relative to the file) and language, and, if
you have them, speaker, source and split (train, dev, test). Without splits a tenth of the speakers
is for dev. Languages are drawn equally often, and within a language its sources."""
EPILOG = """examples:
  finetune.py linear --manifest data/manifest.tsv --encoder wav2vec2-base --output run
  finetune.py network --manifest data/manifest.tsv --model demo --output run --epochs 10
  finetune.py network --manifest data/manifest.tsv --from-scratch --output run"""
FORMAT = argparse.RawDescriptionHelpFormatter
DEFAULTS = argparse.ArgumentDefaultsHelpFormatter
SWITCH = argparse.BooleanOptionalAction


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    cli = argparse.ArgumentParser(
        prog="finetune.py", description=DESCRIPTION, epilog=EPILOG, formatter_class=FORMAT
    )
    ways = cli.add_subparsers(dest="way", required=True, metavar="{linear,network}")
    _add_linear(ways)
    _add_network(ways)
    return cli


def _add_data(cli: argparse.ArgumentParser) -> None:
    data = cli.add_argument_group("data")
    data.add_argument("--manifest", type=Path, nargs="+", required=True, help="one or several")
    data.add_argument("--output", type=Path, required=True, help="checkpoints and records go here")
    data.add_argument(
        "--dev-share",
        type=options.share,
        default=0.1,
        help="of the speakers, where a manifest has no splits",
    )
    data.add_argument(
        "--max-seconds",
        type=options.amount,
        default=8.0,
        help="of a recording, heard in evaluation: its beginning",
    )
    data.add_argument(
        "--vary",
        type=options.share,
        default=1.0,
        metavar="STRENGTH",
        help="how far speaker size, room, line and noise are varied: 0 to 1",
    )


def _add_linear(ways: Any) -> None:
    cli = ways.add_parser(
        "linear", help="a linear classifier on a frozen encoder", formatter_class=DEFAULTS
    )
    _add_data(cli)
    cli.add_argument("--encoder", required=True, help="any Wav2Vec2: a directory, or "
                     "an identifier on the Hugging Face hub")  # fmt: skip
    cli.add_argument(
        "--copies",
        type=options.count,
        default=1,
        help="varied copies of each recording, besides itself",
    )
    cli.add_argument("--penalty", type=float, nargs="+", default=[0.01, 0.1, 1.0, 10.0],
                     help="L2 penalties to try; the dev set chooses")  # fmt: skip
    cli.add_argument("--seed", type=int, default=1)
    cli.add_argument("--threads", type=options.whole, default=1, help="CPU threads")


def _add_network(ways: Any) -> None:
    cli = ways.add_parser("network", help="all weights", formatter_class=DEFAULTS)
    _add_data(cli)
    tracking.add_options(cli, "language_id")
    start = cli.add_argument_group("where to start").add_mutually_exclusive_group(required=True)
    start.add_argument("--model", help="demo, a directory or an identifier of any Wav2Vec2")
    start.add_argument("--from-scratch", action="store_true", help="random weights, shaped below")
    shape = cli.add_argument_group("network from scratch")
    shape.add_argument("--width", type=int, default=160, help="feed-forward has four times it")
    shape.add_argument("--layers", type=int, default=6)
    shape.add_argument("--heads", type=int, default=4)
    shape.add_argument("--channels", type=int, nargs=7, default=[64, 64, 96, 128, 128, 128, 128],
                       help="of the convolutions")  # fmt: skip
    method = cli.add_argument_group("what is trained, on what examples")
    method.add_argument("--projection", type=int, default=128, help="width of the projector")
    method.add_argument("--freeze-features", action=SWITCH, default=False,
                        help="keep the convolutions as they are")  # fmt: skip
    method.add_argument("--seconds", type=float, nargs=2, default=[1.5, 4.0],
                        help="the shortest and longest example")  # fmt: skip
    method.add_argument("--examples", type=options.whole, default=8000, help="drawn in an epoch")
    method.add_argument("--dropout", type=float, default=0.1)
    method.add_argument("--mask-time-prob", type=float, default=0.05, help="of SpecAugment")
    method.add_argument("--label-smoothing", type=float, default=0.05)
    options.add_optimization(
        cli, epochs=10.0, lr=5e-4, lr_help="peak", warmup=200, every=250, metric="error"
    )


def network_settings(args: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of Wav2Vec2's configuration that the options say."""
    return {
        "attention_dropout": args.dropout,
        "hidden_dropout": args.dropout,
        "activation_dropout": 0.0,
        "feat_proj_dropout": 0.0,
        "final_dropout": 0.0,
        "layerdrop": 0.0,
        "mask_time_prob": args.mask_time_prob,
        "classifier_proj_size": args.projection,
        "use_weighted_layer_sum": False,
    }


def training_arguments(args: argparse.Namespace) -> Any:
    """Return the options as the Trainer has them."""
    from transformers import TrainingArguments

    settings = options.trainer_settings(args)
    settings["metric_for_best_model"] = "error"
    settings["per_device_eval_batch_size"] = 1  # padding changes what group norm hears
    return TrainingArguments(label_smoothing_factor=args.label_smoothing, **settings)
