"""The metrics once more, from their papers, word for word and as plainly as can be."""

import math
from collections import Counter
from collections.abc import Sequence

Words = Sequence[str]


def grams(words: Words, n: int) -> Counter[tuple[str, ...]]:
    """The phrases of n words, and how often each is there."""
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def bleu(references: Sequence[Sequence[Words]], said: Sequence[Words], longest: int) -> float:
    """BLEU of a corpus (Papineni and others 2002): the nearest reference's length counts."""
    logs = 0.0
    for n in range(1, longest + 1):
        hits = total = 0
        for refs, words in zip(references, said, strict=True):
            found = grams(words, n)
            allowed: Counter[tuple[str, ...]] = Counter()
            for ref in refs:
                allowed |= grams(ref, n)
            hits += (found & allowed).total()
            total += found.total()
        logs += math.log(hits / total) / longest
    length = sum(map(len, said))
    nearest = sum(
        min((abs(len(ref) - len(words)), len(ref)) for ref in refs)[1]
        for refs, words in zip(references, said, strict=True)
    )
    return math.exp(logs + min(0.0, 1 - nearest / length))


def rouge_l(refs: Sequence[Words], words: Words, beta: float = 1.2) -> float:
    """ROUGE-L of one caption (Lin 2004), best precision and best recall of the references."""

    def common(a: Words, b: Words) -> int:
        if not a or not b:
            return 0
        if a[-1] == b[-1]:
            return common(a[:-1], b[:-1]) + 1
        return max(common(a[:-1], b), common(a, b[:-1]))

    precision = max(common(ref, words) / len(words) for ref in refs)
    recall = max(common(ref, words) / len(ref) for ref in refs)
    if not precision:
        return 0.0
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def cider_d(references: Sequence[Sequence[Words]], said: Sequence[Words]) -> list[float]:
    """CIDEr-D of each caption (Vedantam and others 2015, equations 2 to 4, and 7 and 8)."""
    images = len(references)

    def weights(words: Words, n: int) -> dict[tuple[str, ...], float]:
        return {
            gram: count
            * math.log(
                images / max(1, sum(any(gram in grams(r, n) for r in refs) for refs in references))
            )
            for gram, count in grams(words, n).items()
        }

    scores = []
    for refs, words in zip(references, said, strict=True):
        score = 0.0
        for n in range(1, 5):
            own = weights(words, n)
            for ref in refs:
                other = weights(ref, n)
                dot = sum(min(own[g], other[g]) * other[g] for g in own.keys() & other.keys())
                norms = math.hypot(*own.values()) * math.hypot(*other.values())
                penalty = math.exp(-((len(words) - len(ref)) ** 2) / (2 * 6**2))
                score += penalty * dot / norms / len(refs) if norms else 0.0
        scores.append(10 * score / 4)
    return scores
