"""Scores of answers against references: error rates, spans, BLEU, and what differs in each case.

What counts as a mistake is a choice, so each score says which of `METHODS` was taken.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

Span = tuple[int, int, str]
"""Start, end, in characters, and type of an entity."""

Piece = tuple[str, str]
"""A text, and what it is: `same`, `missed` (of the reference only) or `extra`."""

THAI = re.compile(r"[\u0e00-\u0e7f]")
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
APOSTROPHES = str.maketrans("", "", "'’")  # don't is one word, dont
METHODS = ("thai", "chinese", "spaced", "exact")
"""How answers are compared. Thai: NFC, lower case, without punctuation, symbols and spaces; words
by PyThaiNLP's newmm. Chinese: likewise, but NFKC, by characters. Spaced: NFKC, lower case, without
punctuation and symbols; words are what spaces divide. Exact: a span's start, end and type."""


@dataclass(frozen=True)
class Row:
    """One case.

    Args:
        score: percent.
        badness: what is worst has most; cases are compared by it only.
        reference: with what was missed marked.
        hypothesis: with what shouldn't be there marked.
    """

    score: float
    badness: tuple[float, ...]
    reference: list[Piece]
    hypothesis: list[Piece]


@dataclass(frozen=True)
class Counts:
    """Entities of a type: in the references, in the answers, and in both."""

    gold: int = 0
    predicted: int = 0
    right: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.gold + other.gold, self.predicted + other.predicted, self.right + other.right
        )

    @property
    def precision(self) -> float:
        """Percent; 0 where nothing was predicted."""
        return 100 * self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        """Percent; 0 where there was nothing to find."""
        return 100 * self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """Percent: the harmonic mean; 100 where there was nothing to find, and nothing found."""
        both = self.gold + self.predicted
        return 200 * self.right / both if both else 100.0


@dataclass(frozen=True)
class Scores:
    """All of it.

    Args:
        method: one of `METHODS`.
        figures: percent by name, the main one first.
        rows: by case.
        types: of entities, by type.
    """

    method: str
    figures: dict[str, float]
    rows: list[Row]
    types: dict[str, Counts] = field(default_factory=dict)


def language(texts: Sequence[str]) -> str:
    """One of `METHODS`, by where the words of these texts are."""
    if any(THAI.search(text) for text in texts):
        return "thai"
    return "chinese" if any(HAN.search(text) for text in texts) else "spaced"


def spell(text: str, how: str) -> str:
    """The text as it is compared; `how` is one of `METHODS`."""
    # NFKC would take Thai's sara am apart, which no dictionary has like that
    text = unicodedata.normalize("NFC" if how == "thai" else "NFKC", text).lower()
    text = text.translate(APOSTROPHES)
    text = "".join(" " if unicodedata.category(one)[0] in "PS" else one for one in text)
    return ("" if how in ("thai", "chinese") else " ").join(text.split())


def split(text: str, how: str) -> list[str]:
    """The units of a text that was spelt: words, or Chinese characters."""
    if how == "chinese":
        return list(text)
    if how == "spaced":
        return text.split()
    from pythainlp.tokenize import word_tokenize

    return list(word_tokenize(text, engine="newmm", keep_whitespace=False))


def transcripts(references: Sequence[str], hypotheses: Sequence[str]) -> Scores:
    """Word and character error rates: edits over the references' lengths, summed over all.

    Of Chinese there are characters only. An empty reference's edits are its hypothesis's length.
    """
    import jiwer

    how = language(references)
    spelt = [[spell(text, how) for text in texts] for texts in (references, hypotheses)]
    units = [[split(text, how) for text in texts] for texts in spelt]
    solid = [[text.replace(" ", "") for text in texts] for texts in spelt]
    figures = {"CER": 100 * jiwer.process_characters(*solid).cer}
    if how != "chinese":
        words = [[" ".join(one) for one in texts] for texts in units]
        figures = {"WER": 100 * jiwer.process_words(*words).wer, **figures}
    joint = " " if how == "spaced" else ""
    rows = []
    for reference, hypothesis in zip(*units, strict=True):
        edits, pieces = compared(reference, hypothesis, joint)
        score = 100 * edits / len(reference) if reference else 100.0 * bool(edits)
        rows.append(Row(score, (score, edits), *pieces))
    return Scores(how, figures, rows)


