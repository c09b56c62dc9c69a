"""Days, months and years as people write them: 二〇二三年十月一日, 去年三月五日, 上周五.

What a text leaves out is taken from the reference date: 三月五日 is in its year, 五日 in its month,
周五 in its week. Weeks begin on Monday (ISO 8601).
"""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta

from hanlp_ner.normalizing.normalized import Kind
from hanlp_ner.normalizing.numbers import small_number
from zoo.data.numerals import figures

MIN_YEAR, MAX_YEAR = 1, 9999  # of ISO 8601's four digits
# Year 1 of an era, less one. All count the years of the Gregorian calendar (佛历 since 1941).
ERAS = {"公元": 0, "西元": 0, "民国": 1911, "佛历": -543, "昭和": 1925, "平成": 1988, "令和": 2018}
# Years of two digits are of 1969 to 1999 (as in POSIX), or of 2000 to 2029; others aren't clear.
FIRST_OF_1900, LAST_OF_2000 = 69, 29
YEARS_FROM_NOW = {
    **{"大前年": -3, "前年": -2, "去年": -1, "上年": -1, "今年": 0, "本年": 0},
    **{"明年": 1, "后年": 2, "大后年": 3},
}
DAYS_FROM_NOW = {
    **{"大前天": -3, "前天": -2, "前日": -2, "昨天": -1, "昨日": -1, "今天": 0, "今日": 0},
    **{"明天": 1, "明日": 1, "后天": 2, "后日": 2, "大后天": 3},
    **{"前晚": -2, "昨晚": -1, "昨夜": -1, "今早": 0, "今晨": 0, "今晚": 0, "今夜": 0},
    **{"明早": 1, "明晨": 1, "明晚": 1, "后晚": 2},
}
STEPS_FROM_NOW = {
    **{"上上": -2, "上": -1, "这": 0, "本": 0, "下": 1, "下下": 2},
    **{"上上个": -2, "上个": -1, "这个": 0, "下个": 1, "下下个": 2},
}
STEP = "上上个?|上个?|这个?|本|下下个?|下个?"
WEEKDAYS = "一二三四五六日"

_ONE = "零〇一二三四五六七八九"
_SMALL = f"[0-9]{{1,2}}|[{_ONE}十廿]{{1,3}}"
_DATE = re.compile(
    "(?:"
    f"(?:(?P<era>{'|'.join(ERAS)})(?P<era_year>[0-9]{{1,4}}|[{_ONE}十百千]+|元)"
    f"|(?P<year>[0-9]{{4}}|[{_ONE}]{{4}}|[二两]千[零〇][{_ONE}十]+)"
    f"|(?P<short_year>[0-9]{{2}}|[{_ONE}]{{2}}))年度?"
    f"|(?P<year_step>{'|'.join(YEARS_FROM_NOW)})度?)?"
    f"(?:(?P<month>{_SMALL}|元)月份?|(?P<month_step>{STEP})月)?"
    f"(?:(?P<day>{_SMALL})[日号]|(?P<day_step>{'|'.join(DAYS_FROM_NOW)}))?"
    f"(?:[(]?(?:星期|周|礼拜)(?P<weekday>[{WEEKDAYS}天])[)]?)?"
)
_ISO = re.compile("([12][0-9]{3})(?:([-/.])([0-9]{1,2})(?:\\2([0-9]{1,2}))?)?")
_COMPACT = re.compile("((?:19|20)[0-9]{2})([01][0-9])([0-3][0-9])")
_WEEKDAY = re.compile(f"(?P<step>{STEP})?(?:周|星期|礼拜)(?P<day>[{WEEKDAYS}天1-6])")
_DISTANCE = re.compile(
    f"(?P<count>[0-9]{{1,4}}|[{_ONE}两十百千]+)(?P<unit>年|个月|周|个?星期|个?礼拜|天|日)"
    "(?:之|以)?(?P<side>前|后)"
)


@dataclass(frozen=True)
class Day:
    """A day, a month or a year; None for what isn't said."""

    year: int | None = None
    month: int | None = None
    day: int | None = None

    @property
    def kind(self) -> Kind:
        """Tell how exact it is."""
        return "year" if self.month is None else "month" if self.day is None else "date"

    def inheriting(self, other: "Day") -> "Day":
        """Take what is left out before its own first unit from another day."""
        year, month = self.year, self.month
        if year is None:
            year = other.year
            if month is None:
                month = other.month
        return replace(self, year=year, month=month)

    def complete(self, today: date | None) -> "Day | None":
        """Take the year, and the month of a mere day, from the reference date.

        Returns:
            None if that needs a reference date and there is none, or if there is no such day.
        """
        whole = self
        if self.year is None:
            if today is None:
                return None
            whole = self.inheriting(Day(today.year, today.month))
        return whole if whole.exists() else None

    def exists(self) -> bool:
        """Tell whether the calendar has it; the year must be known."""
        try:
            self.first()
        except ValueError:
            return False
        return self.month is not None or self.day is None

    def first(self) -> date:
        """Give its first day; the year must be known."""
        month, day = (1 if one is None else one for one in (self.month, self.day))
        return date(self.year or 0, month, day)

    def iso(self) -> str:
        """Write it by ISO 8601, as exactly as it is known; the year must be known."""
        rest = "".join(f"-{one:02}" for one in (self.month, self.day) if one is not None)
        return f"{self.year:04}{rest}"


