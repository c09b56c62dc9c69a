"""Writes Thai numbers, times, dates and money as they are spoken: 10.30 น. is สิบนาฬิกาสามสิบนาที.

How a number is read is a choice where the context doesn't say: 1/2 is หนึ่งทับสอง (as in addresses),
3-5 is สามถึงห้า, what starts with 0 or is longer than nine digits is read digit by digit. Digits may
be Thai (๑๐.๓๐ น.): `\\d` matches and `int` reads them.
"""

import re

from pythainlp.util import num_to_thaiword, time_to_thaiword

MONTHS = {
    "ม.ค.": "มกราคม",
    "ก.พ.": "กุมภาพันธ์",
    "มี.ค.": "มีนาคม",
    "เม.ย.": "เมษายน",
    "พ.ค.": "พฤษภาคม",
    "มิ.ย.": "มิถุนายน",
    "ก.ค.": "กรกฎาคม",
    "ส.ค.": "สิงหาคม",
    "ก.ย.": "กันยายน",
    "ต.ค.": "ตุลาคม",
    "พ.ย.": "พฤศจิกายน",
    "ธ.ค.": "ธันวาคม",
}
NAMES = list(MONTHS.values())
CURRENCIES = {"฿": "บาท", "$": "ดอลลาร์", "€": "ยูโร", "£": "ปอนด์", "¥": "เยน"}
UNITS = {"%": "เปอร์เซ็นต์", "°C": "องศาเซลเซียส", "°F": "องศาฟาเรนไฮต์", "°": "องศา"}
MAX_DIGITS = 9  # digits that are read as one number

LETTERS = r"A-Za-zก-ฮะ-ฺเ-ๅ็-๎"
AMOUNT = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
APART = r"(?<![A-Za-z\d])(?<!\d[.,])"  # not within iPhone12, MP3 or 1.2.3
OVER = r"(?![A-Za-z\d])"
CLOCK = r"(\d{1,2})[.:](\d{2})(?:[.:](\d{2}))?"
HOUR_MARK = rf"\s*(?:น\.(?!\s?[ก-ฮ]\.)|น(?![{LETTERS}.])|นาฬิกา)"  # not น.ส.
MONTH = "|".join(re.escape(short).replace(r"\.", r"\.\s?")[:-3] + "?" for short in MONTHS)

TIME_RANGE = re.compile(rf"(?<![\d.:]){CLOCK}(?:{HOUR_MARK})?\s*[-–—]\s*{CLOCK}{HOUR_MARK}")
TIME = re.compile(rf"(?<![\d.:]){CLOCK}{HOUR_MARK}")
COLON_TIME = re.compile(r"(?<![\d.:])(\d{1,2}):(\d{2})(?::(\d{2}))?(?![\d:])")
FULL_HOUR = re.compile(rf"(?<![\d.,:/-])(\d{{1,2}}){HOUR_MARK}")
DAY_MONTH = re.compile(rf"(?<=\d)\s*({MONTH})(?![{LETTERS}])(?=(\S?))")
MONTH_YEAR = re.compile(rf"(?<![{LETTERS}])({MONTH})\s*(?=\d)")
DATE = re.compile(r"(?<![\d/.-])(\d{1,2})([/-])(\d{1,2})\2(\d{4})(?![\d/-])")
ISO_DATE = re.compile(r"(?<![\d/.-])(\d{4})-(\d{2})-(\d{2})(?![\d-])")
BAHT = re.compile(rf"{APART}(?:฿\s?)?(\d{{1,3}}(?:,\d{{3}})+|\d+)\.(\d\d)\s*(?:บาท|฿)")
BAHT_SIGN = re.compile(rf"{APART}฿\s?(\d{{1,3}}(?:,\d{{3}})+|\d+)\.(\d\d){OVER}")
DASHED = re.compile(rf"{APART}({AMOUNT})\.?-(?![\d{LETTERS}])")  # 50.- is 50 baht
BEFORE = re.compile(rf"([{''.join(CURRENCIES)}])\s?({AMOUNT}){OVER}(\s*ล้าน|\s*แสน|\s*หมื่น|\s*พัน)?")
AFTER = re.compile(rf"{APART}({AMOUNT})\s?([{''.join(CURRENCIES)}])")
COUNTED_BAHT = re.compile(rf"{APART}(?<!\d-)({AMOUNT})\s*(บาท|สตางค์)")
CALLED = re.compile(r"((?:โทร\.?|โทรศัพท์|เบอร์|หมายเลข|สายด่วน)\s*)(\d[\d -]*\d)")
GROUPED = re.compile(
    r"(?<![\d.,-])\+?\d+(?:-\d+){2,}(?![\d-])|(?<![\d.,-])0\d{1,2}-\d{6,7}(?![\d-])"
)
DOTTED = re.compile(rf"{APART}\d+(?:\.\d+){{2,}}{OVER}")
SPAN = re.compile(rf"{APART}({AMOUNT})\s*[-–—]\s*(?=(?:{AMOUNT}){OVER})")
STROKE = re.compile(rf"{APART}(\d+)\s?/\s?(\d+){OVER}(?!/)")
UNIT = re.compile(rf"({AMOUNT})\s?({'|'.join(map(re.escape, UNITS))})")
NUMBER = re.compile(rf"(?<![A-Za-z\d])(?:(?<!\S)([-−]))?({AMOUNT}){OVER}")


