"""Dictionaries, of a request or packed: JSON objects with an entity type for each word."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from hanlp_ner.network.decode import Span
from zoo.errors import CheckpointError
from zoo.serving.rows import LONE_SURROGATE

MAX_WORD_CHARACTERS = 64  # matching takes at most so many steps per character of a text
# Each request reads its own dictionary, which takes at most 10 ms and 4 MB.
MAX_DICTIONARY_WORDS = 10_000
MAX_DICTIONARY_CHARACTERS = 1_000_000  # of JSON: room for that many words of ten escaped characters
ADVICE = "are taken, and build.py --dictionary packs more"


class DictionaryError(ValueError):
    """What is wrong with a dictionary; the message continues a sentence after its name."""


def read_words(text: str) -> dict[str, str]:
    """Read a dictionary, such as `{"米哈游": "ORGANIZATION"}`: entity type by word.

    Raises:
        DictionaryError: The text isn't a JSON object whose words and types are texts.
    """
    try:
        words = json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DictionaryError(f"is not valid JSON: see {place}") from None
    except (ValueError, RecursionError):
        raise DictionaryError("is not valid JSON: a number, or a nesting, is too large") from None
    if not isinstance(words, dict):
        raise DictionaryError("is not a JSON object of entity types by word")
    if not all(word and isinstance(type_, str) and type_ for word, type_ in words.items()):
        raise DictionaryError("has an empty word, or a type that is not a text")
    if any(len(word) > MAX_WORD_CHARACTERS for word in words):
        raise DictionaryError(f"has a word of more than {MAX_WORD_CHARACTERS} characters")
    if LONE_SURROGATE.search("".join([*words, *words.values()])):
        raise DictionaryError("is not valid Unicode: it has half a surrogate pair")
    return words


def read_few_words(text: str) -> dict[str, str]:
    """Read a request's dictionary, which may not be as large as a packed one.

    Raises:
        DictionaryError: As `read_words` does; or the dictionary is too large.
    """
    if (size := len(text)) > MAX_DICTIONARY_CHARACTERS:  # before parsing, which costs the most
        most = f"{MAX_DICTIONARY_CHARACTERS:,}"
        raise DictionaryError(f"has {size:,} characters of JSON; at most {most} {ADVICE}")
    words = read_words(text)
    if (size := len(words)) > MAX_DICTIONARY_WORDS:
        raise DictionaryError(f"has {size:,} words; at most {MAX_DICTIONARY_WORDS:,} {ADVICE}")
    return words


def read_file(path: Path) -> dict[str, str]:
    """Read a dictionary from a file in UTF-8, with or without a byte order mark.

    Raises:
        CheckpointError: The file doesn't exist, or isn't a dictionary.
    """
    try:
        return read_words(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CheckpointError(f"The dictionary '{path}' can't be read: {reason}.") from error
    except UnicodeDecodeError as error:
        message = f"The dictionary '{path}' is not in UTF-8: see byte {error.start}."
        raise CheckpointError(message) from error
    except DictionaryError as error:
        raise CheckpointError(f"The dictionary '{path}' {error}.") from error


class Dictionary:
    """Words that are always entities of a given type, found by longest match from the left.

    A trie would need fewer look-ups, but many times the memory.

    Args:
        words: Entity type by word; HanLP's `dict_whitelist`.
        below: The dictionary that these words are added to; if both have a word, these decide.
    """

    def __init__(self, words: Mapping[str, str], below: "Dictionary | None" = None) -> None:
        found: dict[str, set[int]] = {}
        for word in words:
            found.setdefault(word[0], set()).add(len(word))
        lengths = {first: tuple(sorted(some, reverse=True)) for first, some in found.items()}
        self._layers = [(words, lengths)] if words else []
        if below:
            self._layers += below._layers

    def matches(self, text: str) -> list[Span]:
        """Find matches from left to right that don't overlap; at each place, the longest."""
        found: list[Span] = []
        place = 0
        while self._layers and place < len(text):
            longest = self._longest(text, place)
            if longest:
                found.append(longest)
            place = longest.end if longest else place + 1
        return found

    def _longest(self, text: str, place: int) -> Span | None:
        """Find the longest word at a place; the first layer that has it decides its type."""
        longest: Span | None = None
        for words, lengths in self._layers:
            for length in lengths.get(text[place], ()):
                word = text[place : place + length]  # shorter at the end of the text
                if word in words:
                    if longest is None or len(word) > longest.end - place:
                        longest = Span(place, place + len(word), words[word])
                    break
        return longest

    def apply(self, text: str, spans: Iterable[Span]) -> list[Span]:
        """Add the dictionary's words, and drop the entities that overlap them."""
        matches = self.matches(text)
        if not matches:
            return list(spans)
        taken = np.zeros(len(text) + 1, dtype=bool)  # (characters + 1,)
        for match in matches:
            taken[match.start : match.end] = True
        kept = [span for span in spans if not taken[span.start : span.end].any()]
        return sorted(kept + matches)
