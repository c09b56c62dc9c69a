"""What HanLP makes of a network's tags by a checkpoint's own dictionaries and merged types.

A checkpoint has them in its configuration: `dict_tags`, `dict_whitelist`, `dict_blacklist`,
`dict_combine` and `merge_types`. They mean what they mean in HanLP, which isn't what a request's
dictionary means (`hanlp_ner.text.dictionary`): a word of the whitelist gives way where it begins or
ends inside an entity. They apply to what the network reads at once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from hanlp_ner.network.decode import Span, TagSet


class Trie:
    """Keys with a value each, found in tokens by longest match from the left.

    This is HanLP's TrieDict, whose keys are texts, and its TupleTrieDict, whose keys are tokens. A
    match begins and ends with a token.

    Args:
        table: `entries`, a list of pairs of a key and its value; a key is a text if `by_token` is
            false, else a list of tokens.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self._by_token = table["by_token"]
        self._root: dict[str | None, Any] = {}  # by unit the next node; by None a key's value
        for key, value in table["entries"]:
            node = self._root
            for unit in key:
                node = node.setdefault(unit, {})
            node[None] = value

    def matches(self, tokens: Sequence[str]) -> list[tuple[int, int, Any]]:
        """Find keys that don't overlap: start, end (exclusive, in tokens) and value of each."""
        found: list[tuple[int, int, Any]] = []
        place = 0
        while place < len(tokens):
            longest = self._longest(tokens, place)
            if longest:
                found.append(longest)
            place = longest[1] if longest else place + 1
        return found

    def _longest(self, tokens: Sequence[str], place: int) -> tuple[int, int, Any] | None:
        node: Any = self._root
        longest: tuple[int, int, Any] | None = None
        for end in range(place + 1, len(tokens) + 1):
            token = tokens[end - 1]
            for unit in (token,) if self._by_token else token:
                node = node.get(unit)
                if node is None:
                    return longest
            if None in node:
                longest = (place, end, node[None])
        return longest


class Rules:
    """The rules of one task of a checkpoint.

    Args:
        config: What `hanlp_ner.building.settings.rules` made of the checkpoint's configuration:
            `tags`, `whitelist` and `combine`, which are tables of a `Trie`; `blacklist` and
            `merge_types`, lists of texts; each where there is one. `delimiter` is what HanLP puts
            between an entity's tokens.

    Attributes:
        delimiter: As above.
        any: Whether there is a rule for entities.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._tags, self._whitelist, self._combine = (
            Trie(config[name]) if name in config else None
            for name in ("tags", "whitelist", "combine")
        )
        self._blacklist = frozenset(config.get("blacklist", ()))
        self._merged = frozenset(config.get("merge_types", ()))
        self.delimiter = config.get("delimiter", "")
        self.any = bool(self._tags or self._whitelist or self._blacklist or self._merged)

    def tags(self, tags: list[str], tokens: Sequence[str]) -> list[str]:
        """Put the tags of `dict_tags` in the place of the network's.

        Args:
            tags: A tag for each token.
            tokens: The tokens as they were sent.
        """
        tags = list(tags)
        for start, end, own in self._tags.matches(tokens) if self._tags else ():
            tags[start:end] = own
        return tags

    def combine(
        self, words: list[tuple[int, int]], texts: Callable[[], Sequence[str]]
    ) -> list[tuple[int, int]]:
        """Join words that are one in `dict_combine`.

        Args:
            words: The words, as ranges of sub-tokens.
            texts: Gives the texts of the words.
        """
        joined, done = list[tuple[int, int]](), 0
        for start, end, _ in self._combine.matches(texts()) if self._combine else ():
            joined += [*words[done:start], (words[start][0], words[end - 1][1])]
            done = end
        return joined + words[done:]

    def entities(
        self,
        tags: list[str],
        spans: list[Span],
        tokens: Sequence[str],
        normal: Sequence[str] | None = None,
    ) -> list[Span]:
        """Apply all rules for entities.

        Args:
            tags: The network's tag for each token.
            spans: The entities that these tags make, with offsets in tokens.
            tokens: The tokens as they were sent.
            normal: The tokens as the network reads them; None: as they were sent.

        Returns:
            The entities that HanLP gives. One of the whitelist has a confidence of 1; one that a
            dictionary cut, or that was merged, has the least of those that it is made from.
        """
        normal = tokens if normal is None else normal
        if self._tags and (own := self.tags(tags, tokens)) != tags:
            tags, spans = own, _again(own, spans)
        if self._whitelist and (matches := self._whitelist.matches(normal)):
            spans = _whitelisted(tags, spans, matches)
        if self._merged:
            spans = self._merge(spans)
        return [
            span
            for span in spans
            if self.delimiter.join(normal[span.start : span.end]) not in self._blacklist
        ]

    def _merge(self, spans: Iterable[Span]) -> list[Span]:
        """Merge entities of a type of `merge_types` that follow each other."""
        merged: list[Span] = []
        for span in spans:
            last = merged[-1] if merged else None
            if (
                last
                and (last.end, last.type) == (span.start, span.type)
                and (span.type in self._merged)
            ):
                sure = min(last.confidence, span.confidence)
                merged[-1] = last._replace(end=span.end, confidence=sure)
            else:
                merged.append(span)
        return merged


def _whitelisted(
    tags: list[str], spans: list[Span], matches: Iterable[tuple[int, int, str]]
) -> list[Span]:
    """Write the entities as tags, the whitelist's words over them, and read them again.

    HanLP looks for "M" and "E" where a word begins, and for "B" and "M" where it ends, in tags that
    it has just written as B, I, E and S: a word that begins with an "I" cuts its entity.
    """
    tags = list(tags)
    for start, end, type_, _ in spans:
        tags[start:end] = _tags(start, end, type_)
    known = list(spans)
    for start, end, type_ in matches:
        if tags[start][0] not in "ME" and tags[end - 1][0] not in "BM":
            tags[start:end] = _tags(start, end, type_)
            known.append(Span(start, end, type_))
    return _again(tags, known)


def _tags(start: int, end: int, type_: str) -> list[str]:
    """Give the tags of one entity, in B, I, E and S."""
    if end - start == 1:
        return [f"S-{type_}"]
    return [f"B-{type_}", *[f"I-{type_}"] * (end - start - 2), f"E-{type_}"]


def _again(tags: Sequence[str], known: Sequence[Span]) -> list[Span]:
    """Read entities from tags; those that were known before, or are parts of them, are as sure."""
    names = list(dict.fromkeys(tags))
    numbers = {name: number for number, name in enumerate(names)}
    indices = np.array([numbers[tag] for tag in tags], dtype=np.int64)  # (tokens,)
    sure = {span[:3]: span.confidence for span in known}
    spans = []
    for start, end, type_ in TagSet(names).spans(indices):
        confidence = sure.get((start, end, type_))
        if confidence is None:
            parts = [one.confidence for one in known if one.start < end and start < one.end]
            confidence = min(parts, default=1.0)
        spans.append(Span(start, end, type_, confidence))
    return spans