def say_digits(text: str) -> str:
    """Reads the digits of a text one by one."""
    return "".join(num_to_thaiword(int(digit)) for digit in text if digit.isdecimal())


def say_number(text: str) -> str:
    """Reads a number: `1,250.5` is หนึ่งพันสองร้อยห้าสิบจุดห้า."""
    whole, _, part = text.replace(",", "").partition(".")
    longest = 2 * MAX_DIGITS if "," in text else MAX_DIGITS
    if len(whole) > longest or (len(whole) > 1 and int(whole[0]) == 0):
        spoken = say_digits(whole)
    else:
        spoken = num_to_thaiword(int(whole))
    return f"{spoken}จุด{say_digits(part)}" if part else spoken


def speak_times(text: str) -> str:
    """Writes times by the 24-hour clock: 10.30 น., 10:30, 9 น., 08.00-16.30 น."""
    text = TIME_RANGE.sub(_time_range, text)
    text = TIME.sub(lambda match: _clock(match.groups(), match[0]), text)
    text = COLON_TIME.sub(lambda match: _clock(match.groups(), match[0]), text)
    return FULL_HOUR.sub(lambda match: _clock((match[1], "0", None), match[0]), text)


def speak_dates(text: str) -> str:
    """Writes dates: months that are abbreviated beside a number, 12/1/2564 and 2021-01-12."""
    text = DATE.sub(lambda match: _date(match[1], match[3], match[4], match[0]), text)
    text = ISO_DATE.sub(lambda match: _date(match[3], match[2], match[1], match[0]), text)
    text = DAY_MONTH.sub(lambda match: f" {_month(match[1])}{' ' if match[2] else ''}", text)
    return MONTH_YEAR.sub(lambda match: f"{_month(match[1])} ", text)


def speak_money(text: str) -> str:
    """Writes amounts of money: 1,250.50 บาท, ฿50, 50.-, $5."""
    text = BAHT.sub(lambda match: _baht(match[1], match[2]), text)
    text = BAHT_SIGN.sub(lambda match: _baht(match[1], match[2]), text)
    text = BEFORE.sub(
        lambda match: say_number(match[2]) + (match[3] or "").strip() + CURRENCIES[match[1]], text
    )
    text = AFTER.sub(lambda match: say_number(match[1]) + CURRENCIES[match[2]], text)
    text = DASHED.sub(lambda match: say_number(match[1]) + "บาท", text)
    return COUNTED_BAHT.sub(lambda match: say_number(match[1]) + match[2], text)


def speak_numbers(text: str) -> str:
    """Writes what else has digits, but for what belongs to Latin letters: MP3, 1st."""
    text = CALLED.sub(lambda match: match[1] + say_digits(match[2]), text)
    text = GROUPED.sub(lambda match: say_digits(match[0]), text)
    text = DOTTED.sub(lambda match: "จุด".join(map(say_number, match[0].split("."))), text)
    text = SPAN.sub(lambda match: f"{say_number(match[1])}ถึง", text)
    text = UNIT.sub(lambda match: say_number(match[1]) + UNITS[match[2]], text)
    text = STROKE.sub(lambda match: f"{say_number(match[1])}ทับ{say_number(match[2])}", text)
    return NUMBER.sub(lambda match: ("ลบ" if match[1] else "") + say_number(match[2]), text)


def _clock(parts: tuple[str | None, ...], otherwise: str) -> str:
    """A time as it is spoken, or what was there if it is none."""
    hour, minute, second = (int(part or 0) for part in parts)
    if hour == 24 and minute == second == 0:
        return num_to_thaiword(24) + "นาฬิกา"
    if hour > 23 or minute > 59 or second > 59:
        return otherwise
    return time_to_thaiword(f"{hour}:{minute}:{second}")


def _time_range(match: re.Match[str]) -> str:
    begin, end = _clock(match.groups()[:3], ""), _clock(match.groups()[3:], "")
    return f"{begin}ถึง{end}" if begin and end else match[0]


def _date(day: str, month: str, year: str, otherwise: str) -> str:
    """A date with its month in words, or what was there if it is none."""
    if not (1 <= int(day) <= 31 and 1 <= int(month) <= 12):
        return otherwise
    return f"{int(day)} {NAMES[int(month) - 1]} {int(year)}"


def _month(short: str) -> str:
    letters = re.sub(r"[\s.]", "", short)
    return next(name for key, name in MONTHS.items() if key.replace(".", "") == letters)


def _baht(whole: str, satang: str) -> str:
    """Baht and satang: 0.50 is ห้าสิบสตางค์."""
    baht, cents = int(whole.replace(",", "")), int(satang)
    spoken = f"{num_to_thaiword(cents)}สตางค์" if cents else ""
    return spoken if spoken and not baht else f"{num_to_thaiword(baht)}บาท{spoken}"
