"""The options of finetune.py, and what of them model and Trainer get."""

import argparse
from typing import Any

from wav2vec2_asr.training.words import TOKENIZERS
from zoo.training import options

SWITCH = argparse.BooleanOptionalAction


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = options.parser("Train Wav2Vec2 with CTC.", "wav2vec2_asr")
    cli.add_argument("--max-seconds", type=float, default=20.0,
                     help="longer utterances are left out, to spare memory")  # fmt: skip
    cli.add_argument("--words", choices=list(TOKENIZERS), default="newmm", help="what WER counts")
    cli.add_argument("--lower", action=SWITCH, default=False,
                     help="upper as lower case, in WER and CER")  # fmt: skip
    cli.add_argument("--max-unknown", type=options.share, default=0.1, metavar="SHARE",
                     help="of the characters of a data set, how many the vocabulary may lack; with "
                     "more the data set is refused")  # fmt: skip
    start = cli.add_argument_group("where to start").add_mutually_exclusive_group(required=True)
    start.add_argument(
        "--model", help="demo, a directory or an identifier: facebook/wav2vec2-large-xlsr-53"
    )
    start.add_argument("--from-scratch", action="store_true", help="random weights, shaped below")
    shape = cli.add_argument_group("model from scratch")
    shape.add_argument(
        "--norm",
        choices=["layer", "group"],
        default="layer",
        help="of the convolutions: as XLSR-53, or the base model (faster)",
    )
    shape.add_argument("--width", type=int, default=160, help="feed-forward has four times it")
    shape.add_argument("--layers", type=int, default=6)
    shape.add_argument("--heads", type=int, default=4)
    shape.add_argument("--channels", type=int, nargs=7, default=[64, 64, 96, 128, 128, 128, 128],
                       help="of the convolutions")  # fmt: skip
    _add_method(cli)
    options.add_optimization(
        cli, epochs=30.0, lr=3e-4, lr_help="peak; from scratch: 1e-3", warmup=500, every=400
    )
    return cli


def _add_method(cli: argparse.ArgumentParser) -> None:
    method = options.add_mixture(cli)
    method.add_argument("--new-vocabulary", action=SWITCH, default=None,
                        help="learn the characters of the training texts anew (default: where the "
                        "model has no head yet)")  # fmt: skip
    method.add_argument("--freeze-features", action=SWITCH, default=None,
                        help="keep the convolutions as they are (default: of a model that learnt "
                        "before)")  # fmt: skip
    method.add_argument("--gradient-checkpointing", action=SWITCH, default=True,
                        help="less memory, a third more time")  # fmt: skip
    method.add_argument("--attention-dropout", type=float, default=0.1)
    method.add_argument("--hidden-dropout", type=float, default=0.1)
    method.add_argument("--feat-proj-dropout", type=float, default=0.0)
    method.add_argument("--mask-time-prob", type=float, default=0.05, help="of SpecAugment")
    method.add_argument("--layerdrop", type=float, default=0.1)
    method.add_argument("--ctc-loss-reduction", choices=["mean", "sum"], default="mean")
    method.add_argument("--ctc-zero-infinity", action=SWITCH, default=True,
                        help="texts that can't be said so fast cost nothing")  # fmt: skip
    method.add_argument("--flat-start", type=int, default=0, metavar="STEPS",
                        help="first steps in which the model also learns from a linear alignment: "
                        "for one from scratch")  # fmt: skip


def network_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The fields of Wav2Vec2's configuration that the options say."""
    return {
        "attention_dropout": args.attention_dropout,
        "hidden_dropout": args.hidden_dropout,
        "feat_proj_dropout": args.feat_proj_dropout,
        "mask_time_prob": args.mask_time_prob,
        "layerdrop": args.layerdrop,
        "ctc_loss_reduction": args.ctc_loss_reduction,
        "ctc_zero_infinity": args.ctc_zero_infinity,
    }


def training_arguments(args: argparse.Namespace, masked: bool) -> Any:
    """The options as the Trainer has them.

    Args:
        args: Of the command.
        masked: Whether the network takes an attention mask; if not, padding changes what it hears,
            and an evaluation takes one recording at a time, as evaluate.py does.
    """
    from transformers import TrainingArguments

    settings = options.trainer_settings(args)
    if not masked:
        settings["per_device_eval_batch_size"] = 1
    return TrainingArguments(
        gradient_checkpointing=args.gradient_checkpointing,
        ddp_find_unused_parameters=True,  # layers are dropped, in each process others
        **settings,
    )
