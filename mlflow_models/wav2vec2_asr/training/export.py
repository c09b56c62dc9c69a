"""Opens what training starts from, and writes checkpoints in the published format."""

import argparse
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wav2vec2_asr.building.convert import LABELS
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.examples import BLANK, SPACE, UNKNOWN
from wav2vec2_asr.training.options import network_settings
from zoo.building.wav2vec2 import SAMPLE_RATE, normalizes, read_config
from zoo.data.outputs import whole_directory, write_json
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

TOKENIZER = (*LABELS, "special_tokens_map.json")


def write_vocabulary(labels: dict[str, int], directory: Path) -> None:
    """Writes the tokenizer's files for a new vocabulary."""
    from transformers import Wav2Vec2CTCTokenizer

    write_json(directory / "vocab.json", labels)
    Wav2Vec2CTCTokenizer(
        str(directory / "vocab.json"),
        unk_token=UNKNOWN,
        pad_token=BLANK,
        word_delimiter_token=SPACE,
        bos_token=None,
        eos_token=None,
    ).save_pretrained(directory)


def open_extractor(directory: Path | None, masked: bool) -> "Wav2Vec2FeatureExtractor":
    """The feature extractor, which normalises the waves.

    Args:
        directory: of a checkpoint whose normalisation is kept.
        masked: whether it tells the network what is padding; the base kind learnt without.
    """
    from transformers import Wav2Vec2FeatureExtractor

    return Wav2Vec2FeatureExtractor(
        feature_size=1,
        sampling_rate=SAMPLE_RATE,
        padding_value=0.0,
        do_normalize=normalizes(directory) if directory else True,
        return_attention_mask=masked,
    )


def has_head(directory: Path) -> bool:
    """Whether a checkpoint has learnt labels. One of pretraining may have a vocabulary all the
    same, as facebook/wav2vec2-base.

    Raises:
        CheckpointError: it isn't one of Wav2Vec2.
    """
    kinds = read_config(directory).get("architectures") or ["Wav2Vec2ForCTC"]
    return "Wav2Vec2ForCTC" in kinds and (directory / "vocab.json").is_file()


def open_model(
    args: argparse.Namespace, directory: Path | None, labels: Labels, new: bool
) -> "Wav2Vec2ForCTC":
    """The model to train.

    Args:
        args: the options.
        directory: a checkpoint; None: random weights, shaped by the options.
        labels: what its outputs are to stand for.
        new: whether the checkpoint's head, if it has one, stands for others.

    Raises:
        CheckpointError: the directory holds no Wav2Vec2, or only a part of one.
    """
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    settings: dict[str, Any] = network_settings(args)
    settings |= {"vocab_size": len(labels), "pad_token_id": labels.blank}
    if directory is None:
        return Wav2Vec2ForCTC(
            Wav2Vec2Config(
                hidden_size=args.width,
                num_hidden_layers=args.layers,
                num_attention_heads=args.heads,
                intermediate_size=4 * args.width,
                conv_dim=args.channels,
                conv_bias=args.norm == "layer",
                feat_extract_norm=args.norm,
                do_stable_layer_norm=True,  # or a model from scratch doesn't begin to learn
                initializer_range=0.05,
                activation_dropout=args.hidden_dropout,
                final_dropout=args.hidden_dropout,
                num_conv_pos_embeddings=32,
                num_conv_pos_embedding_groups=args.heads,
                **settings,
            )
        )
    read_config(directory)
    try:
        found = Wav2Vec2ForCTC.from_pretrained(
            directory,
            ignore_mismatched_sizes=True,
            dtype="float32",
            output_loading_info=True,
            **settings,
        )
    except Exception as error:  # whatever a damaged or hostile file makes torch raise
        raise CheckpointError(
            f"'{directory}' can't be loaded as a Wav2Vec2 ({type(error).__name__})."
        ) from error
    model: Wav2Vec2ForCTC = found[0]
    unlike = {*found[1]["missing_keys"], *(key[0] for key in found[1]["mismatched_keys"])}
    if lost := sorted(n for n in unlike if not n.startswith(("lm_head", "wav2vec2.masked_spec"))):
        raise CheckpointError(f"'{directory}' lacks the weights '{lost[0]}'.")
    if new:
        torch.nn.init.normal_(model.lm_head.weight, std=model.config.initializer_range)
        torch.nn.init.zeros_(model.lm_head.bias)
    return model


def export(
    model: "Wav2Vec2ForCTC", vocabulary: Path, extractor: "Wav2Vec2FeatureExtractor", output: Path
) -> None:
    """Writes a checkpoint; it appears when it is complete.

    Args:
        model: what was trained.
        vocabulary: where the tokenizer's files are.
        extractor: what the model hears by.
        output: replaced, where it exists.
    """
    with whole_directory(output) as part:
        model.save_pretrained(part)
        for file in part.glob("*.safetensors"):
            file.chmod(0o644)  # as all the others are; what reads a checkpoint may be another user
        extractor.save_pretrained(part)
        for name in TOKENIZER:
            if (vocabulary / name).is_file():
                shutil.copy(vocabulary / name, part)
