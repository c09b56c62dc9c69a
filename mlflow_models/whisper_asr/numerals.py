"""Writes the numbers of Chinese text in digits (2015年), or in words (二零一五年).

In digits come years, dates, clock times, money, percentages, decimals, fractions, telephone
numbers, sizes, and numbers from ten on that count something. Words stay: 一个, 一起, 第一, 星期一,
sayings, and vague numbers (十几, 三四百). 万 and 亿 stay too: 144亿. Newspapers do the same (GB/T
15835). Numbers beside Latin letters (V2V) aren't touched. cn2an reads and writes a number; the
patterns say what a number is, and of which kind.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from whisper_asr.quantities import (
    DAYTIME,
    MEASURE,
    MEASURE_OVER_TEN,
    MONEY,
    NOT_VAGUE,
    NUMBER,
    ONE,
    PART,
    PHONE,
    ROUND,
    SIZE,
    VAGUE,
    digits_of,
    one_by_one,
    words_of,
)
from zoo.data.numerals import FIGURES, figures

Numerals = Literal["digits", "words", "as_is"]
PERCENT = {"百": "%", "千": "‰"}
# Sayings and names in which a number stays in words.
SAYINGS = re.compile(
    "三百六十行|一千零一夜|十万个为什么|三七二十一|九九八十一|七十二变|三十六计|十八般|十八罗汉|五十步笑百步|"
    "十万八千里|十万火急|十年(?:如一日|寒窗|树木)|十月革命|[正八]月十五|双十[一二]|一五一十|二百五(?!十)|"
    "二十四[史孝]|三十而立|四十不惑|五十知天命|十项全能|十级|十号|[一二三四]元(?:[一二三四]次|[论化次桥里店]|复始)|"
    "七零八[落碎]|一亩三分地|一点[一二三四][滴线]"
)


@dataclass(frozen=True)
class Edit:
    """A part of a text, from `start` to before `end`, and what is written in its place."""

    start: int
    end: int
    text: str


Writer = Callable[[re.Match[str]], str | None]
Rule = tuple[re.Pattern[str], Writer]


def edits(text: str, numerals: Numerals) -> list[Edit]:
    """Find what to change in a text, so that its numbers are in digits, or in words.

    Args:
        text: Chinese, in simplified characters.
        numerals: `digits`, `words`, or `as_is`, which changes nothing.

    Returns:
        Edits that don't overlap, in the order of the text.
    """
    found: list[Edit] = []
    taken = bytearray(len(text))
    if numerals == "digits":
        for saying in SAYINGS.finditer(text):
            taken[saying.start() : saying.end()] = b"\1" * len(saying[0])
    for pattern, write in RULES[numerals]:
        for match in pattern.finditer(text):
            start, end = match.span(1)  # the number; around it is what tells its kind
            written = None if any(taken[start:end]) else write(match)
            if written is not None:
                found.append(Edit(start, end, written))
                taken[start:end] = b"\1" * (end - start)
    return sorted(found, key=lambda one: one.start)


def rewritten(text: str, numerals: Numerals) -> str:
    """Write the numbers of a text in digits or in words, as `edits` says."""
    return "".join(applied(text, edits(text, numerals)))


def applied(text: str, changes: list[Edit]) -> Iterator[str]:
    """Yield the pieces of a changed text."""
    place = 0
    for one in changes:
        yield text[place : one.start]
        yield one.text
        place = one.end
    yield text[place:]


def _year(match: re.Match[str]) -> str | None:
    """Write a run of figures: a year, a telephone number; not 二三 of 二三线城市."""
    run, after = match[1], match.string[match.end() :]
    short = len(run) == 2 and (
        (after[:1] == "后" and run[1] in "零五")
        or (after[:1] == "年" and run[0] in "零六七八九" and run not in FIGURES)
    )
    year = len(run) == 4 and (after[:1] == "年" or run.startswith(("一八", "一九", "二零")))
    called = re.search(PHONE + "$", match.string[: match.start()]) and len(run) > 2
    long = len(run) > 4 and run not in FIGURES  # 二三四线 is the second to fourth rank
    if short or year or called or long or (len(run) > 2 and re.search("[零〇幺]", run)):
        return figures(run)
    return None


def _percentage(match: re.Match[str]) -> str | None:
    number = _decimal_of(match[3])
    return None if number is None else number + PERCENT[match[2]]


def _decimal_of(words: str) -> str | None:
    whole, _, fraction = words.partition("点")
    number = "100" if whole == "百" else digits_of(whole)
    return number if number is None or not fraction else f"{number}.{figures(fraction)}"


def _fraction(match: re.Match[str]) -> str | None:
    below, above = digits_of(match[2]), digits_of(match[3])
    return f"{above}/{below}" if f"{above}{below}".isdigit() else None


def _decimal(match: re.Match[str]) -> str | None:
    """Write 一点五倍, but not 快一点三个人: 一点 is also a little, and 三点 a time."""
    fraction, after = match[1].partition("点")[2], match.string[match.end() :]
    if re.match("[十百千分刻点滴钟线]|个(?!百分点)", after):
        return None
    sure = re.match(f"[万亿倍折级个]|$|[^\\w]|{MONEY}|{SIZE}|{ROUND}", after)
    if match[1].startswith("一点") and len(fraction) == 1 and not sure:
        return None
    return _decimal_of(match[1])


def _clock(match: re.Match[str]) -> str | None:
    """Write 晚八时, 八点半 and 八点零五分, but not 八点建议."""
    _, before, hour, unit, minute, minutes = match.groups()
    after = match.string[match.end() :]
    if not (before or minutes or re.match("[半钟整]|[一三]刻", after)):
        return None
    shown, past = digits_of(hour), ""
    if minute:
        read = digits_of(minute.lstrip("零〇"))
        past = f"{read:0>2}" if read and minute[0] in "零〇" else read or ""
        if not past:
            return None
    return None if shown is None else f"{before or ''}{shown}{unit}{past}{minutes or ''}"


def _small(match: re.Match[str]) -> str | None:
    """Write a number that a date, an address, money or a size makes clear, even a small one."""
    return None if match.string[: match.start()].endswith(VAGUE) else digits_of(match[1])


def _date(match: re.Match[str]) -> str | None:
    """Write a month or a day; 两月 is left, because it means two months, not February."""
    return None if match[1] == "两" else _small(match)


def _counted(match: re.Match[str]) -> str | None:
    """Write a number from ten on that counts something."""
    number, before = digits_of(match[1]), match.string[: match.start()]
    if number is None or before.endswith(VAGUE) or re.search(f"(?<![{PART}]){ONE}、$", before):
        return None  # 六、七十分
    after = match.string[match.end() :]
    most = re.match(f"[到至]({NUMBER}){MEASURE}", after)
    if len(number) < 2:
        return number if most and len(digits_of(most[1]) or "") > 1 else None
    unit = MEASURE if match[1] == "十" else f"(?:{MEASURE}|{MEASURE_OVER_TEN})"
    counts = most or re.match(f"[多余]?{unit}|[多余][万亿]", after)
    bare = len(match[1]) > 1 and match[1] not in ("十一", "十二") and re.match(r"$|[^\w]", after)
    if counts or bare or number[-1] in "万亿" or len(match[1]) > 4 or before.endswith("第"):
        return number
    return None


def _compile(*rules: tuple[str, Writer]) -> tuple[Rule, ...]:
    return tuple((re.compile(pattern), write) for pattern, write in rules)


DECIMAL = f"(?:{NUMBER}|(?<![{PART}])零)点{ONE}+"
TO_DIGITS = _compile(
    (f"((百|千)分之({DECIMAL}|{NUMBER}|百)){NOT_VAGUE}", _percentage),
    (f"(?<!又)(({NUMBER})分之({NUMBER})){NOT_VAGUE}", _fraction),
    (f"(({DAYTIME})?({NUMBER}|零)([点时])(?:(零?[{PART}]+)(分)?(?!刻))?)", _clock),
    (f"({DECIMAL})", _decimal),
    (f"(?<![{PART}点幺])([幺{ONE[1:-1]}]{{2,}})(?![{PART}幺])", _year),
    (f"({NUMBER})(?=月)", _date),
    (f"(?<=月)({NUMBER})(?=[日号])", _date),
    (f"(?<=[路街道弄巷])({NUMBER})(?=[号弄])", _small),
    (f"({NUMBER})(?=(?:{MONEY}|{SIZE})(?![一二三四五六七八九]))", _small),
    (f"({NUMBER}){NOT_VAGUE}", _counted),
)


def _time(match: re.Match[str]) -> str:
    _, hour, minute = match.groups()
    past = "零" * (minute[0] == "0") + words_of(str(int(minute))) + "分" if int(minute) else ""
    return f"{'两' if hour == '2' else words_of(hour)}点{past}"


def _parts_of(match: re.Match[str]) -> str:
    """Speak a percentage, or a part of a thousand."""
    _, minus, number, sign = match.groups()
    below = "千" if sign == "‰" else "百"
    return f"{'负' * bool(minus)}{below}分之{'百' if number == '100' else words_of(number)}"


def _ratio(match: re.Match[str]) -> str:
    return f"{words_of(match[3])}分之{words_of(match[2])}"


def _years(match: re.Match[str]) -> str:
    """Write a range of years."""
    return f"{one_by_one(match[2])}到{one_by_one(match[3])}"


def _spoken_year(match: re.Match[str]) -> str | None:
    """Speak 2015年 and 98年 as years, but 80年 and 1000年前 as numbers."""
    year, after = match[1], match.string[match.end() :]
    if len(year) == 4:
        return None if year[2:] == "00" and re.match("年[前来间多历]", after) else one_by_one(year)
    lasts = year[1] == "0" or re.match("年[前来间多代历以之的]", after)
    return None if lasts else one_by_one(year)


def _priced(match: re.Match[str]) -> str:
    _, sign, number, scale = match.groups()
    return words_of(number) + (scale or "") + CURRENCIES[sign]


def _range(match: re.Match[str]) -> str:
    _, least, most, sign = match.groups()
    return f"{'百分之' * bool(sign)}{words_of(least)}到{words_of(most)}"


def _spoken(match: re.Match[str]) -> str:
    """Speak any other number, with what is before and after it in mind."""
    _, minus, number = match.groups()
    before, after = match.string[: match.start()], match.string[match.end() :]
    called = len(number) > 2 and re.search(PHONE + "$", before)
    counts = re.match(f"[多余万亿]|{MEASURE}|{MEASURE_OVER_TEN}", after)
    year = re.fullmatch("(?:19|20)(?!00)[0-9]{2}", number) and not counts
    if number.isdigit() and (called or year or number[:-1].startswith("0") or len(number) > 8):
        return one_by_one(number)
    if number == "2" and _is_two_things(before, after):
        return "两"
    zero = "零" * (before.endswith("亿") and after[:1] == "万" and len(number) < 4)
    return "负" * bool(minus) + zero + words_of(number)


def _is_two_things(before: str, after: str) -> bool:
    """Tell whether 2 is 两, as in two things, and not 二, the second."""
    ordinal = before.endswith("第") or re.match("[月日号级线楼层时]|年级", after)
    return not ordinal and re.match(f"{MEASURE}|[万亿]", after) is not None


CURRENCIES = {"$": "美元", "¥": "元", "￥": "元", "€": "欧元", "£": "英镑"}
ALONE = r"(?<![A-Za-z0-9])(?<![A-Za-z] )(?<![A-Za-z0-9][.,/:~-])"
END = r"(?![A-Za-z0-9]|[.,/:~-][0-9])"
ANY = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?"
MINUS = r"(?:(?<![\w%])(-))?"
YEAR = "((?:19|20)[0-9]{2})"
TO_WORDS = _compile(
    (rf"{ALONE}({YEAR}[-~]{YEAR}){END}", _years),
    (rf"{ALONE}((?:[0-9]{{3,4}}-){{1,2}}[0-9]{{4,}}){END}", lambda match: one_by_one(match[1])),
    (rf"{ALONE}(([0-9]{{1,2}}):([0-5][0-9])){END}", _time),
    (rf"{ALONE}(({ANY})[-~]({ANY})(%)?)(?(4)|(?={MEASURE}|[万亿]))", _range),
    (rf"{ALONE}({MINUS}({ANY})([%‰])){END}", _parts_of),
    (rf"{ALONE}(([0-9]{{1,3}})/([1-9][0-9]{{0,2}})){END}", _ratio),
    (rf"{ALONE}([12][0-9]{{3}}(?=[年底])|[6-9][0-9](?=年))", _spoken_year),
    (rf"{ALONE}([0-9][05])(?=后)", lambda match: one_by_one(match[1])),
    (rf"(([$¥￥€£])({ANY})([万亿]?)){END}", _priced),
    (rf"{ALONE}({MINUS}({ANY})){END}", _spoken),
    (r"(?<=[0-9])(℃)", lambda _: "摄氏度"),
)
RULES: dict[Numerals, tuple[Rule, ...]] = {"digits": TO_DIGITS, "words": TO_WORDS, "as_is": ()}
