"""Captions of four images, what a model said of them, and their scores."""

from clip_caption.evaluating import words
from clip_caption.evaluating.metrics import CaptionScores, score

REFERENCES = [
    ["a flood on the road near a temple", "a red car in a flood in front of a temple"],
    ["two broken lamps over the street by a market at night"],
    ["a heap of black rubbish bags beside a school", "a pile of rubbish", "black bags on a road"],
    ["a fallen tree across the road near a park"],
]


SAID = [
    "a red car in a flood near a temple",
    "two broken lamps by a market",
    "a heap of blue rubbish bags near a school at night",
    "a fallen tree on the road the road the road",
]


def scores_of(references: list[list[str]], said: list[str], name: str = "spaces") -> CaptionScores:
    cut = [words.tokenize(texts, name) for texts in references]
    return score(cut, words.tokenize(said, name), name, with_meteor=False)
