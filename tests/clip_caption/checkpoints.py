"""ClipCap and CLIP checkpoints of random weights in exactly the published formats, small or of true
size."""

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from clip_caption.building.network import (
    CaptionModel,
    LinearMapper,
    Mapper,
    MlpMapper,
    TransformerMapper,
)

CLIP_WIDTH = 64
PERIODS = 0.45  # how much likelier than other tokens
STOP = 13
LAYOUTS = ("mlp", "linear", "transformer")
PUBLISHED = {"n_embd": 128, "n_layer": 2, "n_head": 2, "n_positions": 128}  # GPT-2's vocabulary
SMALL = {**PUBLISHED, "vocab_size": 320, "bos_token_id": 0, "eos_token_id": 0}


def make_model(layout: str, gpt2: dict[str, int], clip_width: int = CLIP_WIDTH) -> CaptionModel:
    """A model with prefixes of the published lengths: 10, for the linear mapper 20, for the
    Transformer 40.

    The weights are spread so that the likeliest token depends on the prefix and on what was said,
    and stands out from the others; after some tokens it is the period.
    """
    from transformers import GPT2Config

    torch.manual_seed(7)
    config = GPT2Config(**gpt2)
    mapper: Mapper
    if layout == "mlp":
        mapper = MlpMapper(clip_width, config.n_embd, 10)
    elif layout == "linear":
        mapper = LinearMapper(clip_width, config.n_embd, 20)
    else:
        mapper = TransformerMapper(clip_width, config.n_embd, 40, 40)
    model = CaptionModel(mapper, config).eval()
    with torch.no_grad():
        for name, weight in model.gpt.transformer.named_parameters():
            if ".h." in f".{name}" and weight.dim() == 2:
                weight.normal_(std=1.5 / weight.shape[0] ** 0.5)
        words, places = model.gpt.transformer.wte.weight, model.gpt.transformer.wpe.weight
        words.normal_(std=0.25)
        places.normal_(std=0.5)
        # every logit of the period gets the same addend
        model.gpt.transformer.ln_f.bias.normal_(std=0.3)
        words[STOP] += PERIODS * model.gpt.transformer.ln_f.bias
        for name, weight in model.clip_project.named_parameters():
            if name.endswith("weight") and weight.dim() == 2:
                weight.normal_(std=1.0 / weight.shape[1] ** 0.5)
        if isinstance(mapper, TransformerMapper):  # it is given features of length 1
            mapper.linear.weight.mul_(clip_width**0.5)
            mapper.prefix_const.mul_(0.2)
    return model


def write_directory(model: CaptionModel, directory: Path, kind: str = "vit") -> Path:
    """Writes a model as a directory of ours, with a small CLIP and the first of GPT-2's tokens."""
    from clip_caption.building import checkpoint
    from clip_caption.vocabulary import GPT2, gpt2_ids

    checkpoint.save(model, directory)
    words = model.gpt.config.vocab_size
    ids = {name: token for name, token in gpt2_ids().items() if token < words}
    (directory / GPT2).write_text(json.dumps(ids), encoding="utf-8")
    write_clip(directory / "clip", kind)
    return directory


def write_published(model: CaptionModel, path: Path, old: bool = False) -> Path:
    """Writes a model as CLIP_prefix_caption does: `torch.save` of its state dict.

    Args:
        old: as older versions of Transformers had it, with the causal masks among the weights.
    """
    state: dict[str, Any] = dict(model.state_dict())
    if old:
        places = model.gpt.config.n_positions
        for layer in range(model.gpt.config.n_layer):
            at = f"gpt.transformer.h.{layer}.attn"
            mask = torch.ones(places, places, dtype=torch.uint8).tril()
            state[f"{at}.bias"] = mask[None, None]
            state[f"{at}.masked_bias"] = torch.tensor(-1e4)
    torch.save(state, path)
    return path


def make_clip(kind: str = "vit", width: int = CLIP_WIDTH) -> tuple[Any, dict[str, Any]]:
    """A small CLIP of OpenAI's two kinds, `vit` and `resnet`, and its `model_cfg`."""
    import open_clip

    torch.manual_seed(3)
    vision: dict[str, Any] = {"image_size": 64, "layers": 2, "width": 128, "patch_size": 16}
    if kind == "resnet":
        vision = {"image_size": 64, "layers": [1, 2, 1, 1], "width": 8, "patch_size": None}
    config = {
        "embed_dim": width,
        "quick_gelu": True,
        "vision_cfg": vision,
        "text_cfg": {
            "context_length": 77,
            "vocab_size": 49408,
            "width": 128,
            "heads": 2,
            "layers": 2,
        },
    }
    return open_clip.CLIP(**config).eval(), config


def write_clip(directory: Path, kind: str = "vit", width: int = CLIP_WIDTH) -> Path:
    """Writes a small CLIP as open_clip's local directory."""
    from clip_caption.building.clip import Clip, save_clip

    model, config = make_clip(kind, width)
    preprocess = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28]}
    preprocess_cfg = {**preprocess, "interpolation": "bicubic", "resize_mode": "shortest"}
    save_clip(Clip(model, {"model_cfg": config, "preprocess_cfg": preprocess_cfg}), directory)
    return directory


class _Archived(torch.nn.Module):
    """OpenAI's files hold three numbers beside the weights."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        for name, part in model.named_children():
            setattr(self, name, part)
        for name, weight in model.named_parameters(recurse=False):
            self.register_parameter(name, weight)
        for name, number in (("input_resolution", 64), ("context_length", 77), ("vocab_size", 9)):
            self.register_buffer(name, torch.tensor(number))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.visual(x)  # type: ignore[operator]


def write_openai_clip(path: Path, kind: str = "vit", width: int = CLIP_WIDTH) -> Path:
    """Writes a small CLIP as OpenAI published theirs: a TorchScript archive in float16."""
    model, _ = make_clip(kind, width)
    size = model.visual.image_size
    side = size if isinstance(size, int) else size[0]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about open_clip's checks of shapes
        traced = torch.jit.trace(_Archived(model), torch.randn(1, 3, side, side))
    traced.half().save(str(path))
    return path
