"""Turns images into captions and embeddings, on ONNX Runtime. No MLflow, no torch."""

import functools
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from clip_caption.decoding.decode import search
from clip_caption.decoding.decoder import CaptionDecoder
from clip_caption.options import Options
from clip_caption.pixels import Pixels
from clip_caption.translating.languages import ENGLISH
from clip_caption.vocabulary import CLIP, GPT2, Vocabulary, open_tokenizer, tidy
from zoo.errors import BadParameter, CheckpointError
from zoo.serving.onnx import (
    CRASHES_IN_FLOAT16,
    SLOW_FUSION,
    memory_bytes,
    on_gpu,
    open_session,
)

BATCH_IMAGES, GPU_BATCH_IMAGES = 16, 64  # embedded, or captioned, at once
BUDGET_BYTES = 768 << 20  # for keys, values and logits of the captions that are written at once
# Shares of the memory that the model may take on a GPU: the same budget, and CLIP and the mapper.
# The decoder's graphs have the rest.
GPU_BUDGET_SHARE, VISION_SHARE, TEXT_SHARE, MAPPER_SHARE = 0.25, 0.2, 0.1, 0.05


@dataclass(frozen=True)
class Caption:
    """A caption, and the mean log-probability of its tokens."""

    text: str
    score: float


class Captioner:
    """CLIP, the mapper and GPT-2; one object serves any number of threads.

    Args:
        directory: What `convert` wrote.
        threads: Threads in one run of a network.

    Attributes:
        reads: The languages that CLIP reads: codes, or `languages.EVERY`.
        max_tokens: The most tokens of a caption: GPT-2's positions, less the prefix.
        on_gpu: Whether the networks run on a GPU.
        batch: How many images are embedded, or captioned, at once.
        text_length: How many tokens of a text CLIP reads, the two at the ends included.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        about = json.loads((directory / "engine.json").read_text(encoding="utf-8"))
        disabled = [SLOW_FUSION] + [CRASHES_IN_FLOAT16] * (about["precision"] == "fp16")
        opened = functools.partial(_open, directory, threads, disabled)
        # What embeddings were made with earlier has neither, and reads as OpenAI's CLIP does.
        self.reads = tuple(about.get("reads", [ENGLISH]))
        text = about.get("text") or {"length": about["text_length"]}
        self.pixels_of = Pixels(about["pixels"])
        self.max_tokens = int(about["gpt2"]["places"]) - int(about["prefix_length"])
        self._width, self._prefix = int(about["clip_width"]), int(about["prefix_length"])
        self._vocabulary = Vocabulary.read(directory / GPT2)
        self._logit_scale: float | None = about.get("logit_scale")
        self.text_length = int(text["length"])
        self._tokenizer = open_tokenizer(directory / CLIP, text)
        self._vision = opened("vision.onnx", VISION_SHARE)
        self._mapper = opened("mapper.onnx", MAPPER_SHARE)
        self._decoder = CaptionDecoder(directory, about["gpt2"], threads)
        self.on_gpu = on_gpu(self._vision)
        self.batch = GPU_BATCH_IMAGES if self.on_gpu else BATCH_IMAGES
        # Few requests have search words, and their encoder is a quarter of the weights. On a GPU it
        # takes its memory from the start: later another process may have that.
        self._open_text = functools.partial(opened, "text.onnx", TEXT_SHARE)
        self._text: Any = self._open_text() if self.on_gpu else None
        self._text_lock = threading.Lock()

    def pixels(self, image: Image.Image) -> np.ndarray:
        """Prepare an image for CLIP: float32 (3, size, size)."""
        return self.pixels_of(image)

    def embed(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        """Embed images with CLIP.

        Args:
            pixels: For each image float32 (3, size, size).

        Returns:
            Features, not normalised, float32 (images, clip_width).
        """
        found = [np.empty((0, self._width), np.float32)]
        for start in range(0, len(pixels), self.batch):
            batch = np.stack(pixels[start : start + self.batch])  # (batch, 3, size, size)
            found += self._vision.run(["features"], {"pixels": batch})
        return np.concatenate(found)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts with CLIP, in the same space: float32 (texts, clip_width)."""
        with self._text_lock:
            self._text = self._text or self._open_text()
        found = [np.empty((0, self._width), np.float32)]
        for start in range(0, len(texts), self.batch):
            tokens = self._tokenizer(texts[start : start + self.batch])  # (batch, length)
            found += self._text.run(["features"], {"tokens": tokens})
        return np.concatenate(found)

    @property
    def logit_scale(self) -> float:
        """What CLIP multiplies cosines by before its softmax.

        Raises:
            CheckpointError: An older version converted the model, and left it out.
        """
        if self._logit_scale is None:
            raise CheckpointError("The model lacks CLIP's scale; embed the photos again.")
        return self._logit_scale

    def reads_all_of(self, text: str) -> bool:
        """Tell whether CLIP has room for all tokens of a text."""
        return self._tokenizer.fits(text)

    def prefixes(self, features: np.ndarray) -> np.ndarray:
        """Map CLIP's features to the prefixes that GPT-2 reads first.

        Args:
            features: float32 (images, clip_width).

        Returns:
            float32 (images, prefix_length, gpt_width).
        """
        if not len(features):
            return np.empty((0, self._prefix, self._decoder.width), np.float32)
        (found,) = self._mapper.run(["prefixes"], {"features": features.astype(np.float32)})
        return np.asarray(found)

    def caption(self, features: np.ndarray, options: Options) -> list[list[Caption]]:
        """Write captions of images, best first.

        Args:
            features: CLIP's features, float32 (images, clip_width), as `embed` gives them.
            options: The request's.

        Raises:
            BadParameter: GPT-2 has no positions for so many tokens.
        """
        if options.max_tokens > self.max_tokens:
            raise BadParameter("max_tokens", f"is over {self.max_tokens}, the model's positions")
        return [
            [
                Caption(tidy(self._vocabulary.decode(tokens)), score)
                for tokens, score in written[: options.num_captions]
            ]
            for prefixes in self._batches(features, options)
            for written in search(self._decoder, prefixes, options)
        ]

    def _batches(self, features: np.ndarray, options: Options) -> Iterator[np.ndarray]:
        """Yield prefixes, as many at once as the budget has room for.

        Args:
            features: float32 (images, clip_width).
            options: The request's.

        Yields:
            float32 (batch, prefix_length, gpt_width).
        """
        row = self._decoder.row_bytes(self._prefix + options.max_tokens)
        on_cpu = self._decoder.device == "cpu"
        budget = BUDGET_BYTES if on_cpu else round(GPU_BUDGET_SHARE * memory_bytes())
        size = max(1, budget // (row * options.rows))
        for start in range(0, len(features), size):
            yield self.prefixes(features[start : start + size])


def _open(directory: Path, threads: int, disabled: Sequence[str], name: str, share: float) -> Any:
    return open_session(directory / name, threads, disabled, share=share)
