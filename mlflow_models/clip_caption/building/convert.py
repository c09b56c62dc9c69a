"""From a ClipCap checkpoint to the directory that the engine loads: ONNX graphs and vocabularies.

vision.onnx, text.onnx      CLIP's two halves, never in int8: search compares their features
mapper.onnx                 features to prefixes
decoder.onnx, .bin          GPT-2, one token at a time; words.npy, places.npy: its embeddings
draft.onnx, .bin            beside GPT-2 in fp32 for CPUs: the same in int8, whose guesses it checks
rows.onnx                   for GPUs: copies the captions' keys and values
vocab.json                  GPT-2's tokens; clip_tokenizer.json: CLIP's
engine.json                 sizes, and how images are prepared
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clip_caption.building.checkpoint import clip_of, open_model
from clip_caption.decoding.decoder import COPIER, DRAFT, GRAPH, PLACES, WORDS
from clip_caption.pixels import FILTERS, MODES
from clip_caption.translating.languages import ENGLISH, EVERY
from clip_caption.vocabulary import CLIP, GPT2, Vocabulary, gpt2_ids, write_clip_tokenizer
from zoo.building.float16 import to_float16
from zoo.building.onnx import export
from zoo.data.outputs import write_json
from zoo.errors import CheckpointError

if TYPE_CHECKING:
    from clip_caption.building.clip import Clip
    from clip_caption.building.network import CaptionModel


def convert(
    checkpoint: Path,
    output: Path,
    clip: str | None = None,
    precision: str = "fp32",
    normalize: str | None = None,
    gpu: bool = False,
) -> None:
    """Writes what the engine loads.

    Args:
        checkpoint: a `.pt` file or a directory.
        output: a directory; made where it is missing.
        clip: the CLIP to take; None: the checkpoint's own, or the published one of its width.
        precision: `fp32` gives the reference's own captions; `fp16` halves all networks, for GPUs;
            `int8` quantizes GPT-2: faster on a CPU. Both give nearly the same captions.
        normalize: as `open_model` takes it.
        gpu: whether GPT-2's graph is the one for GPUs; in `fp16` it is so anyway.

    Raises:
        CheckpointError: the checkpoint or its CLIP is incomplete, of another kind, or not safe to
            load.
    """
    model = open_model(checkpoint, normalize)
    config = model.gpt.config
    if config.activation_function != "gelu_new":
        raise CheckpointError(
            f"The GPT-2 of '{checkpoint}' has the activation '{config.activation_function}', not "
            "'gelu_new'."
        )
    vocabulary = _vocabulary(checkpoint, config.vocab_size)
    width = _clip_width(model)
    eyes = clip_of(checkpoint, clip, width)
    pixels = _preprocessing(eyes)
    output.mkdir(parents=True, exist_ok=True)
    examples = _write_clip(eyes, output, pixels["size"])
    features = np.random.default_rng(1).normal(size=(2, width)).astype(np.float32)
    prefix_length = _write_mapper(model, output, features)
    _write_gpt2(model, output, precision, gpu or precision == "fp16")
    if precision == "fp16":
        for name, example in {**examples, "mapper.onnx": {"features": features}}.items():
            to_float16(output / name, example=example)
    write_json(output / GPT2, vocabulary.ids)
    about = {
        "precision": precision,
        "pixels": pixels,
        "clip_width": width,
        "normalize": model.normalize,
        **_reading(eyes),
        "logit_scale": float(eyes.model.logit_scale.detach().exp()),
        "prefix_length": prefix_length,
        "gpt2": {
            "layers": config.n_layer,
            "heads": config.n_head,
            "width": config.n_embd,
            "places": config.n_positions,
        },
    }
    write_json(output / "engine.json", about)


def _vocabulary(checkpoint: Path, words: int) -> Vocabulary:
    """The checkpoint's own, or GPT-2's."""
    path = checkpoint / GPT2
    own = checkpoint.is_dir() and path.is_file()
    vocabulary = Vocabulary.read(path) if own else Vocabulary(gpt2_ids())
    vocabulary.check(checkpoint, words)
    return vocabulary


def _clip_width(model: "CaptionModel") -> int:
    """The width of the features that the mapper reads."""
    from torch import nn

    first = next(one for one in model.clip_project.modules() if isinstance(one, nn.Linear))
    return first.in_features


def _preprocessing(eyes: "Clip") -> dict[str, Any]:
    """How images are prepared, for `pixels.Pixels`."""
    about = {"interpolation": "bicubic", "resize_mode": "shortest", **eyes.config["preprocess_cfg"]}
    size = eyes.model.visual.image_size
    if not isinstance(size, int):
        height, width = size
        if height != width:
            raise CheckpointError(f"The CLIP sees {width} x {height} pixels, not a square.")
        size = height
    if about["interpolation"] not in FILTERS or about["resize_mode"] not in MODES:
        raise CheckpointError(
            f"The CLIP's images are prepared in a way that isn't known here: "
            f"{about['interpolation']}, {about['resize_mode']}."
        )
    kept = ("mean", "std", "interpolation", "resize_mode")
    return {"size": int(size), **{name: about[name] for name in kept}}


def _write_clip(eyes: "Clip", output: Path, size: int) -> dict[str, dict[str, np.ndarray]]:
    """Writes CLIP's graphs; returns for each an example of its input."""
    import open_clip
    import torch

    images = torch.randn(2, 3, size, size)
    _export(eyes.model, "encode_image", images, output / "vision.onnx", "pixels", "features")
    if eyes.text is not None:
        eyes.text.write_tokenizer(output / CLIP)
        tokens, reader = eyes.text.example(), eyes.text.model
    elif isinstance(eyes.model, open_clip.CLIP):
        write_clip_tokenizer(output / CLIP)
        tokens = torch.zeros(2, eyes.model.context_length, dtype=torch.int64)
        tokens[:, 3] = eyes.model.vocab_size - 1
        reader = eyes.model
    else:
        raise CheckpointError("The CLIP reads text in another way than OpenAI's does.")
    axes = ("batch", "tokens") if eyes.text else ("batch",)
    _export(reader, "encode_text", tokens, output / "text.onnx", "tokens", "features", axes)
    return {"vision.onnx": {"pixels": images.numpy()}, "text.onnx": {"tokens": tokens.numpy()}}


