"""Captions with ViT-B/32 and GPT-2 small: the captioner's own loops on the device, and ours."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gpu.bench import PRECISIONS, Bench
from benchmarks.inputs import CLIP_WIDTH, write_captioner, write_clip

TOKENS, FEW_TOKENS = 67, 3  # of every caption; of the stand-in's
SIDE, SMALL_SIDE = 224, 64  # pixels that CLIP looks at
MODES = {"greedy": "greedy", "beam": "beam 5"}


def weights(bench: Bench) -> Path:
    """A checkpoint from a seed, whose captions have no end."""
    from tests.clip_caption import checkpoints

    small = checkpoints.PUBLISHED if bench.stand_in else {}
    return bench.made("captions", lambda home: write_captioner(home, "mlp", small))


def clip(bench: Bench) -> Path:
    """A CLIP from a seed."""
    from tests.clip_caption import checkpoints

    if bench.stand_in:
        return bench.made("clip", lambda home: checkpoints.write_clip(home, width=CLIP_WIDTH))
    return bench.made("clip", write_clip)


def packed(bench: Bench, precision: str) -> Path:
    """What our engine loads, as `build.py --gpu` packs it."""
    from clip_caption.building.convert import convert

    return bench.made(
        f"captions-{precision}",
        lambda home: convert(weights(bench), home, str(clip(bench)), precision, gpu=True),
    )


def photos(bench: Bench) -> np.ndarray:
    """Pixels as CLIP takes them, float32 (photos, 3, side, side)."""
    side = SMALL_SIDE if bench.stand_in else SIDE
    shape = (bench.batches[-1], 3, side, side)
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def reference(bench: Bench) -> None:
    """Measure the loops of CLIP_prefix_caption's notebook: one photo at a time, without a cache."""
    torch = bench.torch()
    from clip_caption.building.checkpoint import open_model
    from clip_caption.building.clip import open_clip_model
    from tests.clip_caption.reference import generate2, generate_beam

    tokens = FEW_TOKENS if bench.stand_in else TOKENS
    model = open_model(weights(bench))
    vision = open_clip_model(str(clip(bench)), CLIP_WIDTH).model
    pixels = torch.from_numpy(photos(bench)[:1])
    for precision in bench.precisions:
        kind = getattr(torch, precision)
        model, vision = model.to(bench.device, kind), vision.to(bench.device, kind).eval()
        for mode, name in MODES.items():
            generate = generate_beam if mode == "beam" else generate2
            bench.measure(
                functools.partial(_reference, model, vision, generate, tokens, pixels.to(kind)),
                1,
                side="the captioner's loops",
                precision=precision,
                what=name,
                unit="photos",
            )


def _reference(
    model: Any, vision: Any, generate: Callable[..., object], tokens: int, pixels: Any
) -> None:
    """Caption one photo, float (1, 3, side, side) in the CPU's memory."""
    device = next(vision.parameters()).device
    with device:  # the loops make tensors of their own
        features = vision.encode_image(pixels.to(device))
        generate(model, model.prefixes(features), entry_length=tokens)


def ours(bench: Bench) -> None:
    """Measure the captioner that is served, from pixels to captions."""
    bench.onnx()
    from clip_caption.captioner import Captioner
    from clip_caption.options import Options

    tokens = FEW_TOKENS if bench.stand_in else TOKENS
    pixels = list(photos(bench))
    for precision, own in PRECISIONS.items():
        captioner = Captioner(packed(bench, own))
        for mode, name in MODES.items():
            options = Options(mode=mode, max_tokens=tokens)
            seconds = {}
            for batch in bench.batches:

                def run(
                    batch: int = batch, captioner: Captioner = captioner, options: Options = options
                ) -> None:
                    captioner.caption(captioner.embed(pixels[:batch]), options)

                seconds[batch] = bench.measure(
                    run, batch, side="ours", precision=precision, what=name, unit="photos"
                )
            bench.pays(f"captions, {name}, {precision}", seconds)
