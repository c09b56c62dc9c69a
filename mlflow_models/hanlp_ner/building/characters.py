"""What a checkpoint's transforms and its tokenizer make of characters."""

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlp_ner.building.settings import refusal


def transforms(found: Iterable[Any], field: str, owner: str) -> list[Any]:
    """Check a checkpoint's transforms, and leave out those that aren't there.

    Args:
        found: HanLP's transforms, or None, in the order in which they are applied.
        field: What they must read and write: the tokens.
        owner: Whose they are, for messages.

    Raises:
        CheckpointError: One isn't a table of characters, or works on another field.
    """
    from hanlp.common.transform import NormalizeToken

    kept = [each for each in found if each]
    for each in kept:
        if not isinstance(each, NormalizeToken):
            raise refusal("transform", owner, "is neither NormalizeCharacter nor NormalizeToken")
        if (each.src, each.dst) != (field, field):
            why = f"reads '{each.src}' and writes '{each.dst}', but the tokens are in '{field}'"
            raise refusal("transform", owner, why)
        if not all(isinstance(value, str) for value in each._table.values()):
            raise refusal("transform", owner, "has a table whose values are not all texts")
    return kept


def _characters(some: Sequence[Any]) -> list[str]:
    """List every character that Unicode assigns, but for private ones that no transform has."""
    every = map(chr, range(sys.maxunicode + 1))
    private = {key for each in some for key in each._table if len(key) == 1}
    return [
        one
        for one in every
        if (kind := unicodedata.category(one)) not in ("Cs", "Co", "Cn")
        or (kind == "Co" and one in private)
    ]


def normal(some: Sequence[Any]) -> dict[str, str]:
    """Give what transforms make of single characters, where it is another text."""
    table = {}
    for character in _characters(some) if some else ():
        text = character
        for each in some:
            text = each.convert(text)
        if text != character:
            table[character] = text
    return table


def character_table(
    component: Any, some: Sequence[Any], owner: str
) -> tuple[NDArray[np.uint32], NDArray[np.int32]]:
    """Give the token id of every assigned Unicode character that has one.

    As in HanLP, a character that a transform makes longer may have a sub-token for each of its
    parts, and what the tokenizer drops is unknown. Normalization (case, accents, width) is in the
    ids.

    Args:
        component: A single-task recognizer.
        some: Its transforms.
        owner: Whose they are, for messages.

    Returns:
        Code points, uint32, and their token ids, int32, `(characters,)` each, in the order of the
        code points.

    Raises:
        CheckpointError: A transform makes several sub-tokens of a character.
    """
    characters, table = _characters(some), normal(some)
    tokens = [table.get(character, character) for character in characters]
    tokenizer = component.tokenizer_transform.tokenizer  # HanLP has set it to pad and cut nothing
    encodings = tokenizer.backend_tokenizer.encode_batch_fast(tokens, add_special_tokens=False)
    codes, ids = [], []
    for character, token, encoding in zip(characters, tokens, encodings, strict=True):
        parts = encoding.ids[: len(token)]
        if len(parts) > 1:
            why = f"makes {len(parts)} sub-tokens of '{character}'; a character may have one"
            raise refusal("transform", owner, why)
        if parts and parts[0] != tokenizer.unk_token_id:
            codes.append(ord(character))
            ids.append(parts[0])
    return np.array(codes, dtype=np.uint32), np.array(ids, dtype=np.int32)
