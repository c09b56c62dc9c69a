"""Trains Wav2Vec2 with CTC: XLSR-53 on a new language, or a small one from scratch.

Data sets as prepare.py writes them in, checkpoint in the published (Hugging Face) format out:
OUTPUT/best has the lowest CER on the dev set, OUTPUT/last is the last one. If a run was
killed, give the same command again: it goes on. Several GPUs:

    torchrun --nproc-per-node 4 mlflow_models/wav2vec2_asr/finetune.py ...
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wav2vec2_asr.building.checkpoint import find
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training import export
from wav2vec2_asr.training.examples import CTCCollator, CTCExamples, vocabulary
from wav2vec2_asr.training.options import parser, training_arguments
from wav2vec2_asr.training.unsayable import check
from wav2vec2_asr.training.words import Convention
from zoo.building import packaging
from zoo.building.wav2vec2 import read_config
from zoo.errors import ZooError
from zoo.training.mixture import Mixture
from zoo.training.options import check_machine, mixture_settings
from zoo.training.stored import known_already, names, open_all, open_data

if TYPE_CHECKING:
    from transformers import Wav2Vec2ForCTC

    from zoo.training.records import Records
    from zoo.training.trainer import SpeechTrainer

FREE = ("output", "tracking_uri", "experiment", "save_every", "save_limit", "patience", "threads",
        "workers")  # fmt: skip


def choose_vocabulary(args: argparse.Namespace, directory: Path | None, texts: list[str]) -> Path:
    """The directory with the tokenizer's files: the checkpoint's, or OUTPUT/vocabulary.

    Raises:
        ZooError: the texts have no character to learn, or there is no vocabulary to keep.
    """
    new = args.new_vocabulary
    if directory is None and new is False:
        raise ZooError("A model from scratch has no vocabulary: leave out --no-new-vocabulary.")
    if directory is not None and (new is False or (new is None and export.has_head(directory))):
        return directory
    labels = vocabulary(texts)
    if len(labels) == 3:  # the space, unknown and blank
        raise ZooError("The training texts have no character to learn.")
    target: Path = args.output / "vocabulary"
    export.write_vocabulary(labels, target)
    return target


def freeze(model: "Wav2Vec2ForCTC", args: argparse.Namespace) -> None:
    """Keeps the convolutions as they are, if they have learnt before or it is asked for."""
    frozen = args.freeze_features
    if frozen or (frozen is None and args.model):
        model.freeze_feature_encoder()


def build_trainer(args: argparse.Namespace, tracked: bool) -> tuple["SpeechTrainer", "Records"]:
    """Builds model, examples, trainer and what it writes."""
    from wav2vec2_asr.training.ctc_path import CTCPath
    from wav2vec2_asr.training.trainer import CTCTrainer
    from zoo.training.records import Records

    convention = Convention(args.words, lower=args.lower)
    convention.check()
    directory = find(args.model) if args.model else None
    data, dev_data = open_all(args.train), open_data(args.dev)
    files = choose_vocabulary(args, directory, data["text"])
    headed = directory == files and export.has_head(files)
    labels = Labels.read(files, read_config(files).get("vocab_size", 32) if headed else None)
    for where, part in ((", ".join(map(str, args.train)), data), (str(args.dev), dev_data)):
        if said := check(where, part["text"], names(part), labels, convention, args.max_unknown):
            print(said)
    model = export.open_model(args, directory, labels, not headed)
    extractor = export.open_extractor(directory, model.config.feat_extract_norm == "layer")
    freeze(model, args)
    mixture = Mixture(window=args.max_seconds, **mixture_settings(args))
    train, dev = CTCExamples(data, labels, mixture), CTCExamples(dev_data, labels, Mixture(1e9))
    train.check_some("--max-seconds")
    hop = model.config.inputs_to_logits_ratio

    def write(path: Path) -> None:
        export.export(model, files, extractor, path)

    records = Records(args.output, tracked, write)
    path = CTCPath(args.output, tracked, labels, dev[0], dev.references[0], extractor)
    trainer = CTCTrainer(
        model=model,
        args=training_arguments(args, extractor.return_attention_mask),
        train_dataset=train,
        eval_dataset=dev,
        data_collator=CTCCollator(extractor, labels.blank, hop, bool(args.flat_start)),
        eval_collator=CTCCollator(extractor, labels.blank, hop, False, exact=True),
        callbacks=[records, path],
        flat_steps=args.flat_start,
        labels=labels,
        convention=convention,
        references=dev.references,
    )
    left_out = len(train.texts) - sum(len(parts) for parts, _ in train.plan)
    print(f"{len(train)} examples of {len(train.texts)} utterances ({left_out} too long); "
          f"dev: {len(dev)}, {convention}; {len(labels)} labels, "
          f"{model.num_parameters():,} parameters", flush=True)  # fmt: skip
    for said in known_already(data, dev_data):
        print(said, flush=True)
    return trainer, records


def main(argv: list[str] | None = None) -> None:
    """Runs the command line."""
    from zoo.training.records import run

    args: Any = parser().parse_args(argv)
    check_machine(args)
    run(args, FREE, build_trainer)


if __name__ == "__main__":
    packaging.run(main)
