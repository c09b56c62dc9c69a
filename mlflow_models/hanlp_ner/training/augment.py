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
_GAP = "[ \u00a0\u3000]?"  # as in 1949 年 10 月 1 日
_MONTH = rf"(?:1[0-2]|0?[1-9]|十[一二]?|[{_CN}]){_GAP}月"
_DAY = rf"(?:[12][0-9]|3[01]|0?[1-9]|[二三]?十[{_CN}]?|[{_CN}]){_GAP}[日号]"
_PART = r"份|[上中下]旬|[初底末]"
_IN_YEAR = rf"(?:{_GAP}{_MONTH}(?:{_GAP}{_DAY}|{_PART})?|[初底末])?"  # what follows a year
_YEAR = rf"(?:(?<![0-9])(?:1[0-9]|20)[0-9]{{2}}|[一二][〇○零{_CN}]{{3}}){_GAP}年"
_ERA = (
    r"(?:(?:中华)?民国|洪武|永乐|嘉靖|万历|崇祯|顺治|康熙|雍正|乾隆|嘉庆|道光|咸丰|同治|光绪|宣统|"
    r"贞观|开元|明治|大正|昭和|平成|令和)"
)
_WEEKDAY = rf"[{_CN[:6]}日天]"
_DATE = re.compile(
    "|".join(
        [
            r"(?<![0-9])(?<![0-9][-/.])(?:1[0-9]|20)[0-9]{2}(?P<dash>[-/.])(?:1[0-2]|0?[1-9])"
            r"(?P=dash)(?:[12][0-9]|3[01]|0?[1-9])(?![0-9])(?!(?P=dash)[0-9])",
            rf"{_ERA}{_GAP}(?:元|[0-9]{{1,3}}|[{_CN}十百廿卅]{{1,4}}){_GAP}年{_IN_YEAR}",
            rf"公元前{_GAP}[0-9]{{1,4}}{_GAP}年|(?:公元前?)?{_YEAR}{_IN_YEAR}",
            rf"(?<![0-9])[0-9]{{2}}{_GAP}年{_GAP}{_MONTH}{_GAP}{_DAY}",
            rf"(?:农历|阴历)(?:[正冬腊]月|{_MONTH})(?:初[{_CN}十]|[十廿][{_CN}]|[二三]十|{_DAY})?",
            rf"(?<![0-9.·个几十])(?:[今去明前]年{_GAP})?{_MONTH}(?:{_GAP}{_DAY}|{_PART})?",
            r"(?<![0-9.·])(?:[12][0-9]|3[01]|[1-9])日(?![元圆])",
            rf"(?<![{_CN}])(?:[二三]?十[{_CN}]|[二三]十)日(?![元圆])",
            rf"(?:公元前?)?(?:[12]?[0-9]|[二]?十[{_CN}]?|[{_CN}])世纪"
            rf"(?:[1-9]0年代|[{_CN}]十年代)?",
            rf"(?:(?:1[0-9]|20)?[1-9]0|[{_CN}]十)年代",
            r"[今去明前]年(?:[初底末])?|[今昨明]日|[今昨明前]天",
            rf"(?:上|下|这|本)个?(?:周|星期|礼拜){_WEEKDAY}",
            rf"(?:星期|礼拜){_WEEKDAY}|周[{_CN[:6]}日](?=[的，。、上下晚早,晨])",
        ]
    )
)
_HALF = str.maketrans("，：；！？（）％", ",:;!?()%")
_DIGITS = "0123456789"
_WIDE = "０１２３４５６７８９"
_LATIN_BY_HAN = re.compile("[0-9A-Za-z][\u4e00-\u9fff]|[\u4e00-\u9fff][0-9A-Za-z]")
_NARROW_DATE = str.maketrans(_WIDE + "－／．", _DIGITS + "-/.")


def mark_dates(text: str, entities: Iterable[Entity]) -> list[Entity]:
    """Adds the unambiguous calendar expressions of `text` to its entities, as DATE.

    Guideline: years of four digits, months, days of a month and their sequences (2011年,
    三月五日, 16日, 今年5月, 98年5月3日), the same in digits alone if it is whole (2023-10-01,
    2023/10/1, 2023.10.1), with spaces and in full width; years of an era (民国三十八年) and months
    of the lunar calendar that is named; centuries and decades; the deictic years and days (去年,
    今天, 星期一, 上周五). Not a DATE: a duration (三年, 6个月), a time of day (12:30), a festival,
    a year of two digits alone and whatever overlaps an entity that is there already.
    """
    kept = list(entities)
    taken = {i for start, end, _ in kept for i in range(start, end)}
    for match in _DATE.finditer(text.translate(_NARROW_DATE)):
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


def vary_width(example: Example, rng: random.Random) -> Example:
    """Returns, now and then, the sentence with half-width punctuation, with full-width digits, or
    with spaces around its numbers and Latin words."""
    text, entities = example
    draw = rng.random()
    if draw < 0.08:
        text = text.translate(_HALF)
    elif draw < 0.11:
        text = text.translate(str.maketrans(_DIGITS, _WIDE))
    elif draw < 0.15:
        return space_out(example)
    return text, entities


def space_out(example: Example) -> Example:
    """Returns the sentence with a space between Chinese and what is Latin or a number.

    An entity neither begins nor ends with such a space.
    """
    text, entities = example
    spaced = ""
    moved: list[int] = []  # where each character went
    for i, character in enumerate(text):
        pair = text[i - 1 : i + 1]
        if _LATIN_BY_HAN.fullmatch(pair):
            spaced += " "
        moved.append(len(spaced))
        spaced += character
    return spaced, [(moved[start], moved[end - 1] + 1, label) for start, end, label in entities]


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
