"""Pairs of an image's features and one of its captions, in the order that they are learnt in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass
class Losses:
    """What isn't learnt of captions: those without a word, and those that are said in part.

    Args:
        captions: all of them.
        empty: how many have no word.
        cut: how many are longer than so many tokens.
        unsaid: how many have a character that the vocabulary lacks.
        characters: these characters, and how often they are there.
        first: the name of the first image with such a caption.
    """

    captions: int = 0
    empty: int = 0
    cut: int = 0
    unsaid: int = 0
    characters: Counter[str] = field(default_factory=Counter)
    first: str = ""

    @classmethod
    def count(
        cls, data: "Dataset", captions: Sequence[Sequence[str]], vocabulary: Words, longest: int
    ) -> "Losses":
        """Counts what isn't learnt of a data set; the others as `CaptionExamples` takes them."""
        found = cls()
        for name, texts in zip(data["name"], captions, strict=True):
            for text in texts:
                found._add(text, str(name), vocabulary, longest)
        return found

    def _add(self, caption: str, name: str, vocabulary: Words, longest: int) -> None:
        text = " ".join(caption.split()).rstrip(". ")
        lost = vocabulary.lost(text)
        marks = not text, len(vocabulary.encode(text)) > longest - 1, bool(lost)
        self.captions += 1
        self.empty, self.cut, self.unsaid = (
            count + mark
            for count, mark in zip((self.empty, self.cut, self.unsaid), marks, strict=True)
        )
        self.characters.update(lost)
        if any(marks):
            self.first = self.first or name

    def __str__(self) -> str:
        shown = ", ".join(f"'{c}' {count} times" for c, count in self.characters.most_common(5))
        said = [
            (self.cut, f"{self.cut} are longer than --longest"),
            (self.empty, f"{self.empty} have no word"),
            (self.unsaid, f"{self.unsaid} have what the vocabulary lacks ({shown})"),
        ]
        return "; ".join(text for count, text in said if count)

    def check(self, path: object, most: float) -> None:
        """Says what is lost.

        Args:
            path: the data set.
            most: the share of the captions that may be lost.

        Raises:
            ZooError: more are lost.
        """
        if not (said := str(self)):
            return
        said = f"'{path}': of {self.captions} captions {said}; the first is of '{self.first}'"
        if self.empty + self.cut + self.unsaid > most * self.captions:
            raise ZooError(
                f"{said}. Mend them, choose another --longest or vocabulary, or allow it with a "
                "larger --max-lost."
            )
        print(f"{said}.", flush=True)


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
