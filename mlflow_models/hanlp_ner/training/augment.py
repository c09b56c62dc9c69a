"""More training sentences out of few: dates marked by rule, names exchanged.

Mention replacement follows Dai and Adel (2020), "An Analysis of Simple Data Augmentation for
Named Entity Recognition". The guideline for DATE is in `mark_dates`.
"""

import random
import re
from collections.abc import Iterable

from hanlp_ner.training.corpora import Example
from hanlp_ner.training.formats import Entity
from hanlp_ner.training.names import Names

_CN = "一二三四五六七八九"
_YEAR = rf"(?:(?<![0-9])(?:1[0-9]|20)[0-9]{{2}}|[一二][〇○零{_CN}]{{3}})年"
_MONTH = rf"(?:1[0-2]|0?[1-9]|十[一二]?|[{_CN}])月"
_DAY = rf"(?:[12][0-9]|3[01]|0?[1-9]|[二三]?十[{_CN}]?|[{_CN}])"
_PART = r"份|[上中下]旬|[初底末]"
_DATE = re.compile(
    "|".join(
        [
            rf"(?:公元前?)?{_YEAR}(?:{_MONTH}(?:{_DAY}[日号]|{_PART})?|[初底末])?",
            rf"(?<![0-9.·个几十])(?:[今去明前]年)?{_MONTH}(?:{_DAY}[日号]|{_PART})?",
            r"(?<![0-9.·])(?:[12][0-9]|3[01]|[1-9])日(?![元圆])",
            rf"(?<![{_CN}])(?:[二三]?十[{_CN}]|[二三]十)日(?![元圆])",
            rf"(?:公元前?)?(?:[12]?[0-9]|[二]?十[{_CN}]?|[{_CN}])世纪"
            rf"(?:[1-9]0年代|[{_CN}]十年代)?",
            rf"(?:(?:1[0-9]|20)?[1-9]0|[{_CN}]十)年代",
            r"[今去明前]年(?:[初底末])?|[今昨明]日|[今昨明前]天",
            rf"(?:星期|礼拜)[{_CN[:6]}日天]|周[{_CN[:6]}日](?=[的，。、上下晚早,晨])",
        ]
    )
)


def mark_dates(text: str, entities: Iterable[Entity]) -> list[Entity]:
    """Adds the unambiguous calendar expressions of `text` to its entities, as DATE.

    Guideline: years of four digits, months, days of a month and their sequences (2011年,
    三月五日, 16日, 今年5月), centuries and decades, and the deictic years and days (去年, 今天,
    星期一). Not a DATE: a duration (三年, 6个月), a time of day, a festival, a year of two digits
    and whatever overlaps an entity that is there already.
    """
    kept = list(entities)
    taken = {i for start, end, _ in kept for i in range(start, end)}
    for match in _DATE.finditer(text):
        if taken.isdisjoint(range(*match.span())):
            kept.append((match.start(), match.end(), "DATE"))
    return sorted(kept)


def mark_places(text: str, entities: Iterable[Entity], places: Iterable[str]) -> list[Entity]:
    """Adds the mentions of `places` that no entity covers, as LOCATION, the longest first.

    CLUENER annotates 中国 where it is an address, the People's Daily wherever it stands.
    """
    kept = list(entities)
    taken = {i for start, end, _ in kept for i in range(start, end)}
    longest_first = sorted(map(re.escape, places), key=len, reverse=True)
    for match in re.finditer("|".join(longest_first), text):
        if taken.isdisjoint(range(*match.span())):
            kept.append((match.start(), match.end(), "LOCATION"))
    return sorted(kept)


_HALF = str.maketrans("，：；！？（）％", ",:;!?()%")
_FULL = str.maketrans("0123456789", "０１２３４５６７８９")


def vary_width(example: Example, rng: random.Random) -> Example:
    """Returns, now and then, the sentence with half-width punctuation or full-width digits."""
    text, entities = example
    draw = rng.random()
    if draw < 0.08:
        text = text.translate(_HALF)
    elif draw < 0.11:
        text = text.translate(_FULL)
    return text, entities


def replace_mentions(example: Example, names: Names, rng: random.Random, rate: float) -> Example:
    """Returns a copy of a sentence in which each mention is exchanged with probability `rate`."""
    text, entities = example
    pieces: list[str] = []
    moved: list[Entity] = []
    chosen: dict[tuple[str, str], str] = {}  # a name that occurs twice is exchanged alike
    length = done = 0
    for start, end, label in sorted(entities):
        if start < done:  # nested mentions stay out, as HanLP's tags are flat
            continue
        name = text[start:end]
        if (name, label) not in chosen:
            exchange = rng.random() < rate
            chosen[name, label] = names.like(name, label, rng) if exchange else name
        name = chosen[name, label]
        pieces += [text[done:start], name]
        length += start - done
        moved.append((length, length + len(name), label))
        length += len(name)
        done = end
    return "".join([*pieces, text[done:]]), moved


def multiply(
    examples: list[Example], names: Names, copies: int, rate: float, rng: random.Random
) -> list[Example]:
    """Returns the examples and `copies` of each that has a mention, with mentions replaced."""
    made = [
        vary_width(replace_mentions(example, names, rng, rate), rng)
        for example in examples
        for _ in range(copies)
        if example[1]
    ]
    return examples + made
