"""Translates references or comments, when they are in another language than the captions.

By a published checkpoint of Marian (one pair of languages: Helsinki-NLP/opus-mt-th-en) or NLLB
(200 languages, named as in FLORES: tha_Thai, eng_Latn). A translation isn't what a person would
have written: scores against it compare checkpoints with each other, not with published scores.
"""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clip_caption.building.translators import open_translator
from clip_caption.translating.translators import BEAMS, MAX_TOKENS
from zoo.errors import ZooError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BATCH_TEXTS = 16  # at a time; those of a length go together
NAMES = ("--from-language", "--to-language")


def add_options(cli: argparse._ActionsContainer, what: str) -> None:
    """Adds the options of a command that can translate.

    Args:
        cli: the command's, or a group of it.
        what: is translated, for the help.
    """
    cli.add_argument("--translate", metavar="MODEL", help=f"translate {what} first: a directory "
                     "or hub's identifier of Marian or NLLB")  # fmt: skip
    cli.add_argument(NAMES[0], help=f"of {what}, for NLLB: tha_Thai")
    cli.add_argument(NAMES[1], help="to translate to, for NLLB: eng_Latn")


def translate(
    texts: Sequence[str],
    name: str,
    source: str | None = None,
    target: str | None = None,
) -> list[str]:
    """Translates texts, each different one once.

    Args:
        texts: in the source's language.
        name: of the checkpoint: a local directory, or an identifier of the Hugging Face hub.
        source: the language of the texts, for checkpoints of many languages.
        target: the language to translate to, likewise.

    Returns:
        The translations; an empty text's is empty.

    Raises:
        ZooError: there is no such checkpoint, it doesn't translate, or has no such language.
    """
    import torch
    from tqdm import tqdm

    model, tokenizer = open_translator(name)
    model = model.eval()
    options = languages(tokenizer, name, source, target)
    pending = sorted({text for text in texts if text.strip()}, key=len, reverse=True)
    done: dict[str, str] = {}
    for first in tqdm(range(0, len(pending), BATCH_TEXTS), desc="translate"):
        batch = pending[first : first + BATCH_TEXTS]
        inputs = tokenizer(
            batch, return_tensors="pt", padding=True, truncation=True, max_length=MAX_TOKENS
        )
        with torch.inference_mode():
            ids = model.generate(**inputs, **options, num_beams=BEAMS, max_new_tokens=MAX_TOKENS)
        done |= zip(batch, tokenizer.batch_decode(ids, skip_special_tokens=True), strict=True)
    return [done[text].strip() if text.strip() else "" for text in texts]


def languages(
    tokenizer: "PreTrainedTokenizerBase", name: str, source: str | None, target: str | None
) -> dict[str, Any]:
    """Sets the source's language; returns what `generate` needs to know of the target's.

    Raises:
        ZooError: the checkpoint needs languages, has no such one, or knows no choice.
    """
    known = {token for token in tokenizer.get_vocab() if token in codes(tokenizer)}
    if not known:
        if source or target:
            raise ZooError(f"'{name}' translates one pair of languages; leave {NAMES[0]} out.")
        return {}
    for option, language in zip(NAMES, (source, target), strict=True):
        if language is None:
            raise ZooError(f"'{name}' has many languages: name them with {' and '.join(NAMES)}.")
        if language not in known:
            raise ZooError(
                f"'{name}' has no language '{language}' ({option}); it has such as "
                f"{', '.join(sorted(known)[:5])}."
            )
    tokenizer.src_lang = source
    return {"forced_bos_token_id": tokenizer.convert_tokens_to_ids(target)}


def codes(tokenizer: "PreTrainedTokenizerBase") -> frozenset[str]:
    """The names of languages that a tokenizer has among its special tokens."""
    if not hasattr(tokenizer, "src_lang"):
        return frozenset()
    special = set(tokenizer.all_special_tokens)
    special |= {str(token) for token in tokenizer.added_tokens_encoder}
    return frozenset(token for token in special if "_" in token.strip("_") and token[0] != "<")
