"""Opens what training starts from, and writes checkpoints in the published format.

That is `Wav2Vec2ForSequenceClassification`: an encoder, a projector for each frame, the mean over
the frames, and a classifier.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.building import checkpoints, wav2vec2
from zoo.data.audio import SAMPLE_RATE
from zoo.data.outputs import whole_directory
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

DEMO = Path(__file__).parents[1] / "demo"
NEW = ("projector.", "classifier.", "wav2vec2.masked_spec_embed")  # may be missing at the start


def find(name: str) -> Path:
    """Return the local directory of `demo`, a directory, or `owner/name` on the Hugging Face hub.

    Raises:
        CheckpointError: There is no such checkpoint.
    """
    return checkpoints.resolve(name, DEMO, wav2vec2.fetch)


def labels_of(languages: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a configuration that name the labels."""
    return {
        "id2label": dict(enumerate(languages)),
        "label2id": {language: index for index, language in enumerate(languages)},
    }


def open_checkpoint(
    directory: Path, languages: Sequence[str] | None = None, **settings: Any
) -> "Wav2Vec2ForSequenceClassification":
    """Load a network in float32, for inference until it is told otherwise.

    Args:
        directory: A checkpoint of any kind of Wav2Vec2.
        languages: New labels; the head is made anew where the checkpoint has none that fits. None:
            the checkpoint must be a language identifier, complete.
        settings: Fields of its configuration that are to differ.

    Raises:
        CheckpointError: The directory holds no Wav2Vec2, or only a part of one.
    """
    import torch
    from transformers import Wav2Vec2ForSequenceClassification
    from transformers.utils import logging

    wav2vec2.read_config(directory)
    if languages is not None:
        settings |= labels_of(languages)
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()  # it tells at length that a head is new
    try:
        found = Wav2Vec2ForSequenceClassification.from_pretrained(
            directory,
            ignore_mismatched_sizes=languages is not None,
            dtype=torch.float32,
            output_loading_info=True,
            **settings,
        )
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"'{directory}' can't be loaded as a Wav2Vec2 ({type(error).__name__})."
        ) from error
    finally:
        logging.set_verbosity(verbosity)
    unlike = {*found[1]["missing_keys"], *(key[0] for key in found[1]["mismatched_keys"])}
    allowed = NEW if languages is not None else NEW[2:]
    if lost := sorted(name for name in unlike if not name.startswith(allowed)):
        raise CheckpointError(f"'{directory}' lacks the weights '{lost[0]}'.")
    model: Wav2Vec2ForSequenceClassification = found[0]
    return model.eval()


def new_network(
    args: argparse.Namespace, languages: Sequence[str], **settings: Any
) -> "Wav2Vec2ForSequenceClassification":
    """Make a network of random weights, shaped by the options."""
    from transformers import Wav2Vec2Config, Wav2Vec2ForSequenceClassification

    return Wav2Vec2ForSequenceClassification(
        Wav2Vec2Config(
            hidden_size=args.width,
            num_hidden_layers=args.layers,
            num_attention_heads=args.heads,
            intermediate_size=4 * args.width,
            conv_dim=args.channels,
            conv_bias=False,
            feat_extract_norm="group",
            do_stable_layer_norm=True,  # or a model from scratch doesn't begin to learn
            initializer_range=0.05,
            num_conv_pos_embeddings=32,
            num_conv_pos_embedding_groups=args.heads,
            vocab_size=2,
            pad_token_id=0,
            **labels_of(languages),
            **settings,
        )
    )


def open_extractor(directory: Path | None, masked: bool) -> "Wav2Vec2FeatureExtractor":
    """Return the feature extractor, which normalises the waves.

    Args:
        directory: Of a checkpoint whose normalisation is kept.
        masked: Whether it tells the network what is padding; the base kind learnt without.

    Raises:
        CheckpointError: The checkpoint hears another rate than 16 kHz.
    """
    from transformers import Wav2Vec2FeatureExtractor

    return Wav2Vec2FeatureExtractor(
        feature_size=1,
        sampling_rate=SAMPLE_RATE,
        padding_value=0.0,
        do_normalize=directory is None or wav2vec2.normalizes(directory),
        return_attention_mask=masked,
    )


def export(
    model: "Wav2Vec2ForSequenceClassification",
    extractor: "Wav2Vec2FeatureExtractor",
    output: Path,
) -> None:
    """Write a checkpoint; it appears, or takes the place of the old one, when it is complete."""
    with whole_directory(output) as part:
        model.save_pretrained(part)
        for file in part.glob("*.safetensors"):
            file.chmod(0o644)  # as all the others are; what reads a checkpoint may be another user
        extractor.save_pretrained(part)
