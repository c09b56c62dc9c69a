"""Trains Whisper: all of it, a LoRA adapter, or a small one from scratch.

Data sets as prepare.py writes them in, checkpoint in the published (Hugging Face) format out:
OUTPUT/best has the lowest CER on the dev set, OUTPUT/last is the last one. A run that was stopped,
however rudely, goes on when the same command is given again. Several GPUs:

    torchrun --nproc-per-node 4 mlflow_models/whisper_asr/finetune.py ...
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisper_asr.training.examples import Collator, Examples, Mixture
from zoo import checkpoints, packaging
from zoo.errors import CheckpointError, ZooError

if TYPE_CHECKING:
    from datasets import Dataset

    from whisper_asr.training.records import Records
    from whisper_asr.training.trainer import WhisperTrainer

FOLDER = Path(__file__).parent
FILES = ["*.json", "*.safetensors", "merges.txt"]  # of a published checkpoint, what is needed
FREE = ("output", "tracking_uri", "experiment", "save_every", "patience", "threads")


def parser() -> argparse.ArgumentParser:
    """Builds the command line."""
    cli = argparse.ArgumentParser(
        description="Train Whisper. Interrupted, it resumes when the same command is given again.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    data = cli.add_argument_group("data: directories that prepare.py wrote")
    data.add_argument("--train", type=Path, required=True)
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
    method.add_argument("--lora", type=int, default=0, metavar="RANK",
                        help="train low-rank updates of the attention only; merged on export")  # fmt: skip
    method.add_argument("--freeze-encoder", action="store_true", help="train the decoder only")
    method.add_argument("--window-seconds", type=float, default=30.0,
                        help="examples are padded to it; longer utterances are left out")  # fmt: skip
    method.add_argument("--pad-to-longest", action="store_true",
                        help="pad to the longest of the batch instead: much faster. Not how "
                        "Whisper is run, so end with a phase without it")  # fmt: skip
    method.add_argument("--timestamps", type=float, default=0.0, help="share with timestamps")
    method.add_argument("--join", type=float, default=0.0, help="share of joined utterances")
    method.add_argument("--silence", type=float, default=0.0, help="share without speech")
    method.add_argument("--prompt", type=float, default=0.0, help="share with a prompt")
    method.add_argument("--noise", type=float, default=0.0, help="share with noise, 0 to 30 dB")
    method.add_argument("--spec-augment", action="store_true",
                        help="mask stretches of time and frequency (Park et al. 2019)")  # fmt: skip
    method.add_argument("--ctc-weight", type=float, default=0.0,
                        help="share of a CTC loss on the encoder, for a model from scratch")  # fmt: skip
    method.add_argument("--narrow-softmax", action="store_true",
                        help="over the tokens of the training set only: faster for a small model; "
                        "end with a phase without it")  # fmt: skip
    method.add_argument("--dropout", type=float, default=0.0)


def _add_optimization(cli: argparse.ArgumentParser) -> None:
    hyper = cli.add_argument_group("optimization")
    hyper.add_argument("--epochs", type=float, default=3.0)
    hyper.add_argument("--max-steps", type=int, default=-1, help="instead of epochs")
    hyper.add_argument("--batch-size", type=int, default=16, help="examples, on each device")
    hyper.add_argument("--accumulate", type=int, default=1, help="batches to a step")
    hyper.add_argument("--lr", type=float, default=1e-5, help="peak; LoRA: 1e-3, scratch: 1e-3")
    hyper.add_argument("--schedule", default="linear",
                       choices=["linear", "cosine", "constant_with_warmup"])  # fmt: skip
    hyper.add_argument("--warmup-steps", type=int, default=100)
    hyper.add_argument("--weight-decay", type=float, default=0.0)
    hyper.add_argument("--clip", type=float, default=1.0, help="largest norm of the gradient")
    hyper.add_argument("--precision", default="fp32", choices=["fp32", "bf16", "fp16"],
                       help="fp16 needs a GPU")  # fmt: skip
    hyper.add_argument("--eval-every", type=int, default=500, help="steps between evaluations")
    hyper.add_argument("--save-every", type=int, default=250, help="steps between saved states")
    hyper.add_argument("--patience", type=int, default=0,
                       help="stop after so many evaluations without a lower CER; 0: never")  # fmt: skip
    hyper.add_argument("--export-dtype", default="float16", choices=["float16", "float32"])
    hyper.add_argument("--seed", type=int, default=1)
    hyper.add_argument("--threads", type=int, default=1, help="CPU threads")
    hyper.add_argument("--workers", type=int, default=0, help="processes that make examples")
    hyper.add_argument("--cpu", action="store_true", help="don't use a GPU")


def fetch(name: str) -> Path:
    """Downloads a checkpoint from the Hugging Face hub, or finds it in the cache.

    Raises:
        CheckpointError: there is none of that name, or the hub can't be reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise CheckpointError(
            f"'{name}' is neither a directory nor a checkpoint that the Hugging Face hub gives."
        ) from error


