"""The parameters of a request, checked."""

import math
from dataclasses import dataclass
from typing import Any

from clip_caption.engine import Options
from zoo.errors import BadParameter
from zoo.serving.params import choice
from zoo.serving.rows import LONE_SURROGATE

MODES = ("beam", "greedy", "nucleus")
EMBEDDINGS = ("none", "clip", "prefix")
MAX_BEAMS, MAX_TOKENS, MAX_NEIGHBOURS = 20, 200, 100
MAX_TEXT = 1_000  # characters; CLIP reads 77 tokens of them


@dataclass(frozen=True)
class Request:
    """What is asked for, of every photo.

    Args:
        options: How captions are written.
        captions: How many; 0 for none, where only the rest is wanted.
        embedding: `none`, `clip` (CLIP's features) or `prefix` (what GPT-2 is given for them).
        neighbours: How many of the packed index to name; 0 for none, and no category.
        match_text: A text to compare the photo with; empty for none.
    """

    options: Options
    captions: int = 1
    embedding: str = "none"
    neighbours: int = 0
    match_text: str = ""


def read(params: dict[str, Any], most_tokens: int, voters: int) -> Request:
    """What a request asks for.

    Args:
        params: By name; what is left out has its default.
        most_tokens: That the model has places for, after the prefix.
        voters: How many neighbours the packed index usually names; 0 without an index.

    Raises:
        BadParameter: One has a wrong value.
    """
    mode = choice(params, "mode", MODES)
    beams = whole(params, "beam_size", Options.beam_size, 1, MAX_BEAMS)
    most = {"beam": beams, "greedy": 1, "nucleus": MAX_BEAMS}[mode]
    captions = whole(params, "num_captions", 1, 0, most)
    neighbours = whole(params, "neighbours", voters, 0, MAX_NEIGHBOURS)
    if neighbours and not voters:
        raise BadParameter("neighbours", "asks for some, but no index is packed in this model")
    tokens = min(MAX_TOKENS, most_tokens)
    options = Options(
        mode=mode,
        beam_size=beams,
        max_tokens=whole(params, "max_tokens", min(Options.max_tokens, tokens), 1, tokens),
        num_captions=max(1, captions),
        top_p=number(params, "top_p", Options.top_p, 0.01, 1.0),
        temperature=number(params, "temperature", Options.temperature, 0.01, 10.0),
        seed=whole(params, "seed", Options.seed, 0, 2**32 - 1),
    )
    embedding = choice(params, "embedding", EMBEDDINGS)
    return Request(options, captions, embedding, neighbours, read_text(params))


def read_text(params: dict[str, Any]) -> str:
    """The text to compare a photo with."""
    text = str(params.get("match_text", "")).strip()
    if len(text) > MAX_TEXT:
        raise BadParameter("match_text", f"has more than {MAX_TEXT:,} characters")
    if LONE_SURROGATE.search(text):
        raise BadParameter("match_text", "is not valid Unicode: it has half a surrogate pair")
    return text


def whole(params: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    """A parameter that is a whole number."""
    value = int(params.get(name, default))
    if not least <= value <= most:
        raise BadParameter(name, f"is not between {least} and {most}")
    return value


def number(params: dict[str, Any], name: str, default: float, least: float, most: float) -> float:
    """A parameter that is a number."""
    value = float(params.get(name, default))
    if not math.isfinite(value) or not least <= value <= most:
        raise BadParameter(name, f"is not between {least:g} and {most:g}")
    return value
