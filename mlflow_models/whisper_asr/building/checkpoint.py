"""Whisper checkpoints as they are published, read without running anything that they carry.

There are three layouts: OpenAI's `.pt` file (`dims` and `model_state_dict`), a Hugging Face
directory, and a directory that CTranslate2's converter wrote. The first two hold the same tensors
under other names.
"""

import base64
import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.data.texts import read_object
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    import torch

OPENAI, HUGGING_FACE, CTRANSLATE2 = "openai", "transformers", "ctranslate2"

# From OpenAI's names to Hugging Face's, in this order.
RENAMED = (
    (r"\.blocks\.", ".layers."),
    (r"\.cross_attn_ln\.", ".encoder_attn_layer_norm."),
    (r"\.attn_ln\.", ".self_attn_layer_norm."),
    (r"\.mlp_ln\.", ".final_layer_norm."),
    (r"\.mlp\.0\.", ".fc1."),
    (r"\.mlp\.2\.", ".fc2."),
    (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.attn\.", ".self_attn."),
    (r"_attn\.(query|key|value)\.", lambda match: f"_attn.{match[1][0]}_proj."),
    (r"_attn\.out\.", "_attn.out_proj."),
    (r"^decoder\.ln\.", "decoder.layer_norm."),
    (r"^encoder\.ln_post\.", "encoder.layer_norm."),
    (r"\.token_embedding\.", ".embed_tokens."),
    (r"\.positional_embedding$", ".embed_positions.weight"),
)
ONLY_OPENAI = ("alignment_heads",)  # a buffer that some files carry; not a weight


def layout(path: Path) -> str:
    """Which of the three layouts a checkpoint has.

    Raises:
        CheckpointError: None of them, or an adapter that wants its base model.
    """
    if path.is_file():
        return OPENAI
    if (path / "adapter_config.json").is_file():
        raise CheckpointError(
            f"'{path}' holds a LoRA adapter only; merge it first (peft's merge_and_unload), and "
            "give the directory of the merged model."
        )
    if (path / "model.bin").is_file():
        return CTRANSLATE2
    if not (path / "config.json").is_file():
        raise CheckpointError(
            f"'{path}' is no Whisper checkpoint: it has neither a config.json (Hugging Face) nor a "
            "model.bin (CTranslate2)."
        )
    kind = read_object(path / "config.json", CheckpointError).get("model_type")
    if kind != "whisper":
        raise CheckpointError(f"'{path}' is not a Whisper checkpoint, but of type '{kind}'.")
    return HUGGING_FACE


def read_openai(path: Path) -> tuple[dict[str, int], "dict[str, torch.Tensor]"]:
    """The sizes and the weights of an OpenAI file, float16 or float32, in its own shapes (out, in).

    Raises:
        CheckpointError: It is none, it would run code, or it knows English only.
    """
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        dims, weights = dict(content["dims"]), content["model_state_dict"]
        words = int(dims["n_vocab"])
    except Exception as error:
        raise CheckpointError(
            f"'{path}' is no Whisper checkpoint of OpenAI's: a file with 'dims' and "
            "'model_state_dict', and nothing that runs code."
        ) from error
    if words < 51865:
        raise CheckpointError(
            f"'{path}' knows English only; take the checkpoint without '.en' in its name."
        )
    return dims, {name: tensor for name, tensor in weights.items() if name not in ONLY_OPENAI}


def to_hugging_face(name: str) -> str:
    """Hugging Face's name of a tensor, from OpenAI's.

    >>> to_hugging_face("decoder.blocks.0.cross_attn.query.weight")
    'model.decoder.layers.0.encoder_attn.q_proj.weight'
    """
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return f"model.{name}"


def write_hugging_face(path: Path, directory: Path, heads: str | None) -> None:
    """Writes an OpenAI file as a Hugging Face directory.

    Args:
        path: The file.
        directory: Where to.
        heads: The checkpoint's published name, by which openai-whisper knows the attention heads
            that say when a word was spoken; None: those of the last half of the layers.
    """
    from safetensors.torch import save_file
    from transformers import WhisperConfig, WhisperFeatureExtractor

    from whisper_asr.building import vocabulary

    dims, weights = read_openai(path)
    config = WhisperConfig(
        vocab_size=dims["n_vocab"],
        num_mel_bins=dims["n_mels"],
        d_model=dims["n_audio_state"],
        encoder_layers=dims["n_audio_layer"],
        encoder_attention_heads=dims["n_audio_head"],
        encoder_ffn_dim=4 * dims["n_audio_state"],
        max_source_positions=dims["n_audio_ctx"],
        decoder_layers=dims["n_text_layer"],
        decoder_attention_heads=dims["n_text_head"],
        decoder_ffn_dim=4 * dims["n_text_state"],
        max_target_positions=dims["n_text_ctx"],
        bos_token_id=50257,
        eos_token_id=50257,
        pad_token_id=50257,
        decoder_start_token_id=50258,
        dtype=str(next(iter(weights.values())).dtype).removeprefix("torch."),
        architectures=["WhisperForConditionalGeneration"],
    )
    config.save_pretrained(directory)
    renamed = {to_hugging_face(name): tensor.contiguous() for name, tensor in weights.items()}
    save_file(renamed, directory / "model.safetensors", metadata={"format": "pt"})
    languages = vocabulary.LANGUAGES[dims["n_vocab"]]
    generation = vocabulary.generation_config(languages)
    if heads is not None:
        generation.alignment_heads = alignment_heads(heads, dims)
    generation.save_pretrained(directory)
    vocabulary.write_tokenizer(directory, languages)
    WhisperFeatureExtractor(feature_size=dims["n_mels"]).save_pretrained(directory)


def alignment_heads(name: str, dims: dict[str, int]) -> list[list[int]] | None:
    """Layer and head of the attention that follows the words, of a checkpoint of OpenAI's.

    openai-whisper carries them as a compressed mask, (layers, heads).
    """
    import numpy as np
    import whisper

    packed = whisper._ALIGNMENT_HEADS.get(name)
    if packed is None:
        return None
    mask = np.frombuffer(gzip.decompress(base64.b85decode(packed)), dtype=bool)
    if mask.size != dims["n_text_layer"] * dims["n_text_head"]:
        return None
    return np.argwhere(mask.reshape(dims["n_text_layer"], dims["n_text_head"])).tolist()


def write_openai(directory: Path, path: Path) -> None:
    """Writes a Hugging Face directory as an OpenAI file, for openai-whisper to read."""
    import torch
    from transformers import WhisperForConditionalGeneration
    from whisper.model import ModelDimensions, Whisper

    model = WhisperForConditionalGeneration.from_pretrained(directory)
    config, weights = model.config, model.state_dict()
    dims = ModelDimensions(
        n_mels=config.num_mel_bins,
        n_audio_ctx=config.max_source_positions,
        n_audio_state=config.d_model,
        n_audio_head=config.encoder_attention_heads,
        n_audio_layer=config.encoder_layers,
        n_vocab=config.vocab_size,
        n_text_ctx=config.max_target_positions,
        n_text_state=config.d_model,
        n_text_head=config.decoder_attention_heads,
        n_text_layer=config.decoder_layers,
    )
    names = Whisper(dims).state_dict()
    state = {name: weights[to_hugging_face(name)].clone() for name in names}
    torch.save({"dims": vars(dims), "model_state_dict": state}, path)
