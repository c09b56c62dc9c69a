"""The options of finetune.py, and what of them model and Trainer get."""

import argparse
from pathlib import Path
from typing import Any

from wav2vec2_asr.training.words import TOKENIZERS
from zoo import packaging

SWITCH = argparse.BooleanOptionalAction


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Train Wav2Vec2 with CTC. Interrupted, it resumes when the same command is "
        "given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = cli.add_argument_group("data: directories that prepare.py wrote")
    data.add_argument("--train", type=Path, nargs="+", required=True, help="one or several")
    data.add_argument("--dev", type=Path, required=True, help="chooses the checkpoint, by CER")
    data.add_argument("--output", type=Path, required=True, help="best/, last/ and states go here")
    data.add_argument("--max-seconds", type=float, default=20.0,
                      help="longer utterances are left out, to spare memory")  # fmt: skip
    data.add_argument("--words", choices=list(TOKENIZERS), default="newmm", help="what WER counts")
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
    _add_optimization(cli)
    cli.add_argument(
        "--tracking-uri", default=packaging.TRACKING_URI, help="MLflow's, or '' for none"
    )
    cli.add_argument("--experiment", default="wav2vec2_asr", help="MLflow's")
    return cli


def _add_method(cli: argparse.ArgumentParser) -> None:
    method = cli.add_argument_group("what is trained, on what examples (shares: 0 to 1)")
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
    method.add_argument("--join", type=float, default=0.0, help="share of joined utterances")
    method.add_argument("--silence", type=float, default=0.0, help="share without speech")
    method.add_argument("--noise", type=float, default=0.0, help="share with noise, 0 to 30 dB")
    method.add_argument(
        "--margin", type=float, default=0.0, help="seconds of silence around, at most"
    )


def _add_optimization(cli: argparse.ArgumentParser) -> None:
    hyper = cli.add_argument_group("optimization")
    hyper.add_argument("--epochs", type=float, default=30.0)
    hyper.add_argument("--max-steps", type=int, default=-1, help="instead of epochs")
    hyper.add_argument("--batch-size", type=int, default=16, help="examples, on each device")
    hyper.add_argument("--accumulate", type=int, default=1, help="batches to a step")
    hyper.add_argument("--lr", type=float, default=3e-4, help="peak; from scratch: 1e-3")
    hyper.add_argument(
        "--schedule", default="linear", choices=["linear", "cosine", "constant_with_warmup"]
    )
    hyper.add_argument("--warmup-steps", type=int, default=500)
    hyper.add_argument("--weight-decay", type=float, default=0.0)
    hyper.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient")
    hyper.add_argument(
        "--precision", default="fp32", choices=["fp32", "bf16", "fp16"], help="fp16 needs a GPU"
    )
    hyper.add_argument("--eval-every", type=int, default=400, help="steps between evaluations")
    hyper.add_argument("--save-every", type=int, default=400, help="steps between saved states")
    hyper.add_argument("--save-limit", type=int, default=2, help="states that are kept")
    hyper.add_argument(
        "--patience",
        type=int,
        default=0,
        help="stop after so many evaluations without a lower CER; 0: never",
    )
    hyper.add_argument("--seed", type=int, default=1)
    hyper.add_argument("--threads", type=int, default=1, help="CPU threads")
    hyper.add_argument("--workers", type=int, default=0, help="processes that make examples")


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


def training_arguments(args: argparse.Namespace) -> Any:
    """The options as the Trainer has them."""
    import torch
    from transformers import TrainingArguments

    return TrainingArguments(
        output_dir=str(args.output),
        per_device_train_batch_size=args.batch_size,
        per_device_eval_batch_size=args.batch_size,
        gradient_accumulation_steps=args.accumulate,
        gradient_checkpointing=args.gradient_checkpointing,
        num_train_epochs=args.epochs,
        max_steps=args.max_steps,
        learning_rate=args.lr,
        lr_scheduler_type=args.schedule,
        warmup_steps=args.warmup_steps,
        weight_decay=args.weight_decay,
        adam_beta2=0.98,
        max_grad_norm=args.clip,
        bf16=args.precision == "bf16",
        fp16=args.precision == "fp16",
        eval_strategy="steps",
        eval_steps=args.eval_every,
        save_strategy="steps",
        save_steps=args.save_every,
        save_total_limit=args.save_limit,
        metric_for_best_model="cer",
        greater_is_better=False,
        logging_steps=20,
        logging_first_step=True,
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=args.workers,
        report_to="none",
        seed=args.seed,
        use_cpu=not torch.cuda.is_available(),  # or bf16 is refused
    )
