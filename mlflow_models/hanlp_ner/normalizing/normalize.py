"""Normalizes an entity: its type says which rules to ask, and the rules read its text.

The rules read whole texts. What they don't know, or what is vague, has no normalized form.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from functools import lru_cache

from hanlp_ner.normalizing import amounts, clock, durations, numbers, periods, places
from hanlp_ner.normalizing.calendar_dates import read_day
from hanlp_ner.normalizing.normalized import Normalized
from zoo.data.scripts import convert

MAX_CHARACTERS = 64  # a longer entity isn't one that the rules know
CACHED = 4096  # entities that come again, as those of a news text do
# Lengths of time that may as well be a year (10年) or a day (5日), if the type doesn't say.
DATE_RATHER = re.compile("[0-9]{2}年|.*日")
Rule = Callable[[str, str, date | None], Normalized | None]


def normalize(text: str, entity_type: str, reference: date | None = None) -> Normalized | None:
    """Give what an entity means, in a form that a program can use.

    Args:
        text: The entity's text, in any script and width.
        entity_type: Its type, as published checkpoints name it; case plays no part.
        reference: The day that 今天, 去年 and 三月五日 refer to. None: they aren't resolved.

    Returns:
        None if the type has no normalized form, or if the text isn't clear.
    """
    if len(text) > MAX_CHARACTERS or entity_type.upper() not in RULES:
        return None
    return _normalize(text, entity_type.upper(), reference)


@lru_cache(CACHED)
def _normalize(text: str, entity_type: str, reference: date | None) -> Normalized | None:
    plain = folded(text)
    for rule in RULES[entity_type]:
        if plain and (found := rule(plain, entity_type, reference)) is not None:
            return found
    return None


def folded(text: str) -> str:
    """Write a text in half width, in simplified characters, without spaces.

    A space between two digits stays, because it parts a date and a time. Superscripts, circled
    numbers and fractions such as ½ stay, because as digits they would join those before them.
    """
    plain = "".join(
        one if unicodedata.category(one) == "No" else unicodedata.normalize("NFKC", one)
        for one in text.replace("○", "〇").replace("−", "-")
    )
    plain = re.sub(r"(?<![0-9])\s+|\s+(?![0-9])", "", plain)
    return plain if plain.isascii() else convert(plain, "t2s").replace("圆", "元")


def _day(text: str, _: str, reference: date | None) -> Normalized | None:
    day = read_day(text, reference)
    return periods.single(day and day.complete(reference))


def _period(text: str, _: str, reference: date | None) -> Normalized | None:
    return periods.normalize_period(text, reference)


def _time(text: str, _: str, reference: date | None) -> Normalized | None:
    return clock.normalize_time(text, reference)


def _duration(text: str, entity_type: str, _: date | None) -> Normalized | None:
    if entity_type != "DURATION" and DATE_RATHER.fullmatch(text):
        return None
    return durations.normalize_duration(text)


def _money(text: str, _: str, __: date | None) -> Normalized | None:
    return amounts.normalize_money(text)


def _number(text: str, _: str, __: date | None) -> Normalized | None:
    return numbers.normalize_number(text)


def _quantity(text: str, entity_type: str, _: date | None) -> Normalized | None:
    return amounts.normalize_quantity(text, entity_type)


def _place(text: str, _: str, __: date | None) -> Normalized | None:
    return places.normalize_place(text)


def _rules() -> dict[str, tuple[Rule, ...]]:
    """Give the rules by type, in the order in which they are asked.

    The types are those of the demo, MSRA, OntoNotes, PKU, CLUENER and Weibo, as HanLP's
    checkpoints have them, and LAC's.
    """
    moments = (_day, _time, _period, _duration)
    amount = (_quantity, _number)
    return {
        **dict.fromkeys(("DATE", "TIME", "T"), moments),
        "DURATION": (_duration, *moments[:-1]),
        "MONEY": (_money,),
        **dict.fromkeys(("PERCENT", "FRACTION", "DECIMAL", "INTEGER", "CARDINAL"), (_number,)),
        **dict.fromkeys(("ORDINAL", "M", "RATE"), (_number,)),
        **dict.fromkeys(("LENGTH", "AREA", "CAPACITY", "MEASURE", "SPEED", "TEMPERATURE"), amount),
        **dict.fromkeys(("WEIGHT", "ANGLE", "AGE", "FREQUENCY", "QUANTITY"), amount),
        **dict.fromkeys(("LOCATION", "LOC", "GPE", "NS", "ADDRESS", "SCENE"), (_place,)),
        **dict.fromkeys(("LOC.NAM", "GPE.NAM"), (_place,)),
    }


RULES = _rules()
