"""What a recognizer's training starts from: a checkpoint, a transformer, or nothing."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hanlp_ner.network.component import SINGLE_TASK, fetch, load, read_config
from hanlp_ner.training.corpora import Corpus, some
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.relabel import fill_in, labels_of, relabel
from hanlp_ner.training.tags import all_tags
from zoo.building import checkpoints
from zoo.errors import CheckpointError
from zoo.training import options

if TYPE_CHECKING:
    from hanlp.components.ner.transformer_ner import TransformerNamedEntityRecognizer

FOLDER = Path(__file__).parent.parent
UNTRAINED = "_transformer"  # in the run's directory; it belongs to a run that isn't done
MAX_WINDOW_TOKENS = 512  # HanLP reads a longer sentence in windows of so many
SPECIAL_TOKENS = 2  # [CLS] and [SEP]


def label_set(trained: Corpus, dev: Corpus) -> list[str]:
    """Return the labels of what is trained on, sorted.

    Raises:
        DataError: the dev set has others, which nothing would be learnt of.
    """
    labels = {label for _, entities in trained.examples for _, _, label in entities}
    unseen: dict[str, str] = {}
    for (_, entities), place in zip(dev.examples, dev.places, strict=True):
        for _, _, label in entities:
            if label not in labels:
                unseen.setdefault(label, place)
    if unseen:
        places = "; ".join(f"{label} in {place}" for label, place in sorted(unseen.items()))
        raise DataError(
            f"The dev set has labels that no training set has: {', '.join(sorted(unseen))}; "
            f"rename or drop them with --map ({places})."
        )
    return sorted(labels)


def open_checkpoint(name: str, labels: list[str], device: int) -> Any:
    """Load the recognizer that training starts from.

    Args:
        name: Of the checkpoint.
        labels: Of `label_set`.
        device: The GPU's number, or -1 for the CPU.

    Raises:
        CheckpointError: The checkpoint is not found, or is a multi-task one.
        DataError: A label differs by its case only from one of the checkpoint's.
    """
    directory = checkpoints.resolve(name, FOLDER / "demo", fetch)
    if (directory / "MLmodel").is_file():
        raise CheckpointError(f"'{name}' is a built model; give the checkpoint that it's made of.")
    if read_config(directory)["classpath"] != SINGLE_TASK:
        raise CheckpointError(f"'{name}' is a multi-task checkpoint; only single-task ones train.")
    component = load(directory, device)
    known = labels_of(component)
    for label in sorted(set(labels) - set(known)):
        if same := [one for one in known if one.casefold() == label.casefold()]:
            raise DataError(
                f"The label '{label}' of the training set is '{same[0]}' in the checkpoint "
                f"'{name}'; rename it with --map {label}={same[0]}."
            )
    return component


def find_transformer(name: str) -> Path:
    """Find the directory of a pretrained transformer, or download it from the hub.

    Raises:
        CheckpointError: No checkpoint has this name, or its configuration is missing.
    """
    if not Path(name).exists():
        return checkpoints.from_hub(name)
    if not (Path(name) / "config.json").is_file():
        raise CheckpointError(
            f"'{name}' is not a transformer: 'config.json' not found; give the directory that "
            "save_pretrained wrote, or an identifier of the Hugging Face hub."
        )
    return Path(name)


def open_component(
    args: argparse.Namespace, labels: list[str], train: Corpus
) -> "TransformerNamedEntityRecognizer":
    """Build or load the recognizer to train.

    Args:
        args: The command's options.
        labels: Of `label_set`.
        train: The training set, whose characters are the vocabulary of a network from scratch.

    Raises:
        CheckpointError: The checkpoint or the transformer can't be used.
        DataError: A label differs by its case only from one of the checkpoint's.
    """
    from hanlp_ner.training import recognizer

    if args.checkpoint:
        return open_checkpoint(args.checkpoint, labels, args.device)
    if args.from_scratch:
        transformer = args.output / UNTRAINED
        recognizer.write_transformer(transformer, train.examples, args)
    else:
        transformer = find_transformer(args.transformer)
    try:
        component = recognizer.new_component(transformer, labels, args)
    except Exception as error:  # transformers, tokenizers and safetensors raise many kinds
        said = str(error).partition("\n")[0]
        raise CheckpointError(
            f"'{args.transformer or transformer}' can't be read as a transformer with a tokenizer "
            f"and weights ({type(error).__name__}: {said})."
        ) from error
    component.to(args.device)
    return component


def learn_labels(
    component: Any, labels: list[str], forget: bool, corpora: Sequence[Corpus]
) -> tuple[set[str], list[Corpus]]:
    """Make a checkpoint's component ready for the labels of the data.

    Args:
        component: Of `open_checkpoint`; it gets a classifier of the old and the new labels.
        labels: Of `label_set`.
        forget: Whether the old labels that the data lack are left out.
        corpora: The sets to train on and to choose the epoch by.

    Returns:
        The old labels that the data lack and that stay; and the sets, in which the component's own
        answers stand for these labels.

    Raises:
        DataError: There is unannotated text, and nothing that the component could mark in it.
    """
    known = labels_of(component)
    kept = set() if forget else set(known) - set(labels)
    if not kept and (bare := [one for one in corpora if one.examples and not one.entities]):
        raise DataError(
            f"'{bare[0].names[0]}' has nothing to remember: the data have all labels that the "
            "checkpoint knows; leave out --remember."
        )
    filled = [fill_in(corpus, component, kept) for corpus in corpora]
    new = sorted(set(labels) - set(known))
    wanted = sorted({*labels, *kept})
    lost = sorted(set(known) - set(wanted))
    for said, some_labels in (("new", new), ("kept", sorted(kept)), ("forgotten", lost)):
        if some_labels:
            print(f"{said} labels: {', '.join(some_labels)}")
    if kept:
        added = sum(one.entities for one in filled) - sum(one.entities for one in corpora)
        print(f"the checkpoint itself marks {added} entities of the kept labels", flush=True)
    if lost or not set(all_tags(wanted)) <= set(component.vocabs.tag.idx_to_token):
        relabel(component, wanted)
    return kept, filled


def check_lengths(component: Any, corpus: Corpus) -> None:
    """Check that no sentence is longer than the transformer can read.

    HanLP reads a sentence in windows of 512 tokens; a transformer with fewer positions fails.

    Raises:
        DataError: A sentence is too long.
    """
    positions = component.model.encoder.transformer.config.max_position_embeddings
    if positions >= MAX_WINDOW_TOKENS:
        return
    limit = positions - SPECIAL_TOKENS
    rows = zip(corpus.examples, corpus.places, strict=True)
    if long := [place for (text, _), place in rows if len(text) > limit]:
        raise DataError(
            f"Sentences longer than the {limit} characters that this transformer "
            f"reads: {some(long)}; cut them."
        )


def check_device(device: int) -> None:
    """Check that the machine has the GPU of this number; -1 is the CPU.

    Raises:
        ZooError: The machine doesn't have it.
    """
    if device >= 0:
        options.check_device(f"cuda:{device}")
