"""The options of finetune.py, and what of them the Trainer gets."""

import argparse
from typing import Any

from whisper_asr.building.vocabulary import CONTEXT
from whisper_asr.training.examples import WINDOWS
from zoo.training import options


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = options.parser("Train Whisper.", "whisper_asr")
    cli.add_argument("--language", default="zh", help="Whisper's code")
    start = cli.add_argument_group("where to start").add_mutually_exclusive_group(required=True)
    start.add_argument(
        "--model", help="demo, a Hugging Face identifier (openai/whisper-small) or a directory"
    )
    start.add_argument("--from-scratch", action="store_true", help="random weights, shaped below")
    shape = cli.add_argument_group("model from scratch")
    shape.add_argument("--width", type=int, default=128, help="feed-forward has four times it")
    shape.add_argument("--encoder-layers", type=int, default=4)
    shape.add_argument("--decoder-layers", type=int, default=2)
    shape.add_argument("--heads", type=int, default=4)
    shape.add_argument("--mels", type=int, default=80)
    _add_method(cli)
    hyper = options.add_optimization(
        cli, epochs=3.0, lr=1e-5, lr_help="peak; LoRA: 1e-3, scratch: 1e-3", warmup=100, every=500
    )
    hyper.add_argument("--export-dtype", default="float16", choices=["float16", "float32"])
    return cli


def _add_method(cli: argparse.ArgumentParser) -> None:
    method = options.add_mixture(cli)
    method.add_argument(
        "--lora",
        type=int,
        default=0,
        metavar="RANK",
        help="train low-rank updates only; merged on export",
    )
    method.add_argument(
        "--lora-share",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="of the update, what the checkpoint takes; 0.5, the mean of before and after, keeps "
        "more of what the model knew",
    )
    frozen = method.add_mutually_exclusive_group()
    frozen.add_argument("--freeze-encoder", action="store_true", help="train the decoder only")
    frozen.add_argument(
        "--freeze-decoder",
        action="store_true",
        help="train the encoder only: the sound of a person or a line is learnt from few texts, "
        "and their topics aren't",
    )
    method.add_argument(
        "--window-seconds",
        type=float,
        default=30.0,
        help="longer utterances are left out, and joined ones are as long at most",
    )
    method.add_argument(
        "--window",
        choices=WINDOWS,
        default="auto",
        help="what a batch is padded to (dev: 30 s, as evaluate.py; with longest its longest "
        "example). auto: as it is served, its longest example and 2 s, at "
        "least 10 s; four times as fast as 30 s where utterances are short. full: "
        "--window-seconds, as openai-whisper runs it. longest: its longest example, for the first "
        "phases of a model from scratch",
    )
    for name, what in (("timestamps", "timestamps"), ("prompt", "a prompt")):
        method.add_argument(f"--{name}", type=options.share, default=0.0, help=f"share with {what}")
    method.add_argument(
        "--spec-augment",
        action="store_true",
        help="mask stretches of time and frequency (Park et al. 2019)",
    )
    method.add_argument(
        "--ctc-weight",
        type=float,
        default=0.0,
        help="share of a CTC loss on the encoder, for a model from scratch; 1 trains the "
        "encoder only",
    )
    method.add_argument(
        "--flat-start",
        type=int,
        default=0,
        metavar="STEPS",
        help="first steps in which the encoder also learns from a linear alignment, which "
        "spares it the plateau that CTC begins with",
    )
    method.add_argument(
        "--narrow-softmax",
        action="store_true",
        help="over the tokens of the training set only: faster for a small model; "
        "end with a phase without it",
    )
    method.add_argument("--dropout", type=float, default=0.0)


def training_arguments(args: argparse.Namespace, longest: int) -> Any:
    """The options as the Trainer has them.

    Args:
        args: Of the command.
        longest: Tokens of the dev set's longest label: in the first phases of a model from scratch,
            which babbles, a little more is generated at most; else as much as evaluate.py lets.
    """
    from transformers import Seq2SeqTrainingArguments

    short = args.window == "longest"
    return Seq2SeqTrainingArguments(
        predict_with_generate=True,
        generation_max_length=min(CONTEXT, longest + 24) if short else CONTEXT,
        **options.trainer_settings(args),
    )