def _write_mapper(model: "CaptionModel", output: Path, features: np.ndarray) -> int:
    """Writes the mapper; returns the length of its prefixes."""
    import torch

    example = torch.from_numpy(features)
    _export(model, "prefixes", example, output / "mapper.onnx", "features", "prefixes")
    with torch.no_grad():
        return model.prefixes(example).shape[1]


def _write_gpt2(model: "CaptionModel", output: Path, precision: str, gpu: bool) -> None:
    from clip_caption.building.graph import write_decoder, write_rows

    weights = {name: one.numpy() for name, one in model.gpt.transformer.state_dict().items()}
    np.save(output / WORDS, weights["wte.weight"])
    np.save(output / PLACES, weights["wpe.weight"])
    config, weight = model.gpt.config, weights.__getitem__
    write_decoder(weight, config, output / GRAPH, precision, gpu)
    if gpu:
        write_rows(config, output / COPIER, precision)
    elif precision == "fp32":
        write_decoder(weight, config, output / DRAFT, "int8", gpu)


def _reading(eyes: "Clip") -> dict[str, Any]:
    """Tells how texts are prepared (`vocabulary.open_tokenizer`), and what languages are read."""
    if eyes.text is None:
        return {"text": {"length": eyes.model.context_length}, "reads": [ENGLISH]}
    return {"text": eyes.text.about, "reads": [EVERY]}


def _export(
    module: Any,
    method: str,
    example: Any,
    path: Path,
    given: str,
    found: str,
    open_axes: tuple[str, ...] = ("batch",),
) -> None:
    """Writes the graph of a module's method of one tensor; the batch is open."""
    import torch

    class Method(torch.nn.Module):
        """What the exporter wants: a module, to whose `forward` the weights belong."""

        def __init__(self) -> None:
            super().__init__()
            self.owner = module

        def forward(self, x: torch.Tensor) -> Any:
            return getattr(self.owner, method)(x)

    axes = {given: open_axes, found: ("batch",)}
    export(Method(), path, {given: example}, [found], axes)
