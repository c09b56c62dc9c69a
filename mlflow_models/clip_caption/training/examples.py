"""Pairs of an image's features and one of its captions, in the order that they are learnt in."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clip_caption.training.words import Words
from zoo.errors import ZooError

if TYPE_CHECKING:
    from datasets import Dataset

STOP = 13  # "." in every vocabulary: how a caption ends, and how decoding knows that it does
IGNORED = -100  # labels that the loss leaves out


def tokens_of(caption: str, vocabulary: Words, longest: int) -> list[int]:
    """A caption's tokens, of which the last is the period.

    The period is added as a token of its own: within the text it might be merged with what stands
    before it (GPT-2 has a token for `).`), and decoding would never end.

    Args:
        caption: any text; the white space in it is evened out, and a period that it ends with
            is taken off first.
        vocabulary: GPT-2's, or another.
        longest: what is over so many tokens is cut off, before the period.
    """
    text = " ".join(caption.split()).rstrip(". ")
    return [*vocabulary.encode(text)[: longest - 1], STOP]


class CaptionExamples(torch.utils.data.Dataset[dict[str, Any]]):
    """Each caption of each image.

    Args:
        features: CLIP's, float32 (images, width).
        captions: of each image, at least one.
        vocabulary: what the captions become tokens by.
        longest: tokens of a caption.

    Raises:
        ZooError: there is no caption at all.
    """

    def __init__(
        self,
        features: np.ndarray,
        captions: Sequence[Sequence[str]],
        vocabulary: Words,
        longest: int,
    ) -> None:
        self.features, self.captions, self.epoch = torch.from_numpy(features), captions, 0
        self.images: list[int] = []
        self.tokens: list[list[int]] = []
        for image, texts in enumerate(captions):
            for text in texts:
                if text.strip(". \t\r\n"):
                    self.images.append(image)
                    self.tokens.append(tokens_of(text, vocabulary, longest))
        if not self.tokens:
            raise ZooError("The data set has no captions to learn from.")
        self.lengths = [len(tokens) for tokens in self.tokens]

    def __len__(self) -> int:
        return len(self.tokens)

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch the next examples are of: it decides on their order."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"features": self.features[self.images[index]], "tokens": self.tokens[index]}


def collate(examples: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Makes a batch: `features` float32 (batch, width); `tokens`, `labels` int64 (batch, length).

    Captions are filled up at their ends, where a causal model never looks from what stands before;
    `labels` are the tokens, the stop token with them, and -100 in the filling.
    """
    longest = max(len(example["tokens"]) for example in examples)
    tokens = torch.zeros(len(examples), longest, dtype=torch.long)
    labels = torch.full((len(examples), longest), IGNORED)
    for row, example in enumerate(examples):
        own = torch.tensor(example["tokens"])
        tokens[row, : len(own)] = own
        labels[row, : len(own)] = own
    features = torch.stack([example["features"] for example in examples])
    return {"features": features, "tokens": tokens, "labels": labels}


def captions_of(data: "Dataset") -> list[list[str]]:
    """The captions of each image."""
    return [list(texts) for texts in data["captions"]]
