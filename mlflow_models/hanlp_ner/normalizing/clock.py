"""Times of day, and on a day: 12:30, 下午三点半, 今晚8点, 2023年10月1日9时."""

import re
from datetime import date
from typing import NamedTuple

from hanlp_ner.normalizing.calendar_dates import DAYS_FROM_NOW, Day, read_day, shifted_day
from hanlp_ner.normalizing.normalized import Kind, Normalized
from hanlp_ner.normalizing.numbers import small_number
from hanlp_ner.normalizing.periods import DASH

# The hours of a 12-hour clock that a part of the day has before noon, and after it.
BEFORE_NOON = {
    **dict.fromkeys(("凌晨", "清晨", "早晨", "早上", "早", "晨", "上午", "AM"), range(1, 12)),
    **dict.fromkeys(("夜里", "半夜", "深夜", "夜"), range(1, 6)),
    **{"中午": range(10, 12)},
}
AFTER_NOON = {
    **dict.fromkeys(("下午", "午后", "PM"), range(1, 12)),
    **dict.fromkeys(("傍晚", "晚上", "晚间", "晚"), range(5, 12)),
    **dict.fromkeys(("夜里", "半夜", "深夜", "夜"), range(6, 12)),
    **{"中午": range(1, 4)},
}
NOON = ("中午", "下午", "PM")  # whose twelve is 12:00; the twelve of others is midnight
NEXT_MIDNIGHT = ("晚上", "晚间", "晚", "夜里", "半夜", "深夜", "夜")  # whose twelve ends the day
PARTS = "|".join(sorted({*BEFORE_NOON, *AFTER_NOON}, key=len, reverse=True))
BEIJING = "+08:00"
_N = "[0-9]{1,2}|[零〇一二两三四五六七八九十]{1,3}"
_FIGURE = "[一二三四五六七八九]"
_BARE = f"[0-5][0-9]|零{_FIGURE}|[二三四五]?十{_FIGURE}?"  # 八点零五 is a time, 八点五 a number
_CLOCK = re.compile(
    f"(?P<beijing>北京时间)?(?P<part>{PARTS})?"
    "(?:(?P<h>[0-9]{1,2}):(?P<m>[0-9]{2})(?::(?P<s>[0-9]{2}))?(?P<after>[AaPp][Mm])?"
    f"|(?P<hour>{_N})(?:时|点钟?)(?:(?P<half>半)|(?P<quarter>[一三])刻|整"
    f"|(?P<minute>{_N})分(?:(?P<second>{_N})秒)?|(?P<bare>{_BARE}))?)"
    "(?P<zone>Z|[+](?:0[0-9]|1[0-4]):[0-5][0-9])?"
)


class Time(NamedTuple):
    """A time of day: its text by ISO 8601, how many days later it is, and its part of the day."""

    text: str
    days: int
    part: str | None


class Moment(NamedTuple):
    """A time of a day; either may be missing."""

    day: Day | None
    time: Time | None

    def iso(self) -> str | None:
        """Write it by ISO 8601; None where the calendar ends."""
        if self.time is None or self.day is None:
            return self.time.text if self.time else self.day.iso() if self.day else None
        later = shifted_day(self.day.first(), self.time.days)
        return f"{later.iso()}T{self.time.text}" if later else None


def read_time(text: str, part: str | None = None) -> Time | None:
    """Read a time of day; without a part of the day it has 24 hours.

    Args:
        text: Folded, see `normalize.folded`.
        part: The part of the day, if the text has none of its own.

    Returns:
        None if the text isn't a time, or isn't clear, such as 晚上三点.
    """
    match = _CLOCK.fullmatch(text)
    if match is None or (match["beijing"] and match["zone"]):
        return None
    part = (match["after"] or "").upper() or match["part"] or part
    if match["half"] or match["quarter"]:
        minute: int | None = {"一": 15, "三": 45}.get(match["quarter"], 30)
    else:
        minute = _small(match["m"] or match["minute"] or match["bare"])
    second = _small(match["s"] or match["second"])
    hour, days = _hour(small_number(match["h"] or match["hour"]), part)
    if hour is None or minute is None or second is None or minute > 59 or second > 59:
        return None
    written = f"{hour:02}:{minute:02}" + (f":{second:02}" if match["s"] or match["second"] else "")
    zone = BEIJING if match["beijing"] else (match["zone"] or "").replace("Z", "+00:00")
    return Time(written + zone, days, part)


def _hour(hour: int | None, part: str | None) -> tuple[int | None, int]:
    """Give the hour of 24 for one in a part of the day, and how many days later it is."""
    if hour is None or hour > 23:
        return None, 0
    if part is None or hour > 12:
        return hour, 0
    if hour == 12:
        return (12, 0) if part in NOON else (0, int(part in NEXT_MIDNIGHT))
    if hour in AFTER_NOON.get(part, ()):
        return hour + 12, 0
    return (hour if hour == 0 or hour in BEFORE_NOON.get(part, ()) else None), 0


def _small(words: str | None) -> int | None:
    """Read minutes or seconds: none are 0, and 零五 is 5."""
    return small_number(words.lstrip("零〇") or "零") if words else 0


def normalize_time(text: str, today: date | None) -> Normalized | None:
    """Read a time of day, a time on a day, or from one to another.

    Args:
        text: Folded, see `normalize.folded`.
        today: The reference date, if one is known.
    """
    if moment := _moment(text, today):
        kind: Kind = "time" if moment.day is None else "datetime" if moment.time else "date"
        value = moment.iso()
        return Normalized(kind=kind, value=value) if value else None
    for dash in re.finditer(DASH, text):
        first = _moment(text[: dash.start()], today)
        if first is None or first.time is None:
            continue
        last = _moment(text[dash.end() :], today, first)
        ends = last and last.time and (first.iso(), last.iso())
        if ends and None not in ends and str(ends[0]) < str(ends[1]):
            return Normalized(kind="interval", value="/".join(map(str, ends)))
    return None


def _moment(text: str, today: date | None, before: Moment | None = None) -> Moment | None:
    """Read a time, a day with a time, or a day with a part of it, which isn't kept.

    Args:
        text: Folded.
        today: The reference date, if one is known.
        before: The moment from which a later one has its day, and its part of the day.
    """
    inherited = before.time.part if before and before.time else None
    if time := read_time(text, inherited):
        return Moment(before.day if before else None, time)
    for place in range(1, len(text)):
        rest = text[place:].lstrip(" ,T")
        part = rest in BEFORE_NOON or rest in AFTER_NOON
        time = None if part else read_time(rest, _part_of(text[:place]))
        day = read_day(text[:place], today) if part or time else None
        day = day.complete(today) if day else None
        if day is not None and day.day is not None:
            return Moment(day, time)
    return None


def _part_of(day: str) -> str | None:
    """Give the part of the day that a day's own name has: 昨晚."""
    return day[-1] if day in DAYS_FROM_NOW and day[-1] in {*BEFORE_NOON, *AFTER_NOON} else None
