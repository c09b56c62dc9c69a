"""Whisper checkpoints as they are published, read without running anything that they carry.

There are three layouts: OpenAI's `.pt` file (`dims` and `model_state_dict`), a Hugging Face
directory, and a directory that CTranslate2's converter wrote. The first two hold the same tensors
under other names.
"""

import base64
import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whisper_asr.building import ctranslate2_format, vocabulary
from zoo.building import checkpoints, published
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
        int(dims["n_vocab"])
    except Exception as error:
        raise CheckpointError(
            f"'{path}' is no Whisper checkpoint of OpenAI's: a file with 'dims' and "
            "'model_state_dict', and nothing that runs code."
        ) from error
    _check_vocabulary(path, dims)
    return dims, {name: tensor for name, tensor in weights.items() if name not in ONLY_OPENAI}


def _check_vocabulary(checkpoint: Path, dims: dict[str, int]) -> None:
    if dims["n_vocab"] not in vocabulary.LANGUAGES:
        raise CheckpointError(
            f"'{checkpoint}' has a vocabulary of {dims['n_vocab']}; the multilingual ones have "
            "51865 or 51866. Those with '.en' in their name know English only."
        )


def to_hugging_face(name: str) -> str:
    """Hugging Face's name of a tensor, from OpenAI's.

    >>> to_hugging_face("decoder.blocks.0.cross_attn.query.weight")
    'model.decoder.layers.0.encoder_attn.q_proj.weight'
    """
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return f"model.{name}"


def write_hugging_face(checkpoint: Path, directory: Path, heads: str | None = None) -> None:
    """Write an OpenAI file, or what CTranslate2's converter wrote, as a Hugging Face directory.

    Every number stays what it is, to the bit.

    Args:
        checkpoint: The file or the directory.
        directory: Where to.
        heads: The checkpoint's published name, by which openai-whisper knows the attention heads
            that say when a word was spoken; None: those of CTranslate2's `config.json`, or of the
            last half of the layers.

    Raises:
        CheckpointError: It can't be read, it knows English only, or it is quantized.
    """
    import torch

    if layout(checkpoint) == OPENAI:
        dims, tensors = read_openai(checkpoint)
        weights = {to_hugging_face(name): tensor for name, tensor in tensors.items()}
        said = {"alignment_heads": alignment_heads(heads, dims)} if heads else {}
    else:
        dims, arrays = ctranslate2_format.read_ctranslate2(checkpoint)
        _check_vocabulary(checkpoint, dims)
        weights = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        said = ctranslate2_format.generation(checkpoint)
    _save(dims, weights, said, directory)


def _save(
    dims: dict[str, int], weights: "dict[str, torch.Tensor]", said: dict[str, Any], directory: Path
) -> None:
    """Write weights by Hugging Face's names, and the files that belong to them.

    Args:
        dims: The sizes, by OpenAI's names.
        weights: All of the same type.
        said: What the checkpoint says of decoding, in the generation config's names.
        directory: Where to.
    """
    from safetensors.torch import save_file
    from transformers import WhisperConfig, WhisperFeatureExtractor

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
    whole = {name: tensor.contiguous() for name, tensor in weights.items()}
    save_file(whole, directory / "model.safetensors", metadata={"format": "pt"})
    languages = vocabulary.LANGUAGES[dims["n_vocab"]]
    generation = vocabulary.generation_config(languages)
    for name, value in said.items():
        setattr(generation, name, value)
    generation.save_pretrained(directory)
    vocabulary.write_tokenizer(directory, languages)
    WhisperFeatureExtractor(feature_size=dims["n_mels"]).save_pretrained(directory)


def hugging_face(checkpoint: Path, name: str = "") -> Path:
    """Give a checkpoint in Hugging Face's layout: itself, or a converted copy in the cache.

    Args:
        checkpoint: Any that `layout` knows.
        name: What it was asked for as: by a name of OpenAI's its attention heads are known.

    Raises:
        CheckpointError: It can't be converted.
    """
    import whisper

    if layout(checkpoint) == HUGGING_FACE:
        return checkpoint
    weights = checkpoint if checkpoint.is_file() else checkpoint / "model.bin"
    heads = name if name in whisper._MODELS else None
    return published.once(
        published.cache() / "hugging-face" / checkpoints.sha256(weights),
        lambda new: write_hugging_face(checkpoint, new, heads),
    )


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
