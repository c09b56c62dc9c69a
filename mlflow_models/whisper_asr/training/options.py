"""The options of finetune.py, and what of them the Trainer gets."""

import argparse
from pathlib import Path
from typing import Any

from zoo import packaging


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Train Whisper. Interrupted, it resumes when the same command is given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = cli.add_argument_group("data: directories that prepare.py wrote")
    data.add_argument("--train", type=Path, nargs="+", required=True, help="one or several")
    data.add_argument("--dev", type=Path, required=True, help="chooses the checkpoint, by CER")
    data.add_argument("--output", type=Path, required=True, help="best/, last/ and states go here")
    data.add_argument("--language", default="zh", help="Whisper's code")
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
    _add_optimization(cli)
    cli.add_argument(
        "--tracking-uri", default=packaging.TRACKING_URI, help="MLflow's, or '' for none"
    )
    cli.add_argument("--experiment", default="whisper_asr", help="MLflow's")
    return cli


def _add_method(cli: argparse.ArgumentParser) -> None:
    method = cli.add_argument_group("what is trained, on what examples (shares: 0 to 1)")
    method.add_argument(
        "--lora",
        type=int,
        default=0,
        metavar="RANK",
        help="train low-rank updates of the attention only; merged on export",
    )
    method.add_argument("--freeze-encoder", action="store_true", help="train the decoder only")
    method.add_argument(
        "--window-seconds",
        type=float,
        default=30.0,
        help="examples are padded to it; longer utterances are left out",
    )
    method.add_argument(
        "--pad-to-longest",
        action="store_true",
        help="pad to the longest of the batch instead: much faster. Not how "
        "Whisper is run, so end with a phase without it",
    )
    method.add_argument("--timestamps", type=float, default=0.0, help="share with timestamps")
    method.add_argument("--join", type=float, default=0.0, help="share of joined utterances")
    method.add_argument("--silence", type=float, default=0.0, help="share without speech")
    method.add_argument("--prompt", type=float, default=0.0, help="share with a prompt")
    method.add_argument("--noise", type=float, default=0.0, help="share with noise, 0 to 30 dB")
    method.add_argument(
        "--margin", type=float, default=0.0, help="seconds of silence around, at most"
    )
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


def _add_optimization(cli: argparse.ArgumentParser) -> None:
    hyper = cli.add_argument_group("optimization")
    hyper.add_argument("--epochs", type=float, default=3.0)
    hyper.add_argument("--max-steps", type=int, default=-1, help="instead of epochs")
    hyper.add_argument("--batch-size", type=int, default=16, help="examples, on each device")
    hyper.add_argument("--accumulate", type=int, default=1, help="batches to a step")
    hyper.add_argument("--lr", type=float, default=1e-5, help="peak; LoRA: 1e-3, scratch: 1e-3")
    hyper.add_argument(
        "--schedule", default="linear", choices=["linear", "cosine", "constant_with_warmup"]
    )
    hyper.add_argument("--warmup-steps", type=int, default=100)
    hyper.add_argument("--weight-decay", type=float, default=0.0)
    hyper.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient")
    hyper.add_argument(
        "--precision", default="fp32", choices=["fp32", "bf16", "fp16"], help="fp16 needs a GPU"
    )
    hyper.add_argument("--eval-every", type=int, default=500, help="steps between evaluations")
    hyper.add_argument("--save-every", type=int, default=250, help="steps between saved states")
    hyper.add_argument(
        "--patience",
        type=int,
        default=0,
        help="stop after so many evaluations without a lower CER; 0: never",
    )
    hyper.add_argument("--export-dtype", default="float16", choices=["float16", "float32"])
    hyper.add_argument("--seed", type=int, default=1)
    hyper.add_argument("--threads", type=int, default=1, help="CPU threads")
    hyper.add_argument("--workers", type=int, default=0, help="processes that make examples")


def training_arguments(args: argparse.Namespace, longest: int) -> Any:
    """The options as the Trainer has them; `longest` is the dev set's longest label."""
    import torch
    from transformers import Seq2SeqTrainingArguments

    return Seq2SeqTrainingArguments(
        output_dir=str(args.output),
        per_device_train_batch_size=args.batch_size,
        per_device_eval_batch_size=args.batch_size,
        gradient_accumulation_steps=args.accumulate,
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
        save_total_limit=2,
        predict_with_generate=True,
        generation_max_length=min(448, longest + 24),
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
