"""Small CLIPs with text towers of XLM-RoBERTa, of random weights, in the published layouts."""

import json
import shutil
from pathlib import Path
from typing import Any

from tests.clip_caption.checkpoints import CLIP_WIDTH, make_clip
from tests.clip_caption.translator import PAIRS

CHINESE = ("洪水淹没了市场前的街道", "倒下的树挡住了路", "路灯坏了")
TEXTS = (
    "a flooded road &amp;  a tree",
    *PAIRS,
    *CHINESE,
    "ถนน 洪水 flood 2026",
    "",
    "rubbish " * 99,
)
SIZES = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 1,
    "intermediate_size": 96,
    "max_position_embeddings": 130,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}


def write_tokenizer(directory: Path, fast: bool = True) -> int:
    """Trains a small SentencePiece model, and saves it as XLM-R's is: gives its size.

    Args:
        directory: Where to.
        fast: With `tokenizer.json`, as the newer repositories have; or `sentencepiece.bpe.model`.
    """
    import sentencepiece
    from transformers import XLMRobertaTokenizer

    directory.mkdir(parents=True, exist_ok=True)
    model = directory / "sentencepiece.bpe.model"
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*PAIRS, *PAIRS.values(), *CHINESE] * 5),
        model_prefix=str(directory / "pieces"),
        vocab_size=150,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    (directory / "pieces.model").rename(model)
    (directory / "pieces.vocab").unlink()
    about = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512}
    (directory / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")
    tokenizer = XLMRobertaTokenizer.from_pretrained(directory)
    size = len(tokenizer)
    if fast:
        tokenizer.save_pretrained(directory)
        model.unlink()
    return size


def make_xlm_roberta(words: int, pooler: bool) -> Any:
    """Makes an XLM-R with spread weights."""
    import torch
    from transformers import XLMRobertaConfig, XLMRobertaModel

    torch.manual_seed(11)
    config = XLMRobertaConfig(vocab_size=words, initializer_range=0.2, **SIZES)
    return XLMRobertaModel(config, add_pooling_layer=pooler).eval()


def write_open_clip(directory: Path, pickled: bool = False) -> Path:
    """Writes a CLIP as open_clip publishes `xlm-roberta-base-ViT-B-32`.

    Args:
        directory: Is made.
        pickled: With `open_clip_pytorch_model.bin` and the configuration's older names.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    words = write_tokenizer(directory, fast=not pickled)
    base = directory / "base"  # in place of the hub's `xlm-roberta-base`
    make_xlm_roberta(words, pooler=False).save_pretrained(base)
    names = ("proj", "pooler_type") if pickled else ("hf_proj_type", "hf_pooler_type")
    text = {"hf_model_name": str(base), "hf_proj_type": "mlp", "hf_pooler_type": "mean_pooler"}
    _, config = make_clip()
    config = {"embed_dim": CLIP_WIDTH, "vision_cfg": config["vision_cfg"], "text_cfg": text}
    torch.manual_seed(5)
    model = open_clip.model.CustomTextCLIP(**config).eval()
    shutil.rmtree(base)
    told = {"hf_model_name": "xlm-roberta-base", "hf_tokenizer_name": "xlm-roberta-base",
            names[0]: "mlp", names[1]: "mean_pooler"}  # fmt: skip
    preprocess = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    (directory / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": {**config, "text_cfg": told}, "preprocess_cfg": preprocess}),
        encoding="utf-8",
    )
    if pickled:
        torch.save(model.state_dict(), directory / "open_clip_pytorch_model.bin")
    else:
        save_file(model.state_dict(), directory / "open_clip_model.safetensors")
    return directory


def write_mclip(directory: Path) -> Path:
    """Writes a text tower as M-CLIP publishes `XLM-Roberta-Large-Vit-B-32`: with XLM-R's pooler."""
    import torch

    words = write_tokenizer(directory, fast=False)
    transformer = make_xlm_roberta(words, pooler=True)
    torch.manual_seed(6)
    linear = torch.nn.Linear(SIZES["hidden_size"], CLIP_WIDTH)  # type: ignore[arg-type]
    weights = {f"transformer.{name}": one for name, one in transformer.state_dict().items()}
    positions = torch.arange(SIZES["max_position_embeddings"])[None]  # type: ignore[arg-type]
    weights["transformer.embeddings.position_ids"] = positions
    weights |= {f"LinearTransformation.{name}": one for name, one in linear.state_dict().items()}
    torch.save(weights, directory / "pytorch_model.bin")
    about = {"model_type": "M-CLIP", "modelBase": "xlm-roberta-large", "numDims": CLIP_WIDTH,
             "transformerDimensions": SIZES["hidden_size"]}  # fmt: skip
    (directory / "config.json").write_text(json.dumps(about), encoding="utf-8")
    return directory


def mclip_features(directory: Path, texts: list[str]) -> Any:
    """Computes features as M-CLIP's own code does: `MultilingualCLIP.forward`."""
    import torch
    from transformers import XLMRobertaTokenizer

    weights = torch.load(directory / "pytorch_model.bin", weights_only=True)
    words = weights["transformer.embeddings.word_embeddings.weight"].shape[0]
    transformer = make_xlm_roberta(words, pooler=True)
    own = {name.removeprefix("transformer."): one for name, one in weights.items()}
    transformer.load_state_dict({name: own[name] for name in transformer.state_dict()})
    batch = XLMRobertaTokenizer.from_pretrained(directory)(
        texts, padding=True, truncation=True, max_length=128, return_tensors="pt"
    )
    with torch.no_grad():
        states = transformer(**batch)[0]
        mask = batch["attention_mask"]
        mean = (states * mask.unsqueeze(2)).sum(dim=1) / mask.sum(dim=1)[:, None]
        weight, bias = (weights[f"LinearTransformation.{name}"] for name in ("weight", "bias"))
        return (mean @ weight.T + bias).numpy()
