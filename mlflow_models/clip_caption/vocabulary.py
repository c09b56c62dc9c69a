"""Turns GPT-2's tokens into captions, and search words into CLIP's tokens. No torch.

Both vocabularies are byte-level BPE (Radford et al. 2019), which spells bytes with printable
letters. Captions are only decoded, so GPT-2's merges aren't needed here.
"""

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from zoo.errors import CheckpointError

GPT2, CLIP = "vocab.json", "clip_tokenizer.json"
# In Transformers' order
SPACED = [(f" {mark}", mark) for mark in (".", "?", "!", ",")]
SPACED += [(" ' ", "'"), *((f" {end}", end) for end in ("n't", "'m", "'s", "'ve", "'re"))]
STOP = 13  # "." in GPT-2's vocabulary and in ours: a caption ends with it


def letters() -> dict[str, int]:
    """Map each letter to its byte: a printable byte is its own letter, others have one from 256."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    printable += range(ord("®"), ord("ÿ") + 1)
    others = [byte for byte in range(256) if byte not in printable]
    return {
        **{chr(byte): byte for byte in printable},
        **{chr(256 + place): byte for place, byte in enumerate(others)},
    }


def gpt2_ids() -> dict[str, int]:
    """Read GPT-2's own vocabulary from the file that openai-whisper ships."""
    from whisper.tokenizer import get_encoding

    spelling = {byte: letter for letter, byte in letters().items()}
    encoding = get_encoding("gpt2")
    ids = {
        "".join(spelling[byte] for byte in encoding.decode_single_token_bytes(token)): token
        for token in range(encoding.eot_token)
    }
    return {**ids, "<|endoftext|>": encoding.eot_token}


class Vocabulary:
    """GPT-2's tokens as text.

    Args:
        ids: The ids of tokens by their spelling, as `vocab.json` has them.
    """

    def __init__(self, ids: dict[str, int]) -> None:
        self.ids = ids
        bytes_of = letters()
        self._bytes = {
            token: bytes(bytes_of[letter] for letter in spelling)
            if all(letter in bytes_of for letter in spelling)
            else spelling.encode()  # a special token, which stands for itself
            for spelling, token in ids.items()
        }

    @classmethod
    def read(cls, path: Path) -> "Vocabulary":
        """Read `vocab.json`.

        Raises:
            CheckpointError: The file is missing or damaged.
        """
        try:
            ids = {str(name): int(token) for name, token in json.loads(path.read_bytes()).items()}
            return cls(ids)
        except (OSError, ValueError, AttributeError, TypeError) as error:
            raise CheckpointError(f"The vocabulary '{path}' is missing or damaged.") from error

    def check(self, path: Path, words: int) -> None:
        """Check that a vocabulary fits a network of so many words.

        Raises:
            CheckpointError: The vocabulary has more tokens, or "." isn't token 13, which ends a
                caption.
        """
        if self.ids.get(".") != STOP:
            raise CheckpointError(f"The vocabulary of '{path}' has another token {STOP} than '.'.")
        if len(self.ids) > words or sorted(self._bytes) != list(range(len(self.ids))):
            raise CheckpointError(
                f"The vocabulary of '{path}' has {len(self.ids)} tokens, its network {words}."
            )

    def decode(self, tokens: Sequence[int]) -> str:
        """Decode tokens to text; an incomplete UTF-8 sequence becomes U+FFFD."""
        return b"".join(self._bytes.get(int(one), b"") for one in tokens).decode(errors="replace")


def tidy(text: str) -> str:
    """Remove the spaces before punctuation and English contractions, and those at both ends.

    CLIP_prefix_caption decodes by Transformers, whose `clean_up_tokenization` does this:
    "a band , it 's here ." becomes "a band, it's here.".
    """
    for spaced, joined in SPACED:
        text = text.replace(spaced, joined)
    return text.strip()


def write_clip_tokenizer(path: Path) -> None:
    """Write the vocabulary that open_clip ships, in the format of `tokenizers`."""
    from open_clip.tokenizer import SimpleTokenizer
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    simple = SimpleTokenizer()
    merges = sorted(simple.bpe_ranks, key=simple.bpe_ranks.get)
    tokenizer = Tokenizer(models.BPE(simple.encoder, merges, end_of_word_suffix="</w>"))
    words = r"""'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"""
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(words), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.save(str(path), pretty=False)


class ClipTokenizer:
    """Search words as CLIP reads them, as open_clip's `SimpleTokenizer` does.

    Args:
        path: What `write_clip_tokenizer` wrote.
        length: How many tokens CLIP reads, the two at the ends included.
    """

    def __init__(self, path: Path, length: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer, self._length = Tokenizer.from_file(str(path)), length
        self._end = self._tokenizer.get_vocab_size() - 1
        self._start = self._end - 1

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Tokenize texts: int64 (texts, length). A long text is cut; a short one ends in zeros."""
        rows = np.zeros((len(texts), self._length), np.int64)
        for row, text in zip(rows, texts, strict=True):
            ids = self._ids(text)[: self._length - 2]
            row[: len(ids) + 2] = [self._start, *ids, self._end]
        return rows

    def fits(self, text: str) -> bool:
        """Tell whether no token of a text is cut."""
        return len(self._ids(text)) <= self._length - 2

    def _ids(self, text: str) -> list[int]:
        """Tokenize a text, without the tokens at its ends."""
        return list(self._tokenizer.encode(cleaned(text).lower()).ids)


class Tokenizer(Protocol):
    """Turns texts into what CLIP reads."""

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Tokenize texts: int64 (texts, tokens)."""

    def fits(self, text: str) -> bool:
        """Tell whether no token of a text is cut."""


class MultilingualTokenizer:
    """Search words as XLM-RoBERTa reads them.

    Args:
        path: Its tokenizer, in the format of `tokenizers`.
        length: How many tokens it reads, the two at the ends included.
        clean: Whether texts are cleaned as open_clip does; M-CLIP reads them as they are.
        pad: The token that fills up short texts.
    """

    def __init__(self, path: Path, length: int, clean: bool, pad: int) -> None:
        from tokenizers import Tokenizer

        self._tokenizer, self._clean = Tokenizer.from_file(str(path)), clean
        self._tokenizer.enable_truncation(length)
        self._tokenizer.enable_padding(pad_id=pad, pad_token=self._tokenizer.id_to_token(pad))

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Tokenize texts: int64 (texts, tokens of the longest). A long text is cut."""
        given = [cleaned(one) if self._clean else one for one in texts]
        return np.array([one.ids for one in self._tokenizer.encode_batch(given)], np.int64)

    def fits(self, text: str) -> bool:
        """Tell whether no token of a text is cut."""
        found = self._tokenizer.encode(cleaned(text) if self._clean else text)
        return not found.overflowing


def open_tokenizer(path: Path, about: Mapping[str, Any]) -> Tokenizer:
    """Open CLIP's tokenizer.

    Args:
        path: In the format of `tokenizers`.
        about: What `convert` wrote of it: OpenAI's has a `length` only.
    """
    return MultilingualTokenizer(path, **about) if "pad" in about else ClipTokenizer(path, **about)


def cleaned(text: str) -> str:
    """Clean a text as open_clip does: mend its encoding, resolve HTML's entities, join blanks."""
    import ftfy

    return " ".join(html.unescape(html.unescape(ftfy.fix_text(text))).split())
