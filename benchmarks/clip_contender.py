"""What writes captions from CLIP's features, each in a process of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.contender import Answer, serve
from clip_caption.vocabulary import GPT2, Vocabulary

if TYPE_CHECKING:
    from clip_caption.building.network import CaptionModel


def _opened(directory: Path) -> "tuple[CaptionModel, Vocabulary]":
    """The checkpoint in torch, on one thread, and its vocabulary."""
    import torch

    from clip_caption.building.checkpoint import open_model

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    model = open_model(directory / "checkpoint")
    return model, Vocabulary.read(directory / "fp32" / GPT2)


def reference(directory: Path) -> Answer:
    """The loops of CLIP_prefix_caption: one image at a time, no cache."""
    import torch

    from tests.clip_caption.reference import generate2, generate_beam

    model, words = _opened(directory)

    def run(features: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        captions = []
        for row in features:
            prefix = model.prefixes(torch.from_numpy(row)[None])
            if options["mode"] == "beam":
                tokens, _ = generate_beam(model, prefix, entry_length=options["max_tokens"])[0]
            else:
                tokens, _ = generate2(model, prefix, entry_length=options["max_tokens"])
            captions.append(words.decode(tokens).strip())
        return captions

    return run


def transformers(directory: Path) -> Answer:
    """Transformers' `generate`, all images at once."""
    import torch

    model, words = _opened(directory)

    def run(features: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        prefixes = model.prefixes(torch.from_numpy(np.stack(features)))
        found = model.gpt.generate(
            inputs_embeds=prefixes,
            attention_mask=torch.ones(prefixes.shape[:2], dtype=torch.int64),
            max_new_tokens=options["max_tokens"],
            num_beams=5 if options["mode"] == "beam" else 1,
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        )
        return [words.decode(row).strip() for row in found.tolist()]

    return run


def ours(directory: Path, precision: str) -> Answer:
    """The engine that is served, all images at once."""
    from clip_caption.captioner import Captioner
    from clip_caption.options import Options

    engine = Captioner(directory / precision, threads=1)

    def run(features: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        asked = Options(mode=options["mode"], max_tokens=options["max_tokens"])
        return [image[0].text for image in engine.caption(np.stack(features), asked)]

    return run


def reading(directory: Path, precision: str) -> Answer:
    """No captioner, but its limit: reads as many bytes as GPT-2 has, once for each token."""
    weights = np.ones((directory / precision / "decoder.bin").stat().st_size // 4, np.float32)

    def run(features: list[np.ndarray], options: dict[str, Any]) -> list[str]:  # noqa: ARG001
        for _ in range(options["max_tokens"]):
            weights.sum()
        return []

    return run


ENGINES: dict[str, Callable[[Path], Answer]] = {
    "reference": reference,
    "Transformers": transformers,
    "ours fp32": lambda directory: ours(directory, "fp32"),
    "ours int8": lambda directory: ours(directory, "int8"),
    "reading fp32 weights": lambda directory: reading(directory, "fp32"),
    "reading int8 weights": lambda directory: reading(directory, "int8"),
}

LIMITS = [name for name in ENGINES if name.startswith("reading")]

if __name__ == "__main__":
    serve(ENGINES)
