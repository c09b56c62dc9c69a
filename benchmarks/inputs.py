"""Checkpoints of true size with weights from a seed, and sounds: what the benchmarks compute on."""

import random
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.audio import SAMPLE_RATE

WHISPER_TOKENS = 100  # of text in every window
CLIP_WIDTH = 512  # of ViT-B/32's features
WHISPER_SMALL = {"state": 768, "head": 12, "layer": 12}
ELECTRA_SMALL = {"width": 256, "layers": 12, "heads": 4, "size": 21128}
WAV2VEC2: dict[str, dict[str, Any]] = {
    "base": {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "conv_dim": [512] * 7,
        "num_conv_pos_embeddings": 128,
        "num_conv_pos_embedding_groups": 16,
        "feat_extract_norm": "group",
    },
    "large XLSR": {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "conv_dim": [512] * 7,
        "num_conv_pos_embeddings": 128,
        "num_conv_pos_embedding_groups": 16,
    },
}


def write_whisper(path: Path, state: int, head: int, layer: int) -> None:
    """A checkpoint of OpenAI's format whose every window is the same `WHISPER_TOKENS` tokens long.

    The weights are random and cost what trained ones do; but each of the decoder's positions is so
    near to one token's embedding that this token follows, in any engine and any precision.
    """
    import torch
    from whisper.model import ModelDimensions, Whisper
    from whisper.tokenizer import get_tokenizer

    torch.manual_seed(1)
    dims = ModelDimensions(80, 1500, state, head, layer, 51865, 448, state, head, layer)
    model = Whisper(dims)
    for weight in model.parameters():
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=0.02)
    known = get_tokenizer(multilingual=True)
    characters = [
        token
        for token in range(known.eot)
        if len(text := known.decode([token])) == 1 and "\u4e00" <= text <= "\u9fff"
    ]
    chosen = np.random.default_rng(1).choice(characters, WHISPER_TOKENS, replace=False).tolist()
    begin = known.timestamp_begin
    start = [known.sot + 20, known.transcribe, begin]
    follows = [*start, *chosen, begin + 1000]  # 20 s
    follows += [known.eot] * (448 - len(follows))
    with torch.no_grad():
        embedding = model.decoder.token_embedding.weight
        embedding *= 30 / state / 0.02  # a logit of 30 for what follows, far above all others
        model.decoder.positional_embedding.copy_(60 * embedding[follows])
    torch.save({"dims": vars(dims), "model_state_dict": model.half().state_dict()}, path)


def write_captioner(directory: Path, layout: str, gpt2: dict[str, int]) -> Path:
    """A checkpoint whose captions have no end, so that all are equally long.

    Args:
        directory: of the checkpoint; it is given no CLIP.
        layout: of the mapper.
        gpt2: sizes; none for GPT-2 small's.
    """
    import torch

    from clip_caption.building import checkpoint
    from tests.clip_caption.checkpoints import STOP, make_model

    model = make_model(layout, gpt2, CLIP_WIDTH)
    with torch.no_grad():  # every logit of the period gets the same, large subtrahend
        gpt = model.gpt.transformer
        gpt.wte.weight[STOP] = -3 * gpt.ln_f.bias
    checkpoint.save(model, directory)
    return directory


def write_clip(directory: Path) -> Path:
    """ViT-B/32 of random weights."""
    import open_clip
    import torch

    from clip_caption.building.clip import Clip, save_clip

    name = "ViT-B-32-quickgelu"
    torch.manual_seed(1)
    model = open_clip.create_model(name, pretrained=None)
    preprocess = {
        "mean": list(open_clip.constants.OPENAI_DATASET_MEAN),
        "std": list(open_clip.constants.OPENAI_DATASET_STD),
    }
    about = {"model_cfg": open_clip.get_model_config(name), "preprocess_cfg": preprocess}
    save_clip(Clip(model, about), directory)
    return directory


def sentences(path: Path | None, count: int, longest: int = 64) -> list[str]:
    """The first sentences of up to `longest` characters of a CoNLL file; else random ones."""
    from tests.hanlp_ner.checkpoints import COMMON

    if path is None:
        source = random.Random(1)
        lengths = (source.randint(10, 64) for _ in range(count))
        return ["".join(source.choices(COMMON, k=length)) for length in lengths]
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    texts = ["".join(line[0] for line in block.splitlines() if line) for block in blocks]
    return [text for text in texts if len(text) <= longest][:count]


def talk(
    sentences: list[np.ndarray], seconds: float, pause: float, rng: np.random.Generator
) -> np.ndarray:
    """Sentences with pauses between them of `pause` seconds on average; without, of a tenth."""
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < seconds * SAMPLE_RATE:
        gap = rng.exponential(pause) if pause else 0.1
        parts.append(sentences[int(rng.integers(len(sentences)))])
        parts.append(np.zeros(round(gap * SAMPLE_RATE), np.float32))
    return np.concatenate(parts)[: round(seconds * SAMPLE_RATE)]
