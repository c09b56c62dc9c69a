"""Opens Whisper checkpoints for training, and writes them in the format that is published."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperTokenizer

from whisper_asr.building import vocabulary
from whisper_asr.training.model import TrainedWhisper
from zoo.data.outputs import whole_directory
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    import argparse

CTC_HEAD = "ctc_head.safetensors"  # beside the published files, for the next phase of training


def new_config(args: "argparse.Namespace") -> WhisperConfig:
    """The shape of a model from scratch: widths and layers are the options', the rest Whisper's."""
    return WhisperConfig(
        vocab_size=51865,
        num_mel_bins=args.mels,
        d_model=args.width,
        encoder_layers=args.encoder_layers,
        decoder_layers=args.decoder_layers,
        encoder_attention_heads=args.heads,
        decoder_attention_heads=args.heads,
        encoder_ffn_dim=4 * args.width,
        decoder_ffn_dim=4 * args.width,
        dropout=args.dropout,
        init_std=0.05,
        bos_token_id=50257,
        eos_token_id=50257,
        pad_token_id=50257,
        decoder_start_token_id=50258,
    )


def open_parts(directory: Path | None, mels: int) -> tuple[WhisperTokenizer, Any]:
    """Returns tokenizer and feature extractor: a checkpoint's, or new ones.

    Raises:
        CheckpointError: the directory lacks them.
    """
    if directory is None:
        return vocabulary.tokenizer(), WhisperFeatureExtractor(feature_size=mels)
    try:
        tokenizer = WhisperTokenizer.from_pretrained(directory)
        return tokenizer, WhisperFeatureExtractor.from_pretrained(directory)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"'{directory}' lacks a tokenizer or a preprocessor_config.json that can be read."
        ) from error


def open_model(
    directory: Path | None, config: WhisperConfig | None, dropout: float, **losses: Any
) -> TrainedWhisper:
    """Loads a checkpoint in float32, or makes a model of random weights.

    Args:
        directory: in Hugging Face's format, weights as safetensors.
        config: the shape, where there is no directory.
        dropout: while training.
        losses: those of `TrainedWhisper`.

    Raises:
        CheckpointError: the directory holds no Whisper.
    """
    if directory is None:
        assert config is not None
        model = TrainedWhisper(config, **losses)
        model.initialize()
        model.generation_config = vocabulary.generation_config()
        return model
    try:
        loaded: TrainedWhisper = TrainedWhisper.from_pretrained(
            directory, dtype=torch.float32, use_safetensors=True, dropout=dropout, **losses
        )
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"'{directory}' is no Whisper checkpoint in safetensors; "
            "convert another format with Transformers first."
        ) from error
    if loaded.ctc_head is not None and (directory / CTC_HEAD).is_file():
        _load_head(loaded, directory / CTC_HEAD)
    return loaded


def _load_head(model: TrainedWhisper, path: Path) -> None:
    """Takes what an earlier phase learnt of the tokens that both have, and of the blank."""
    from safetensors.torch import load_file

    assert model.ctc_head is not None
    head = load_file(path)
    before = {token: row for row, token in enumerate(head["tokens"].tolist())}
    now = [*model.text_tokens, None]
    pairs = [(before.get(token, -1), row) for row, token in enumerate(now)
             if token is None or token in before]  # fmt: skip
    old, new = (list(rows) for rows in zip(*pairs, strict=True))
    with torch.no_grad():
        for name, value in model.ctc_head.named_parameters():
            value[new] = head[name][old]


def export(
    model: Any, tokenizer: Any, extractor: Any, directory: Path, dtype: str, share: float = 1.0
) -> None:
    """Writes a checkpoint that Transformers, CTranslate2 and faster-whisper read.

    An adapter is merged into the weights. The directory appears when it is complete.

    Args:
        model: a `TrainedWhisper`, or a peft model of one.
        tokenizer: Whisper's.
        extractor: Whisper's.
        directory: replaced, where it exists.
        dtype: of the weights: `float16` or `float32`.
        share: of an adapter's update that the weights take; 0.5 is the mean of the model before and
            after (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models").
    """
    from peft.tuners.lora import LoraLayer
    from safetensors.torch import save_file

    adapters = [module for module in model.modules() if isinstance(module, LoraLayer)]
    for adapter in adapters:
        adapter.scale_layer(share)
    if hasattr(model, "merge_adapter"):
        model.merge_adapter()
    plain: TrainedWhisper = model.get_base_model() if hasattr(model, "merge_adapter") else model
    weights = {
        name.replace(".base_layer.", "."): value.detach().to(getattr(torch, dtype)).cpu()
        for name, value in plain.state_dict().items()
        if "lora_" not in name and not name.startswith(("ctc_head.", "proj_out."))
    }
    config = {**plain.config.to_dict(), "max_source_positions": plain.positions, "dtype": dtype}
    config["architectures"] = ["WhisperForConditionalGeneration"]
    with whole_directory(directory) as part:
        save_file(
            {name: value.contiguous() for name, value in weights.items()},
            part / "model.safetensors",
            metadata={"format": "pt"},
        )
        if hasattr(model, "merge_adapter"):
            model.unmerge_adapter()  # `weights` may share its memory
        for adapter in adapters:
            adapter.unscale_layer()
        if plain.ctc_head is not None:
            tokens = torch.tensor(plain.text_tokens)
            save_file({**plain.ctc_head.state_dict(), "tokens": tokens}, part / CTC_HEAD)
        WhisperConfig.from_dict(config).save_pretrained(part)
        plain.generation_config.save_pretrained(part)
        extractor.save_pretrained(part)
        vocabulary.save(tokenizer, part)