def open_data(path: Path) -> "Dataset":
    """Opens what prepare.py wrote.

    Raises:
        ZooError: it isn't.
    """
    from datasets import load_from_disk

    try:
        data: Dataset = load_from_disk(str(path))
    except (FileNotFoundError, ValueError) as error:
        raise ZooError(f"'{path}' is no data set that prepare.py wrote.") from error
    if missing := {"audio", "text", "duration"} - set(getattr(data, "column_names", [])):
        raise ZooError(f"'{path}' lacks the column '{sorted(missing)[0]}'; use prepare.py.")
    if len(data) == 0:
        raise ZooError(f"'{path}' is empty.")
    return data


def add_lora(model: Any, rank: int) -> Any:
    """Wraps the model so that low-rank updates of its attention are trained (Hu et al. 2021)."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=["q_proj", "v_proj"])
    return get_peft_model(model, config)


def training_arguments(args: argparse.Namespace, longest: int) -> Any:
    """The options as the Trainer has them; `longest` is the dev set's longest label."""
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
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=args.workers,
        report_to="none",
        seed=args.seed,
        use_cpu=args.cpu,
    )


def build_trainer(args: argparse.Namespace, tracked: bool) -> tuple["WhisperTrainer", "Records"]:
    """Seeds everything and builds model, examples, trainer and what it writes."""
    import torch
    from transformers import EarlyStoppingCallback, set_seed

    from whisper_asr.training import export
    from whisper_asr.training.records import Records
    from whisper_asr.training.trainer import WhisperTrainer

    torch.set_num_threads(args.threads)
    set_seed(args.seed)
    directory = checkpoints.resolve(args.model, FOLDER / "demo", fetch) if args.model else None
    tokenizer, extractor = export.open_parts(directory, args.mels)
    mixture = Mixture(args.language, args.window_seconds, args.timestamps, args.join, args.silence,
                      args.prompt, args.noise, args.seed)  # fmt: skip
    train = Examples(open_data(args.train), tokenizer, mixture)
    dev = Examples(open_data(args.dev), tokenizer, Mixture(args.language, args.window_seconds))
    tokens = sorted({token for ids in train.ids for token in ids})
    model = export.open_model(
        directory,
        export.new_config(args),
        args.dropout,
        text_tokens=tokens,
        ctc_weight=args.ctc_weight,
        narrow=args.narrow_softmax,
    )
    model.config.apply_spec_augment = args.spec_augment
    model.config.mask_feature_prob = 0.05 if args.spec_augment else 0.0
    model.generation_config.update(language=args.language, task="transcribe")
    if args.freeze_encoder:
        model.freeze_encoder()
    trained = add_lora(model, args.lora) if args.lora else model
    records = Records(
        args.output,
        tracked,
        lambda path: export.export(trained, tokenizer, extractor, path, args.export_dtype),
    )
    compact = {token: i for i, token in enumerate(tokens)} if args.ctc_weight else None
    seconds = None if args.pad_to_longest else args.window_seconds
    trainer = WhisperTrainer(
        model=trained,
        args=training_arguments(args, max(map(len, dev.ids)) + 4),
        train_dataset=train,
        eval_dataset=dev,
        data_collator=Collator(extractor, seconds, compact, tokenizer.eos_token_id),
        processing_class=tokenizer,
        callbacks=[records],
    )
    records.trainer = trainer
    if args.patience:
        trainer.add_callback(EarlyStoppingCallback(args.patience))
    left_out = len(train.texts) - sum(len(parts) for parts, _ in train.plan)
    print(f"{len(train)} examples of {len(train.texts)} utterances ({left_out} too long); "
          f"dev: {len(dev)}; {model.num_parameters():,} parameters", flush=True)  # fmt: skip
    return trainer, records


def train(args: argparse.Namespace, tracked: bool) -> None:
    """Trains to the end, from where an earlier start was stopped."""
    from whisper_asr.training.records import last_checkpoint

    trainer, records = build_trainer(args, tracked)
    checkpoint = last_checkpoint(args.output)
    if checkpoint:
        print(f"resumes from {checkpoint}", flush=True)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    metrics = trainer.evaluate()
    if trainer.is_world_process_zero():
        records.export(args.output / "last")
        print(f"{args.output / 'last'}: CER {metrics['eval_cer']:.2f}; "
              f"{args.output / 'best'}: {trainer.state.best_metric:.2f}")  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    from whisper_asr.training.records import open_run, save_run

    args = parser().parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    settings = {name: str(value) for name, value in vars(args).items() if name not in FREE}
    earlier = open_run(args.output, settings)
    if not args.tracking_uri or os.environ.get("RANK", "0") != "0":
        save_run(args.output, settings, earlier.get("run_id", ""))
        train(args, tracked=False)
        return
    import mlflow

    packaging.set_experiment(args.experiment, args.tracking_uri)
    with mlflow.start_run(run_id=earlier.get("run_id") or None) as run:
        if not earlier:
            mlflow.log_params(settings)
            save_run(args.output, settings, run.info.run_id)
        train(args, tracked=True)


if __name__ == "__main__":
    packaging.run(main)
