"""Trains Whisper: all of it, a LoRA adapter, or a small one from scratch.

Data sets as prepare.py writes them in, checkpoint in the published (Hugging Face) format out:
OUTPUT/best has the lowest CER on the dev set, OUTPUT/last is the last one. If a run was
killed, give the same command again: it goes on. Several GPUs:

    torchrun --nproc-per-node 4 mlflow_models/whisper_asr/finetune.py ...
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisper_asr.training.examples import (
    HEARD_SECONDS,
    Seq2SeqCollator,
    Seq2SeqExamples,
    WhisperMixture,
)
from whisper_asr.training.options import parser, training_arguments
from whisper_asr.training.transcribe import unheard
from zoo.building import checkpoints, packaging
from zoo.training.options import check_machine, mixture_settings
from zoo.training.stored import known_already, open_all, open_data

if TYPE_CHECKING:
    from datasets import Dataset

    from whisper_asr.training.trainer import WhisperTrainer
    from zoo.training.records import Records

FOLDER = Path(__file__).parent
FILES = ["*.json", "*.safetensors", "merges.txt"]  # of a published checkpoint, what is needed
ADAPTED = "q_proj|k_proj|v_proj|out_proj|fc1|fc2"  # by LoRA, in every layer
FREE = ("output", "tracking_uri", "experiment", "save_every", "save_limit", "patience", "threads",
        "workers")  # fmt: skip


def fetch(name: str) -> Path:
    """Downloads what is needed of a checkpoint from the Hugging Face hub, or one of OpenAI's."""
    from whisper_asr.building import published

    return checkpoints.from_hub(name, FILES) if "/" in name else published.fetch(name)


def checkpoint_directory(name: str) -> Path:
    """Finds a checkpoint by `demo`, an identifier or a path, in Hugging Face's layout.

    Raises:
        CheckpointError: it can't be had, or is none.
    """
    from whisper_asr.building.checkpoint import hugging_face

    return hugging_face(checkpoints.resolve(name, FOLDER / "demo", fetch, (".pt",)), name)


def freeze(model: Any, encoder: bool, decoder: bool) -> None:
    """Keeps the encoder or the decoder as it is, its embeddings included."""
    for part, frozen in ((model.model.encoder, encoder), (model.model.decoder, decoder)):
        if frozen:
            part.requires_grad_(False)


def add_lora(model: Any, rank: int) -> Any:
    """Wraps the model so that low-rank updates of its weights are trained (Hu et al. 2021).

    They are those of every layer's attention and feed-forward network: with less than all, an
    adapter learns less than the whole model would (Dettmers et al. 2023, "QLoRA", section 4). What
    is frozen gets none.
    """
    from peft import LoraConfig, get_peft_model

    names = [
        name
        for name, module in model.named_modules()
        if re.search(rf"\.layers\..*\.({ADAPTED})$", name) and module.weight.requires_grad
    ]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names)
    return get_peft_model(model, config)


def build_trainer(args: argparse.Namespace, tracked: bool) -> tuple["WhisperTrainer", "Records"]:
    """Builds model, examples, trainer and what it writes."""
    from whisper_asr.training import export
    from whisper_asr.training.trainer import WhisperTrainer
    from zoo.training.records import Records

    directory = checkpoint_directory(args.model) if args.model else None
    tokenizer, extractor = export.open_parts(directory, args.mels)
    mixture = WhisperMixture(
        window=args.window_seconds,
        **mixture_settings(args),
        language=args.language,
        timestamps=args.timestamps,
        prompt=args.prompt,
    )
    data, dev_data = open_all(args.train), open_data(args.dev)
    train = Seq2SeqExamples(data, tokenizer, mixture)
    train.check_some("--window-seconds")
    dev = Seq2SeqExamples(dev_data, tokenizer, WhisperMixture(1e9, language=args.language))
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
    generation = model.generation_config  # its `update` sets only what a checkpoint has already
    generation.language, generation.task = args.language, "transcribe"
    freeze(model, args.freeze_encoder, args.freeze_decoder)
    trained = add_lora(model, args.lora) if args.lora else model
    records = Records(
        args.output,
        tracked,
        lambda path: export.export(
            trained, tokenizer, extractor, path, args.export_dtype, args.lora_share
        ),
    )
    compact = {token: i for i, token in enumerate(tokens)} if args.ctc_weight else None
    collator = Seq2SeqCollator(
        extractor, args.window, args.window_seconds, compact, tokenizer.eos_token_id
    )
    scored_window = "longest" if args.window == "longest" else "full"
    eval_collator = Seq2SeqCollator(
        extractor, scored_window, HEARD_SECONDS, None, tokenizer.eos_token_id, blanks=False
    )
    trainer = WhisperTrainer(
        model=trained,
        args=training_arguments(args, max(map(len, dev.ids)) + 4),
        train_dataset=train,
        eval_dataset=dev,
        data_collator=collator,
        eval_collator=eval_collator,
        references=dev.references,
        processing_class=tokenizer,
        callbacks=[records],
        flat_steps=args.flat_start,
    )
    left_out = len(train.texts) - sum(len(parts) for parts, _ in train.plan)
    print(f"{len(train)} examples of {len(train.texts)} utterances ({left_out} too long); "
          f"dev: {len(dev)}; {model.num_parameters():,} parameters", flush=True)  # fmt: skip
    for said in remarks(train, data, dev_data):
        print(said, flush=True)
    return trainer, records


def remarks(train: Seq2SeqExamples, data: "Dataset", dev: "Dataset") -> Iterator[str]:
    """Say what of the data isn't learnt, isn't heard, or is known already."""
    if train.cut:
        yield f"{train.cut} texts have more tokens than Whisper takes; the rest isn't learnt."
    if said := unheard(dev["duration"]):
        yield f"dev: {said}"
    yield from known_already(data, dev)


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    from zoo.training.records import run

    args = parser().parse_args(argv)
    check_machine(args)
    run(args, FREE, build_trainer)


if __name__ == "__main__":
    packaging.run(main)
