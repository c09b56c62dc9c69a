"""Numbers in digits and in words, exact: 3.5万, 1亿2千万, 三百零五, 百分之三十五, 第三.

A number that is vague (几十, 三四百, 一百多, 近百) is none.
"""

import re
from decimal import Context, Decimal, Inexact, localcontext

from hanlp_ner.normalizing.normalized import Normalized
from zoo.data.numerals import figures, whole_number

SCALES = {"十": 1, "百": 2, "千": 3, "万": 4, "亿": 8, "兆": 12}  # powers of ten
EXACT = Context(prec=24, traps=[Inexact])  # numbers of more digits are serial numbers
ONES = "零〇一二两三四五六七八九壹贰叁肆伍陆柒捌玖"
WORDS = f"{ONES}十百千万亿廿拾佰仟"
DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
SCALE = f"[{''.join(SCALES)}]{{1,3}}"
NUMBER = f"[-+负]?(?:{DIGITS}(?:{SCALE}{DIGITS})*(?:{SCALE})?|[{WORDS}]+(?:点[{ONES}]+)?)"

_PART = re.compile(f"({DIGITS})({SCALE})?")
_DECIMAL = re.compile(f"([{WORDS}]+)点([{ONES}]+)")
_FORMAL = str.maketrans("壹贰叁肆伍陆柒捌玖拾佰仟", "一二三四五六七八九十百千")
_PERCENT = re.compile(
    f"(?:(?P<minus>负?)(?P<of>百|千)分之(?P<words>百|{NUMBER})|(?P<number>{NUMBER})(?P<sign>[%‰]))"
)
_TENTHS = re.compile(f"([{ONES}0-9])成([{ONES}0-9])?")
_FRACTION = re.compile(f"(?P<below>{NUMBER})分之(?P<above>{NUMBER})|(?P<a>[0-9]+)/(?P<b>[0-9]+)")
_ORDINAL = re.compile(f"第({NUMBER})[个名位次届期批号回轮章节条款页代]?")
_COUNTED = re.compile(f"({NUMBER})[个名位人家条张件只次项]?")


def small_number(text: str) -> int | None:
    """Read a whole number that isn't negative, such as a month or a count of days."""
    number = read_number(text)
    return int(number) if number is not None and number == int(number) and number >= 0 else None


def read_number(text: str) -> Decimal | None:
    """Read a number.

    Args:
        text: Folded, see `normalize.folded`.

    Returns:
        Its exact value; None if the text isn't a number, or a vague one.
    """
    sign, plain = 1, text
    if text[:1] in ("-", "+", "负"):
        sign, plain = (1 if text[0] == "+" else -1), text[1:]
    try:
        with localcontext(EXACT):
            number = _in_digits(plain) if plain[:1].isdecimal() else _in_words(plain)
            return None if number is None else sign * number
    except Inexact:
        return None


def _in_digits(text: str) -> Decimal | None:
    """Read 1,200.5 and 1亿2千万; 3万5, which leaves out a unit, is None."""
    parts = _PART.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    total, room = Decimal(0), Decimal("Infinity")
    for digits, units in parts:
        scale = Decimal(10) ** sum(SCALES[one] for one in units)
        value = Decimal(digits.replace(",", "")) * scale
        if value >= room or (room.is_finite() and not units and value * 10 < room):
            return None
        total, room = total + value, scale
    return total


def _in_words(text: str) -> Decimal | None:
    """Read 三百零五, 一点五, 二零二三; 三五 and 三四百 are None."""
    plain = text.translate(_FORMAL).replace("两", "二")
    whole, fraction = plain, ""
    if match := _DECIMAL.fullmatch(plain):
        whole, fraction = match[1], figures(match[2])
    bare = re.fullmatch("[一二三四五六七八九]{2}", whole)
    if bare or not re.fullmatch(f"[{WORDS}]+", whole):
        return None
    number = whole_number(whole, "normal")
    return None if number is None else Decimal(f"{number}.{fraction or 0}")


def shown(number: Decimal) -> str:
    """Write a number in digits, without an exponent and without needless zeros."""
    plain = f"{number + 0:f}"  # -0 is 0
    return (plain.rstrip("0").rstrip(".") if "." in plain else plain) or "0"


def normalize_number(text: str) -> Normalized | None:
    """Read a percentage, a fraction, an ordinal or a number."""
    for read in (_percentage, _fraction, _ordinal, _counted):
        if (found := read(text)) is not None:
            return found
    return None


def _percentage(text: str) -> Normalized | None:
    """Give a percentage in per cent: 3‰ is 0.3, 三成 is 30."""
    if match := _TENTHS.fullmatch(text):
        tenths, rest = (small_number(one) or 0 for one in match.groups("0"))
        return Normalized(kind="percent", value=str(10 * tenths + rest))
    match = _PERCENT.fullmatch(text)
    if match is None:
        return None
    words = match["words"] or match["number"]
    number = Decimal(100) if words == "百" else read_number(words)
    if number is None:
        return None
    number *= -1 if match["minus"] else 1
    thousandths = match["of"] == "千" or match["sign"] == "‰"
    return Normalized(kind="percent", value=shown(number / 10 if thousandths else number))


def _fraction(text: str) -> Normalized | None:
    match = _FRACTION.fullmatch(text)
    if match is None:
        return None
    above = small_number(match["above"] or match["a"])
    below = small_number(match["below"] or match["b"])
    if above is None or not below:
        return None
    return Normalized(kind="fraction", value=f"{above}/{below}")


def _ordinal(text: str) -> Normalized | None:
    match = _ORDINAL.fullmatch(text)
    number = small_number(match[1]) if match else None
    return None if number is None else Normalized(kind="ordinal", value=str(number))


def _counted(text: str) -> Normalized | None:
    match = _COUNTED.fullmatch(text)
    number = read_number(match[1]) if match else None
    return None if number is None else Normalized(kind="number", value=shown(number))
