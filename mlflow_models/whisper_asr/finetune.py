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
from whisper_asr.training.options import parser, training_arguments
from zoo import checkpoints, packaging
from zoo.errors import CheckpointError, ZooError

if TYPE_CHECKING:
    from datasets import Dataset

    from whisper_asr.training.records import Records
    from whisper_asr.training.trainer import WhisperTrainer

FOLDER = Path(__file__).parent
FILES = ["*.json", "*.safetensors", "merges.txt"]  # of a published checkpoint, what is needed
FREE = ("output", "tracking_uri", "experiment", "save_every", "patience", "threads")


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
                      args.prompt, args.noise, args.margin, args.seed)  # fmt: skip
    from datasets import concatenate_datasets

    columns = ["audio", "text", "duration"]
    corpora = concatenate_datasets([open_data(path).select_columns(columns) for path in args.train])
    train = Examples(corpora, tokenizer, mixture)
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
        flat_steps=args.flat_start,
    )
    records.trainer = trainer
    if args.patience:
        trainer.add_callback(EarlyStoppingCallback(args.patience))
    left_out = len(train.texts) - sum(len(parts) for parts, _ in train.plan)
    print(f"{len(train)} examples of {len(train.texts)} utterances ({left_out} too long); "
          f"dev: {len(dev)}; {model.num_parameters():,} parameters", flush=True)  # fmt: skip
    return trainer, records


def train(args: argparse.Namespace, settings: dict[str, str], run_id: str, tracked: bool) -> None:
    """Trains to the end, from where an earlier start was stopped."""
    from whisper_asr.training.records import last_checkpoint, save_run

    trainer, records = build_trainer(args, tracked)
    if trainer.is_world_process_zero():
        save_run(args.output, settings, run_id)
    checkpoint = last_checkpoint(args.output)
    if checkpoint:
        print(f"resumes from {checkpoint}", flush=True)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    scores = [logs["eval_cer"] for logs in trainer.state.log_history if "eval_cer" in logs]
    if trainer.is_world_process_zero():
        records.export(args.output / "last")
        print(f"{args.output / 'last'}: CER {scores[-1]:.2f}; "
              f"{args.output / 'best'}: {min(scores):.2f}")  # fmt: skip


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    from whisper_asr.training.records import open_run

    args = parser().parse_args(argv)
    args.output.mkdir(parents=True, exist_ok=True)
    settings = {name: str(value) for name, value in vars(args).items() if name not in FREE}
    earlier = open_run(args.output, settings)
    if earlier and (args.output / "last").is_dir():
        print(f"'{args.output}' is finished; choose a new --output for another run.")
        return
    if not args.tracking_uri or os.environ.get("RANK", "0") != "0":
        train(args, settings, earlier.get("run_id", ""), tracked=False)
        return
    import mlflow

    packaging.set_experiment(args.experiment, args.tracking_uri)
    with mlflow.start_run(run_id=earlier.get("run_id") or None) as run:
        if not earlier:
            mlflow.log_params(settings)
        train(args, settings, run.info.run_id, tracked=True)


if __name__ == "__main__":
    packaging.run(main)
