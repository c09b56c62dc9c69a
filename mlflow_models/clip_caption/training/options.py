"""The options of finetune.py, and what of them the Trainer gets."""

import argparse
from pathlib import Path
from typing import Any

from clip_caption.building import checkpoint
from zoo.building import tracking
from zoo.training import options

ADVICE = """\
what to choose:
  A few thousand images, an everyday vocabulary: --gpt2 gpt2 --freeze-gpt2 --mapper transformer
    --prefix-length 40 --clip-length 40 trains the mapper alone (the paper's lighter way).
  More images, or captions of a style of their own: --gpt2 gpt2 --mapper mlp trains both.
  To go on from a published checkpoint: --model conceptual_weights.pt --normalize-prefix by-layout.

memory: GPT-2 small with Adam takes about 2 GB and some 25 MB for each caption of a batch; where it
  isn't enough, halve --batch-size and double --accumulate, or train with --freeze-gpt2. CLIP runs
  once over the images, before training; --clip-batch-size is what it takes at a time.

Interrupted, it resumes when the same command is given again.
"""


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""

    class Formatter(
        argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter
    ): ...

    cli = argparse.ArgumentParser(
        description="Train a captioning model on images and captions.",
        epilog=ADVICE,
        formatter_class=Formatter,
    )
    data = cli.add_argument_group("data: directories that prepare.py wrote")
    data.add_argument("--train", type=Path, required=True)
    data.add_argument("--dev", type=Path, required=True, help="chooses the checkpoint, by its loss")
    data.add_argument("--output", type=Path, required=True, help="best/, last/ and states go here")
    tracking.add_options(cli, "clip_caption")
    start = cli.add_argument_group("where to start").add_mutually_exclusive_group(required=True)
    start.add_argument(
        "--model", help="demo, or a checkpoint of ClipCap (directory or .pt): mapper and GPT-2"
    )
    start.add_argument(
        "--gpt2", help="a GPT-2 (Hugging Face identifier, gpt2 say, or directory), a new mapper"
    )
    start.add_argument("--from-scratch", action="store_true", help="GPT-2 and vocabulary new, too")
    checkpoint.add_normalize_option(cli)
    _add_shapes(cli)
    hyper = options.add_optimization(
        cli,
        epochs=10.0,
        lr=2e-5,
        lr_help="peak; of a GPT-2 from scratch 1e-3",
        warmup=500,
        every=500,
        metric="loss",
        norm_option="--max-grad-norm",
    )
    hyper.set_defaults(batch_size=40)
    hyper.add_argument("--freeze-gpt2", action="store_true", help="train the mapper alone")
    hyper.add_argument(
        "--dropout", type=options.share, default=0.1, help="of GPT-2, while training"
    )
    hyper.add_argument("--longest", type=int, default=67, help="tokens of a caption; more are cut")
    hyper.add_argument("--max-lost", type=options.share, default=0.1, metavar="SHARE",
                       help="of a data set's captions, how many may be cut, be without a word, or "
                       "have what the vocabulary lacks; with more it is refused")  # fmt: skip
    hyper.add_argument(
        "--samples", type=options.whole, default=16, help="captions written at an evaluation"
    )
    hyper.add_argument("--export-dtype", default="float32", choices=["float16", "float32"])
    return cli


def _add_shapes(cli: argparse.ArgumentParser) -> None:
    clip = cli.add_argument_group("CLIP: its features are computed once and kept beside the data")
    clip.add_argument(
        "--clip",
        dest="clip_model",
        help="open_clip's name of an architecture, OpenAI's .pt file, or a local directory of "
        "open_clip (default: the checkpoint's, or ViT-B-32-quickgelu)",
    )
    clip.add_argument("--clip-batch-size", type=options.whole, default=64, help="images at a time")
    mapper = cli.add_argument_group("new mapper")
    mapper.add_argument("--mapper", default="mlp", choices=["mlp", "linear", "transformer"])
    mapper.add_argument(
        "--prefix-length", type=options.whole, default=10, help="places before the caption"
    )
    mapper.add_argument("--clip-length", type=options.whole, default=10, help="of the transformer")
    mapper.add_argument("--mapper-layers", type=options.whole, default=8, help="of the transformer")
    mapper.add_argument("--mapper-heads", type=options.whole, default=8, help="of the transformer")
    gpt = cli.add_argument_group("GPT-2 from scratch")
    gpt.add_argument("--gpt-width", type=options.whole, default=128)
    gpt.add_argument("--gpt-layers", type=options.whole, default=4)
    gpt.add_argument("--gpt-heads", type=options.whole, default=4)
    gpt.add_argument(
        "--positions", type=options.whole, default=128, help="prefix and caption have to fit in"
    )
    gpt.add_argument("--vocabulary", type=int, default=512, help="tokens, made from the captions")


def training_arguments(args: argparse.Namespace) -> Any:
    """The options as the Trainer has them."""
    from transformers import TrainingArguments

    settings = options.trainer_settings(args)
    settings |= {"metric_for_best_model": "loss", "adam_beta2": 0.999}
    return TrainingArguments(**settings)
