"""Stretches of the calendar: quarters, weeks, decades, and from one day to another.

They are intervals by ISO 8601, both ends included and as exact as the text: 2023-10-01/2023-10-07,
2023-07/2023-09. A decade is 198X and a century 19XX, by EDTF (ISO 8601-2): 20世纪 is 19XX.
"""

import re
from calendar import monthrange
from datetime import date

from hanlp_ner.normalizing.calendar_dates import (
    STEP,
    STEPS_FROM_NOW,
    Day,
    day_of,
    monday,
    read_day,
    shifted_day,
)
from hanlp_ner.normalizing.normalized import Normalized
from hanlp_ner.normalizing.numbers import small_number

MONTHS_PER_QUARTER, MONTHS_PER_HALF = 3, 6
DAYS_PER_TENTH = 10  # of a month: 上旬, 中旬; 下旬 has the rest
DASH = "[至到~—–-]+"

_ONE = "一二三四1-4"
_PART_OF_YEAR = re.compile(
    f"(?P<year>.*?年度?)?(?:第?(?:(?P<quarter>[{_ONE}])季度|(?P<q>[Qq][1-4]))|(?P<half>[上下])半年)"
    f"|(?P<when>[0-9]{{4}})(?P<bare>Q[1-4])|(?P<step>{STEP})季度"
)
_TENTH = re.compile("(?P<month>.*月)份?(?P<tenth>[上中下])旬")
_WEEK = re.compile(f"(?P<step>{STEP})?(?P<unit>周末|周|星期|礼拜)")
_DECADE = re.compile(
    "(?:(?:(?P<step>上个?|本)世纪|(?P<century>[0-9]{1,2}|[一二十]{1,3})世纪)?"
    "(?P<tens>[0-9]0|[二三四五六七八九]?十)|(?P<year>[0-9]{3}0|[一二][零〇一二三四五六七八九]{2}[零〇]))年代"
)
_CENTURY = re.compile(
    "(?:(?P<step>上个?|本)|(?P<number>[0-9]{1,2}|[一二三四五六七八九十]{1,3}))世纪"
)
_UNIT = re.compile("(?:[0-9]+|[零〇一二三四五六七八九十]+)(?P<unit>年|月|日|号)")
_NUMBER = re.compile("[0-9]{1,4}|[零〇一二三四五六七八九十]{1,4}")


def normalize_period(text: str, today: date | None) -> Normalized | None:
    """Read a stretch of the calendar.

    Args:
        text: Folded, see `normalize.folded`.
        today: The reference date, if one is known.
    """
    for read in (_decade, _century, _part_of_year, _tenth, _week, _range):
        if (found := read(text, today)) is not None:
            return found
    return None


def single(day: Day | None) -> Normalized | None:
    """Give a day, a month or a year as an answer."""
    return None if day is None else Normalized(kind=day.kind, value=day.iso())


def interval(first: Day | None, last: Day | None) -> Normalized | None:
    """Give the time from a day to another, both included; None if it doesn't end later."""
    if first is None or last is None or first.kind != last.kind or first.first() >= last.first():
        return None
    return Normalized(kind="interval", value=f"{first.iso()}/{last.iso()}")


def _decade(text: str, today: date | None) -> Normalized | None:
    """Read 1980年代, 20世纪80年代; of 八十年代, the last such decade that has begun."""
    match = _DECADE.fullmatch(text)
    if match is None:
        return None
    if match["year"]:
        year = small_number(match["year"])
    else:
        tens, this = small_number(match["tens"]), today.year if today else None
        if tens is None:
            return None
        if match["century"]:
            year = ((small_number(match["century"]) or 0) - 1) * 100 + tens
        elif this is None:
            return None
        elif match["step"]:
            year = this // 100 * 100 + (0 if match["step"] == "本" else -100) + tens
        else:
            year = this // 100 * 100 + tens
            year -= 100 if year > this else 0
    if year is None or not 0 < year <= 9999:
        return None
    return Normalized(kind="decade", value=f"{year // 10:03}X")


def _century(text: str, today: date | None) -> Normalized | None:
    match = _CENTURY.fullmatch(text)
    if match is None or (match["step"] and today is None):
        return None
    if match["number"]:
        before = (small_number(match["number"]) or 0) - 1
    else:
        assert today is not None
        before = today.year // 100 - (0 if match["step"] == "本" else 1)
    return Normalized(kind="century", value=f"{before:02}XX") if 0 <= before < 100 else None


def _part_of_year(text: str, today: date | None) -> Normalized | None:
    """Read a quarter or half of a year; without a year, of the reference date's."""
    match = _PART_OF_YEAR.fullmatch(text)
    if match is None:
        return None
    said = match["year"] or match["when"]
    year = read_day(said, today) if said else day_of(today) if today else None
    if year is None or year.year is None or (said and year.kind != "year"):
        return None
    if match["step"]:
        assert today is not None
        months = today.month - 1 + STEPS_FROM_NOW[match["step"]] * MONTHS_PER_QUARTER
        year, number, length = Day(today.year + months // 12), months % 12 // 3, MONTHS_PER_QUARTER
    elif match["half"]:
        number, length = "上下".index(match["half"]), MONTHS_PER_HALF
    else:
        words = match["quarter"] or (match["q"] or match["bare"])[1]
        number, length = (small_number(words) or 0) - 1, MONTHS_PER_QUARTER
    first = Day(year.year, number * length + 1)
    last = Day(year.year, (number + 1) * length)
    return interval(first, last) if first.exists() else None


def _tenth(text: str, today: date | None) -> Normalized | None:
    """Read the first, second or last ten days of a month."""
    match = _TENTH.fullmatch(text)
    month = read_day(match["month"], today) if match else None
    whole = month.complete(today) if month and month.kind == "month" else None
    if match is None or whole is None or whole.year is None or whole.month is None:
        return None
    before = "上中下".index(match["tenth"]) * DAYS_PER_TENTH
    last = monthrange(whole.year, whole.month)[1]
    end = last if match["tenth"] == "下" else before + DAYS_PER_TENTH
    return interval(Day(whole.year, whole.month, before + 1), Day(whole.year, whole.month, end))


def _week(text: str, today: date | None) -> Normalized | None:
    """Read a week, or its Saturday and Sunday, counted from the reference date's."""
    match = _WEEK.fullmatch(text)
    if match is None or today is None or not (match["step"] or match["unit"] == "周末"):
        return None
    start = monday(today, STEPS_FROM_NOW[match["step"] or "本"])
    first = start + 5 if match["unit"] == "周末" else start
    return interval(shifted_day(today, first), shifted_day(today, start + 6))


def _range(text: str, today: date | None) -> Normalized | None:
    """Read from one day to another; the second has what it leaves out from the first."""
    text = text.removeprefix("从").removeprefix("自")
    for dash in re.finditer(DASH, text):
        before, after = text[: dash.start()], text[dash.end() :]
        if _NUMBER.fullmatch(before) and (unit := _UNIT.match(after)):
            before += unit["unit"]  # 3至5月
        first, last = read_day(before, today), read_day(after, today)
        if first is None or last is None:
            continue
        last = last.inheriting(first)
        found = interval(first.complete(today), last.complete(today))
        if found is not None:
            return found
    return None
