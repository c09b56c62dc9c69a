"""Wav2Vec2 checkpoints of random weights in exactly the published format, small."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wav2vec2_asr.acoustic import Acoustic

# Consonants, vowels, tone marks and digits, as in airesearch/wav2vec2-large-xlsr-53-th, and a few
# Latin letters: Thai speech is full of English words.
THAI = "กขฃคฅฆงจฉชซฌญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรฤลวศษสหฬอฮะัาำิีึืุูเแโใไๅ็่้๊๋์abcdefghijklmnopqrstuvwxyz"
TINY = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "vocab_size": len(THAI) + 3,
}
XLSR = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
BASE = {"feat_extract_norm": "group", "do_stable_layer_norm": False, "conv_bias": False}


def vocabulary(characters: str = THAI) -> dict[str, int]:
    """Labels to indices as the published Thai checkpoint has them: sorted, `|` for the space."""
    labels = [*sorted({*characters, "|"}), "[UNK]", "[PAD]"]
    return {label: index for index, label in enumerate(labels)}


def write_checkpoint(directory: Path, characters: str = THAI, **changes: Any) -> Path:
    """A checkpoint of the XLSR-53 kind, or with `feat_extract_norm="group"` of the base kind.

    Args:
        directory: Where to write it; made where it is missing.
        characters: The labels, besides the space and the special ones.
        changes: Fields of `Wav2Vec2Config` that differ.
    """
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2ForCTC

    labels = vocabulary(characters)
    kind = BASE if changes.get("feat_extract_norm") == "group" else XLSR
    config = Wav2Vec2Config(
        **{
            **TINY,
            **kind,
            "vocab_size": len(labels),
            "pad_token_id": labels["[PAD]"],
            "ctc_loss_reduction": "mean",
            "ctc_zero_infinity": True,
            **changes,
        }
    )
    torch.manual_seed(1)
    model = Wav2Vec2ForCTC(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            # So that a frame's likeliest label stands out, and isn't that of every other frame.
            if weight.dim() > 1 and not name.endswith("masked_spec_embed"):
                fan_in = weight[0].numel()
                torch.nn.init.normal_(weight, std=(3.0 if "lm_head" in name else 1.0) / fan_in**0.5)
        usual = model.eval()(torch.randn(1, 32_000)).logits.mean(dim=(0, 1))
        model.lm_head.bias -= usual
        model.lm_head.bias[labels["[PAD]"]] += 2.0  # blanks, as a trained model has between labels
    model.save_pretrained(directory)
    _write_processor(directory, labels, kind is XLSR)
    return directory


def _write_processor(directory: Path, labels: dict[str, int], attention_mask: bool) -> None:
    """What goes with the weights: the vocabulary and how sound is normalised."""
    files: dict[str, Any] = {
        "vocab.json": labels,
        "special_tokens_map.json": {"unk_token": "[UNK]", "pad_token": "[PAD]"},
        "tokenizer_config.json": {
            "tokenizer_class": "Wav2Vec2CTCTokenizer",
            "unk_token": "[UNK]",
            "pad_token": "[PAD]",
            "word_delimiter_token": "|",
            "bos_token": None,
            "eos_token": None,
            "do_lower_case": False,
        },
        "preprocessor_config.json": {
            "feature_extractor_type": "Wav2Vec2FeatureExtractor",
            "feature_size": 1,
            "sampling_rate": 16000,
            "padding_side": "right",
            "padding_value": 0.0,
            "do_normalize": True,
            "return_attention_mask": attention_mask,
        },
    }
    for name, content in files.items():
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        (directory / name).write_text(text, encoding="utf-8")


def converted(
    checkpoint: Path, output: Path, precision: str = "fp32", gpu: bool = False
) -> "Acoustic":
    """The engine on a checkpoint; with `gpu` it makes batches, on the CPU that stands in."""
    from wav2vec2_asr.acoustic import Acoustic
    from wav2vec2_asr.building.convert import convert

    output.mkdir()
    convert(checkpoint, output, precision, gpu)
    engine = Acoustic(output)
    engine._network.batches = gpu
    return engine


def changed(directory: Path, name: str, **changes: Any) -> Path:
    """Changes fields of a JSON file."""
    content = json.loads((directory / name).read_text(encoding="utf-8"))
    (directory / name).write_text(json.dumps({**content, **changes}), encoding="utf-8")
    return directory


def cut_weights(directory: Path) -> None:
    """Leaves half of them."""
    content = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(content[: len(content) // 2])
