"""What a recognizer can't find, whatever it learns: counted, said, and refused above a share.

Such an entity stays in the reference, so that it counts as missed.
"""

import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from hanlp_ner.training.corpora import Corpus, some
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.tags import flat
from zoo.training.leaks import across, normalised, same

MAX_UNKNOWN_SHARE = 0.1  # of the entities
MAX_UNREAD_SHARE = 0.8  # of the characters: above it the text is in another language
SHOWN = 10  # unknown characters


@dataclass(frozen=True)
class Unfindable:
    """What a recognizer can't find in a corpus.

    Attributes:
        entities: How many entities there are.
        labels: The places of those whose label the recognizer doesn't know, by label.
        overlapping: The places of those that overlap another one.
    """

    entities: int
    labels: dict[str, list[str]]
    overlapping: list[str]

    @property
    def count(self) -> int:
        """How many entities can't be found."""
        return sum(map(len, self.labels.values())) + len(self.overlapping)

    def said(self, outcome: str) -> str:
        """Say how many, what becomes of them, and why; empty if there is none."""
        reasons = [
            f"{len(at)} {label}, an unknown label ({some(at, 1)})"
            for label, at in sorted(self.labels.items())
        ]
        if self.overlapping:
            reasons.append(f"{len(self.overlapping)} overlap another ({some(self.overlapping)})")
        share = f"{self.count} of {self.entities} entities"
        return f"{share} can't be found, and {outcome}: {', '.join(reasons)}" if reasons else ""


def unfindable(
    corpus: Corpus, known: Collection[str] | None, counted: Collection[str] | None = None
) -> Unfindable:
    """Count the entities that a recognizer can't find.

    Args:
        corpus: The reference.
        known: The recognizer's labels. None: they aren't known.
        counted: The labels that count. None: all.
    """
    labels: dict[str, list[str]] = {}
    overlapping: list[str] = []
    entities = 0
    for (_, own), place in zip(corpus.examples, corpus.places, strict=True):
        own = [one for one in own if counted is None or one[2] in counted]
        entities += len(own)
        findable = [one for one in own if known is None or one[2] in known]
        for one in own:
            if one not in findable:
                labels.setdefault(one[2], []).append(place)
        overlapping += [place] * (len(findable) - len(flat(findable)))
    return Unfindable(entities, labels, overlapping)


def check_findable(
    found: Unfindable, share: float, kind: str, outcome: str = "count as missed"
) -> None:
    """Say what can't be found, and refuse if it is too much.

    Args:
        found: Of `unfindable`.
        share: The largest share of the entities that is taken.
        kind: The set, for the message.
        outcome: What becomes of them, for the message.

    Raises:
        DataError: The share is larger.
    """
    said = f"{kind}: {found.said(outcome)}"
    if found.count > share * found.entities:
        raise DataError(
            f"{said}; rename or drop labels with --map or a profile, or take them with "
            "--max-unknown 1."
        )
    if found.count:
        print(said, file=sys.stderr)


def unknown_characters(tokenizer: Any, texts: Sequence[str]) -> Counter[str]:
    """Count the characters, white space apart, that a transformer's tokenizer doesn't know."""
    counts = Counter(c for text in texts for c in text if not c.isspace())
    if not counts:
        return counts
    ids = tokenizer(list(counts), add_special_tokens=False)["input_ids"]
    pairs = zip(counts, ids, strict=True)
    return Counter(
        {c: counts[c] for c, own in pairs if not own or own[0] == tokenizer.unk_token_id}
    )


def check_characters(tokenizer: Any, corpus: Corpus, kind: str) -> None:
    """Say which characters the tokenizer doesn't know, and refuse if they are most of the text.

    Raises:
        DataError: The tokenizer doesn't know most characters.
    """
    texts = [text for text, _ in corpus.examples]
    unknown = unknown_characters(tokenizer, texts)
    total = sum(not c.isspace() for text in texts for c in text)
    if not unknown:
        return
    said = (
        f"{kind}: {unknown.total()} of {total} characters are unknown to the tokenizer: "
        + " ".join(f"{c} {count}" for c, count in unknown.most_common(SHOWN))
    )
    if unknown.total() > MAX_UNREAD_SHARE * total:
        raise DataError(f"{said}; take a transformer of this language.")
    print(said, file=sys.stderr)


def check_leaks(train: Corpus, dev: Corpus) -> int:
    """Say how many dev sentences the training set has, too, and where; return how many.

    Equal is what is equal but for case, punctuation, spaces and width.
    """
    both = train.examples + dev.examples
    parts = ["train"] * len(train.examples) + ["dev"] * len(dev.examples)
    pairs = same([normalised(text) or text for text, _ in both])
    leaks = across(pairs, parts, train.places + dev.places, "same text")
    if leaks:
        named = some([f"{leak.second} is {leak.first}" for leak in leaks])
        print(
            f"In the training set, too: {len(leaks)} of {len(dev.examples)} dev sentences, so that "
            f"the dev score is too high ({named})",
            file=sys.stderr,
        )
    return len(leaks)
