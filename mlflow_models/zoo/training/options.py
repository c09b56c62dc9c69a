"""The options that trainers of speech models share, and what of them the Trainer gets."""

import argparse
from pathlib import Path
from typing import Any

from zoo.building import tracking
from zoo.errors import ZooError


def parser(description: str, experiment: str) -> argparse.ArgumentParser:
    """A command line that has the data's options and MLflow's.

    Args:
        description: of the command.
        experiment: MLflow's, by default.
    """
    cli = argparse.ArgumentParser(
        description=f"{description} Interrupted, it resumes when the same command is given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = cli.add_argument_group("data: directories that prepare.py wrote")
    data.add_argument("--train", type=Path, nargs="+", required=True, help="one or several")
    data.add_argument("--dev", type=Path, required=True, help="chooses the checkpoint, by CER")
    data.add_argument("--output", type=Path, required=True, help="best/, last/ and states go here")
    tracking.add_options(cli, experiment)
    return cli


def share(text: str) -> float:
    """Read a share, 0 to 1, for argparse."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def whole(text: str) -> int:
    """Read a whole number of at least 1, for argparse."""
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def count(text: str) -> int:
    """Read a whole number of at least 0, for argparse."""
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is less than 0")
    return value


def amount(text: str) -> float:
    """Read a number above 0, for argparse."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def check_device(name: str) -> None:
    """See that the machine has a device, before data are read.

    Args:
        name: As torch names it: cpu, cuda, cuda:1.

    Raises:
        ZooError: The machine lacks it, or no device has this name.
    """
    import torch

    try:
        device = torch.device(name)
    except RuntimeError:
        raise ZooError(f"--device {name} not found; available: {_devices()}.") from None
    if device.type == "cpu":
        return
    if device.type != "cuda" or (device.index or 0) >= torch.cuda.device_count():
        raise ZooError(f"--device {name} not found; available: {_devices()}.")


def _devices() -> str:
    import torch

    return ", ".join(["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))])


def check_machine(args: argparse.Namespace) -> None:
    """See that the machine computes in the precision that is asked for, before data are read.

    Raises:
        ZooError: The machine can't compute in this precision.
    """
    import torch

    gpu = torch.cuda.is_available()
    if args.precision == "fp16" and not gpu:
        raise ZooError(
            "--precision fp16 needs a GPU, and this machine has none; take fp32 or bf16."
        )
    if args.precision == "bf16":
        able = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if gpu
            else torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        if not able:
            raise ZooError(
                f"This {'GPU' if gpu else 'CPU'} doesn't support --precision bf16; take "
                f"{'fp16 or ' if gpu else ''}fp32."
            )


def add_mixture(cli: argparse.ArgumentParser) -> Any:
    """Adds how utterances become examples; returns the group, for what a model has besides."""
    method = cli.add_argument_group("what is trained, on what examples (shares: 0 to 1)")
    method.add_argument("--join", type=share, default=0.0, help="share of joined utterances")
    method.add_argument("--silence", type=share, default=0.0, help="share without speech")
    method.add_argument("--noise", type=share, default=0.0, help="share with noise, 0 to 30 dB")
    method.add_argument(
        "--margin", type=float, default=0.0, help="seconds of silence around, at most"
    )
    method.add_argument(
        "--speed", type=float, default=0.0, help="faster or slower by this share, at most"
    )
    return method


def mixture_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The options of `add_mixture` and the seed, as fields of `Mixture`."""
    names = ("join", "silence", "noise", "margin", "speed", "seed")
    return {name: getattr(args, name) for name in names}


def add_optimization(
    cli: argparse.ArgumentParser,
    epochs: float,
    lr: float,
    lr_help: str,
    warmup: int,
    every: int,
    metric: str = "CER",
    norm_option: str = "--clip",
) -> Any:
    """Adds the optimizer's options with a model's defaults; returns the group.

    Args:
        cli: where to.
        epochs: over the data.
        lr: the peak of the learning rate.
        lr_help: what to say of it.
        warmup: steps.
        every: steps from one evaluation to the next.
        metric: what evaluations compare.
        norm_option: the name of the option that limits the gradient.
    """
    hyper = cli.add_argument_group("optimization")
    hyper.add_argument("--epochs", type=amount, default=epochs)
    hyper.add_argument("--max-steps", type=int, default=-1, help="instead of epochs")
    hyper.add_argument("--batch-size", type=whole, default=16, help="examples, on each device")
    hyper.add_argument("--accumulate", type=whole, default=1, help="batches to a step")
    hyper.add_argument("--lr", type=float, default=lr, help=lr_help)
    hyper.add_argument(
        "--schedule", default="linear", choices=["linear", "cosine", "constant_with_warmup"]
    )
    hyper.add_argument("--warmup-steps", type=count, default=warmup)
    hyper.add_argument("--weight-decay", type=float, default=0.0)
    hyper.add_argument(
        norm_option, dest="clip", type=float, default=1.0, help="largest norm of the gradient"
    )
    hyper.add_argument(
        "--precision", default="fp32", choices=["fp32", "bf16", "fp16"], help="fp16 needs a GPU"
    )
    hyper.add_argument("--eval-every", type=whole, default=every, help="steps between evaluations")
    hyper.add_argument("--save-every", type=whole, default=250, help="steps between saved states")
    hyper.add_argument("--save-limit", type=whole, default=2, help="states that are kept")
    hyper.add_argument(
        "--patience",
        type=count,
        default=0,
        help=f"stop after so many evaluations without a lower {metric}; 0: never",
    )
    hyper.add_argument("--seed", type=int, default=1)
    hyper.add_argument("--threads", type=whole, default=1, help="CPU threads")
    hyper.add_argument("--workers", type=count, default=0, help="processes that make examples")
    return hyper


def trainer_settings(args: argparse.Namespace) -> dict[str, Any]:
    """The options under the names that Transformers' TrainingArguments have for them."""
    import torch

    return {
        "output_dir": str(args.output),
        "per_device_train_batch_size": args.batch_size,
        "per_device_eval_batch_size": args.batch_size,
        "gradient_accumulation_steps": args.accumulate,
        "num_train_epochs": args.epochs,
        "max_steps": args.max_steps,
        "learning_rate": args.lr,
        "lr_scheduler_type": args.schedule,
        "warmup_steps": args.warmup_steps,
        "weight_decay": args.weight_decay,
        "adam_beta2": 0.98,
        "max_grad_norm": args.clip,
        "bf16": args.precision == "bf16",
        "fp16": args.precision == "fp16",
        "eval_strategy": "steps",
        "eval_steps": args.eval_every,
        "save_strategy": "steps",
        "save_steps": args.save_every,
        "save_total_limit": args.save_limit,
        "metric_for_best_model": "cer",
        "greater_is_better": False,
        "logging_steps": 20,
        "logging_first_step": True,
        "remove_unused_columns": False,
        "label_names": ["labels"],
        "dataloader_num_workers": args.workers,
        "report_to": "none",
        "seed": args.seed,
        "use_cpu": not torch.cuda.is_available(),  # or bf16 is refused
    }
