"""Sums of money and quantities with a unit: 3.5万元, 三块五, US$100, 60公里/小时, 零下五摄氏度."""

import re
from collections.abc import Iterable
from decimal import Decimal

from hanlp_ner.normalizing.normalized import Normalized
from hanlp_ner.normalizing.numbers import NUMBER, ONES, read_number, shown
from hanlp_ner.normalizing.packed import rows

CURRENCIES = {name: code for code, *names in rows("currencies.csv") for name in (code, *names)}
UNITS = {name: (code, factor) for code, factor, *names in rows("units.csv") for name in names}
DEGREES = {"ANGLE": "deg", "TEMPERATURE": "Cel"}  # what 度 is of, by the entity's type


def _any(names: Iterable[str]) -> str:
    return "|".join(re.escape(one) for one in sorted(names, key=len, reverse=True))


_CURRENCY = _any(CURRENCIES)
_MONEY = re.compile(
    f"(?P<before>{_CURRENCY})?(?P<number>{NUMBER})(?P<after>{_CURRENCY})?"
    f"(?:(?<=块)(?P<bare>[{ONES}1-9]))?"
    f"(?:(?P<jiao>[{ONES}0-9])[角毛])?(?:(?P<fen>[{ONES}0-9])分)?(?P<last>人民币|港币|台币|新台币)?"
)
_SMALL_MONEY = re.compile(f"(?P<number>[{ONES}十0-9]+)(?P<unit>[角毛分])钱?")
_QUANTITY = re.compile(
    f"(?P<below>零下)?(?P<speed>时速)?(?P<number>{NUMBER})"
    f"(?:(?<!千)|(?![米克瓦赫]))(?P<unit>{_any(UNITS)})"
)
_DEGREES = re.compile(f"(?P<below>零下)?(?P<number>{NUMBER})(?:度|°)")


def normalize_money(text: str) -> Normalized | None:
    """Read a sum of money; without a currency's name it has no currency."""
    if match := _SMALL_MONEY.fullmatch(text):
        number = read_number(match["number"])
        part = Decimal("0.01" if match["unit"] == "分" else "0.1")
        return None if number is None else _money(number * part, "CNY")
    match = _MONEY.fullmatch(text)
    number = read_number(match["number"]) if match else None
    if match is None or number is None:
        return None
    names = {CURRENCIES[one] for one in match.group("before", "after", "last") if one}
    if match["after"] == "元" and len(names) > 1:
        names.discard("CNY")  # 100元港币
    jiao, fen = match["jiao"] or match["bare"], match["fen"]
    if len(names) > 1 or ((jiao or fen) and not match["after"]):
        return None
    number += _figure(jiao) / 10 + _figure(fen) / 100
    return _money(number, *names)


def _figure(words: str | None) -> Decimal:
    return (read_number(words) if words else None) or Decimal(0)


def _money(number: Decimal, currency: str | None = None) -> Normalized:
    return Normalized(kind="money", value=shown(number), currency=currency)


def normalize_quantity(text: str, entity_type: str) -> Normalized | None:
    """Read a number with a unit; its value is in a unit of UCUM.

    Args:
        text: Folded, see `normalize.folded`.
        entity_type: In capitals; it tells whether 度 is of an angle or of warmth.
    """
    if match := _DEGREES.fullmatch(text):
        code, factor = DEGREES.get(entity_type), "1"
    elif match := _QUANTITY.fullmatch(text):
        code, factor = UNITS[match["unit"]]
        if match["speed"] and "/" not in code:
            code += "/h"
    else:
        return None
    number = read_number(match["number"])
    if number is None or code is None:
        return None
    number *= Decimal(factor) * (-1 if match["below"] else 1)
    return Normalized(kind="quantity", value=shown(number), unit=code)