def day_of(one: date) -> Day:
    """Turn a date into a `Day`."""
    return Day(one.year, one.month, one.day)


def shifted_month(today: date, months: int) -> Day:
    """Give the month that is so many months after a date; before it, if negative."""
    years, month = divmod(today.month - 1 + months, 12)
    return Day(today.year + years, month + 1)


def shifted_day(today: date, days: int) -> Day | None:
    """Give the day that is so many days after a date; None outside of the calendar."""
    try:
        return day_of(today + timedelta(days))
    except OverflowError:
        return None


def monday(today: date, weeks: int = 0) -> int:
    """Count the days from a date to the Monday of its week, or of one so many weeks later."""
    return 7 * weeks - today.weekday()


def read_day(text: str, today: date | None) -> Day | None:
    """Read a day, a month or a year.

    Args:
        text: Folded, see `normalize.folded`.
        today: The reference date, if one is known.

    Returns:
        A day, which may lack its year; None if the text isn't one that can be resolved.
    """
    if match := _ISO.fullmatch(text) or _COMPACT.fullmatch(text):
        year, *rest = [int(one) for one in match.groups() if one and one.isdigit()]
        return Day(year, *rest)
    if today is not None:
        if match := _WEEKDAY.fullmatch(text):
            weekday = WEEKDAYS.find(match["day"].replace("天", "日"))
            weekday = int(match["day"]) - 1 if weekday < 0 else weekday
            weeks = STEPS_FROM_NOW[match["step"] or "本"]
            return shifted_day(today, monday(today, weeks) + weekday)
        if match := _DISTANCE.fullmatch(text):
            return _distant(match, today)
    match = _DATE.fullmatch(text)
    return _written(match, today) if match and any(match.groups()) else None


def _distant(match: re.Match[str], today: date) -> Day | None:
    """Read 三年前 and 两天后: a year, a month or a day, by the unit."""
    count = small_number(match["count"])
    if count is None:
        return None
    count *= -1 if match["side"] == "前" else 1
    if match["unit"] == "年":
        return Day(today.year + count)
    if match["unit"] == "个月":
        return shifted_month(today, count)
    return shifted_day(today, count * (1 if match["unit"] in "天日" else 7))


def _written(match: re.Match[str], today: date | None) -> Day | None:
    """Read what `_DATE` matches; None if it isn't clear, or contradicts itself."""
    if (match["year_step"] or match["month_step"] or match["day_step"]) and today is None:
        return None
    day = Day(_year(match, today))
    if month := match["month"]:
        day = replace(day, month=1 if month == "元" else small_number(month))
        if day.month is None:
            return None
    elif match["month_step"] and today is not None:
        if day.year is not None:
            return None
        day = shifted_month(today, STEPS_FROM_NOW[match["month_step"]])
    if match["day"]:
        if (number := small_number(match["day"])) is None:
            return None
        day = replace(day, day=number)
    elif match["day_step"] and today is not None:
        if day != Day():
            return None
        shifted = shifted_day(today, DAYS_FROM_NOW[match["day_step"]])
        if shifted is None:
            return None
        day = shifted
    if day == Day() or (day.year is not None and not MIN_YEAR <= day.year <= MAX_YEAR):
        return None
    return day if match["weekday"] is None else _checked(day, match["weekday"], today)


def _year(match: re.Match[str], today: date | None) -> int | None:
    """Read the year of `_DATE`; 0, which no calendar has, if it isn't clear."""
    if match["year_step"] and today is not None:
        return today.year + YEARS_FROM_NOW[match["year_step"]]
    if match["era"]:
        words = match["era_year"]
        number = 1 if words == "元" else small_number(words)
        return ERAS[match["era"]] + number if number else 0
    if year := match["year"]:
        return small_number(year) or 0
    if short := match["short_year"]:
        number = int(short if short.isdigit() else figures(short))
        lasts = not match["month"] and number >= 10 and (number <= LAST_OF_2000 or number % 10 == 0)
        if lasts or LAST_OF_2000 < number < FIRST_OF_1900:  # 20年 and 80年 may be durations
            return 0
        return number + (1900 if number >= FIRST_OF_1900 else 2000)
    return None


def _checked(day: Day, weekday: str, today: date | None) -> Day | None:
    """Give a day back if it is on this weekday."""
    whole = day.complete(today)
    if whole is None or whole.day is None:
        return None
    same = whole.first().weekday() == WEEKDAYS.index(weekday.replace("天", "日"))
    return day if same else None
