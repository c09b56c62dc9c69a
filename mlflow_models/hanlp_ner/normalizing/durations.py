"""Lengths of time, by ISO 8601: 三年零两个月 is P3Y2M, 两个半小时 is PT2H30M."""

import re
from typing import NamedTuple

from hanlp_ner.normalizing.normalized import Normalized
from hanlp_ner.normalizing.numbers import NUMBER, read_number, shown


class Unit(NamedTuple):
    """A unit of time.

    Attributes:
        names: A pattern of its names.
        letter: ISO 8601's letter.
        size: How many units of that letter it is: a century is 100 years.
        of_clock: Whether ISO 8601 writes it after the T.
    """

    names: str
    letter: str
    size: int = 1
    of_clock: bool = False


UNITS = (  # in the order of ISO 8601
    Unit("个世纪", "Y", 100),
    Unit("周?年", "Y"),
    Unit("个月", "M"),
    Unit("周|个?星期|个?礼拜", "W"),
    Unit("天|日", "D"),
    Unit("个?小时|个?钟头", "H", 1, True),
    Unit("分钟?", "M", 1, True),
    Unit("秒钟?", "S", 1, True),
)
# Halves and quarters, said in whole units. Half a month and half a day have no exact length.
WHOLE = (
    (re.compile("^半年|(?<=年)半$"), "6个月"),
    (re.compile("(?<=天)半$"), "12小时"),
    (re.compile("^半个?(?:小时|钟头)$|(?<=小时|钟头)半$"), "30分钟"),
    (re.compile("个半(?:小时|钟头)$"), "小时30分钟"),
    (re.compile("^半分钟$"), "30秒"),
    (re.compile("一刻钟$"), "15分钟"),
    (re.compile("三刻钟$"), "45分钟"),
)
_DURATION = re.compile(
    "零?".join(f"(?:(?P<n{at}>{NUMBER})(?:{unit.names}))?" for at, unit in enumerate(UNITS))
)


def normalize_duration(text: str) -> Normalized | None:
    """Read a length of time.

    Args:
        text: Folded, see `normalize.folded`.

    Returns:
        Only the last of its numbers may have a fraction; None if the text isn't clear.
    """
    for pattern, whole in WHOLE:
        text = pattern.sub(whole, text)
    match = _DURATION.fullmatch(text)
    said = (
        [(unit, words) for unit, words in zip(UNITS, match.groups(), strict=True) if words]
        if match
        else []
    )
    days, clock = "", ""
    for place, (unit, words) in enumerate(said, 1):
        number = read_number(words)
        if number is None or number < 0 or (number != int(number) and place < len(said)):
            return None
        if unit.letter == "W" and len(said) > 1:  # ISO 8601 has weeks alone
            return None
        written = shown(number * unit.size) + unit.letter
        days, clock = (days, clock + written) if unit.of_clock else (days + written, clock)
    if not said:
        return None
    return Normalized(kind="duration", value=f"P{days}{'T' * bool(clock)}{clock}")
