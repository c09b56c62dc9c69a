"""Whisper checkpoints of random weights in exactly the published formats, small."""

from pathlib import Path
from typing import Any

import torch
from whisper.model import ModelDimensions, Whisper

TINY = ModelDimensions(
    n_mels=80,
    n_audio_ctx=1500,
    n_audio_state=64,
    n_audio_head=2,
    n_audio_layer=2,
    n_vocab=51865,
    n_text_ctx=448,
    n_text_state=64,
    n_text_head=2,
    n_text_layer=2,
)


def write_openai(path: Path, **changes: int) -> Path:
    """A `.pt` file as OpenAI publishes them: `dims` and `model_state_dict`, in half precision."""
    dims = ModelDimensions(**{**TINY.__dict__, **changes})
    torch.manual_seed(1)
    model = Whisper(dims)
    for name, weight in model.named_parameters():
        # So that the likeliest token stands out, and is another one at every place.
        scale = {"token_embedding": 0.4, "positional_embedding": 1.0}.get(name.split(".")[1], 0.15)
        if weight.dim() > 1:
            torch.nn.init.normal_(weight, std=scale)
    content: dict[str, Any] = {
        "dims": dict(dims.__dict__),
        "model_state_dict": model.half().state_dict(),
    }
    torch.save(content, path)
    return path
