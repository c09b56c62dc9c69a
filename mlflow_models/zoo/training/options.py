"""The options that trainers of speech models share, and what of them the Trainer gets."""

import argparse
from pathlib import Path
from typing import Any

from zoo.building import tracking


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


def add_mixture(cli: argparse.ArgumentParser) -> Any:
    """Adds how utterances become examples; returns the group, for what a model has besides."""
    method = cli.add_argument_group("what is trained, on what examples (shares: 0 to 1)")
    method.add_argument("--join", type=float, default=0.0, help="share of joined utterances")
    method.add_argument("--silence", type=float, default=0.0, help="share without speech")
    method.add_argument("--noise", type=float, default=0.0, help="share with noise, 0 to 30 dB")
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
    hyper.add_argument("--epochs", type=float, default=epochs)
    hyper.add_argument("--max-steps", type=int, default=-1, help="instead of epochs")
    hyper.add_argument("--batch-size", type=int, default=16, help="examples, on each device")
    hyper.add_argument("--accumulate", type=int, default=1, help="batches to a step")
    hyper.add_argument("--lr", type=float, default=lr, help=lr_help)
    hyper.add_argument(
        "--schedule", default="linear", choices=["linear", "cosine", "constant_with_warmup"]
    )
    hyper.add_argument("--warmup-steps", type=int, default=warmup)
    hyper.add_argument("--weight-decay", type=float, default=0.0)
    hyper.add_argument(
        norm_option, dest="clip", type=float, default=1.0, help="largest norm of the gradient"
    )
    hyper.add_argument(
        "--precision", default="fp32", choices=["fp32", "bf16", "fp16"], help="fp16 needs a GPU"
    )
    hyper.add_argument("--eval-every", type=int, default=every, help="steps between evaluations")
    hyper.add_argument("--save-every", type=int, default=250, help="steps between saved states")
    hyper.add_argument("--save-limit", type=int, default=2, help="states that are kept")
    hyper.add_argument(
        "--patience",
        type=int,
        default=0,
        help=f"stop after so many evaluations without a lower {metric}; 0: never",
    )
    hyper.add_argument("--seed", type=int, default=1)
    hyper.add_argument("--threads", type=int, default=1, help="CPU threads")
    hyper.add_argument("--workers", type=int, default=0, help="processes that make examples")
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