def entities(
    texts: Sequence[str],
    references: Sequence[frozenset[Span]],
    hypotheses: Sequence[frozenset[Span]],
) -> Scores:
    """Precision, recall and F1 of spans, of all (micro) and by type."""
    types: dict[str, Counts] = {}
    rows = []
    for text, gold, found in zip(texts, references, hypotheses, strict=True):
        here = Counts(len(gold), len(found), len(gold & found))
        for kind in {kind for *_, kind in gold | found}:
            sides = (
                {one for one in side if one[2] == kind} for side in (gold, found, gold & found)
            )
            types[kind] = types.get(kind, Counts()) + Counts(*map(len, sides))
        mistakes = here.gold + here.predicted - 2 * here.right
        rows.append(
            Row(here.f1, (mistakes, -here.f1),
                _marked(text, gold, found, "missed"), _marked(text, found, gold, "extra"))
        )  # fmt: skip
    total = sum(types.values(), Counts())
    figures = {"F1": total.f1, "precision": total.precision, "recall": total.recall}
    return Scores("exact", figures, rows, dict(sorted(types.items())))


def captions(references: Sequence[Sequence[str]], hypotheses: Sequence[str]) -> Scores:
    """BLEU-1 to 4; a case is compared with the reference that is most like it."""
    from pycocoevalcap.bleu.bleu import Bleu  # type: ignore[import-untyped]

    how = language([text for texts in references for text in texts])
    gold = [[split(spell(text, how), how) for text in texts] for texts in references]
    found = [split(spell(text, how), how) for text in hypotheses]
    corpus, each = Bleu(4).compute_score(
        {n: [" ".join(one) for one in texts] for n, texts in enumerate(gold)},
        {n: [" ".join(one)] for n, one in enumerate(found)},
        verbose=0,
    )
    rows = []
    joint = " " if how == "spaced" else ""
    for n, (texts, words) in enumerate(zip(gold, found, strict=True)):
        _, pieces = min((compared(one, words, joint) for one in texts), key=lambda pair: pair[0])
        single = [100 * each[order][n] for order in range(4)]
        rows.append(Row(single[3], (-single[3], -single[0]), *pieces))
    figures = {f"BLEU-{n + 1}": 100 * corpus[n] for n in (3, 2, 1, 0)}
    return Scores(how, figures, rows)


def compared(
    reference: list[str], hypothesis: list[str], joint: str
) -> tuple[int, tuple[list[Piece], list[Piece]]]:
    """How many units are to be changed, and both texts with these marked.

    Args:
        reference, hypothesis: units.
        joint: what is between two of them.
    """
    from rapidfuzz.distance import Levenshtein

    sides: tuple[list[Piece], list[Piece]] = ([], [])
    for one in Levenshtein.opcodes(reference, hypothesis):
        parts = reference[one.src_start : one.src_end], hypothesis[one.dest_start : one.dest_end]
        for side, part, differs in zip(sides, parts, ("missed", "extra"), strict=True):
            kind = "same" if one.tag == "equal" else differs
            if part and side and side[-1][1] == kind:  # what was deleted beside what was replaced
                part = [side.pop()[0], *part]
            if part:
                side.append((joint.join(part), kind))
    return Levenshtein.distance(reference, hypothesis), sides


def _marked(text: str, spans: frozenset[Span], others: frozenset[Span], kind: str) -> list[Piece]:
    """A text's entities with their types, those that the others lack as `kind`."""
    return [
        (f"{text[start:end]} {name}", "same" if (start, end, name) in others else kind)
        for start, end, name in sorted(spans)
    ]


@dataclass(frozen=True)
class Latency:
    """How long requests took, in seconds, and how many were answered per second."""

    p50: float
    p90: float
    p99: float
    throughput: float


def latency(seconds: Sequence[float], wall: float) -> Latency | None:
    """Percentiles, between two requests interpolated; None where no request was answered.

    Args:
        seconds: of each request that was answered.
        wall: seconds from the first one's beginning to the last one's end.
    """
    if not seconds:
        return None
    import numpy as np

    p50, p90, p99 = (float(one) for one in np.percentile(seconds, [50, 90, 99]))
    return Latency(p50, p90, p99, len(seconds) / wall if wall else 0.0)
