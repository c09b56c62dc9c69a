"""Countries, and the divisions of China down to counties, with their official names and codes.

A name that several divisions have (朝阳区) is resolved only after a larger one (北京市朝阳区).
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from hanlp_ner.normalizing.normalized import Normalized
from hanlp_ner.normalizing.packed import rows

CHINA = "CN"
# ISO 3166-1 has codes of their own for these divisions of GB/T 2260.
OWN_COUNTRY_CODE = {"71": "TW", "81": "HK", "82": "MO"}
# The one-character names of provinces that mean nothing else. 港, 台, 青, 宁, 新 and others do.
LETTERS = dict(
    zip(
        "京津冀晋辽黑沪浙皖闽赣鲁豫鄂湘粤桂琼渝黔滇藏陕陇",
        "11 12 13 14 21 23 31 33 34 35 36 37 41 42 43 44 45 46 50 52 53 54 61 62".split(),
        strict=True,
    )
)
# Divisions whose short names mean something else as often: mountains, a district of Beijing, the
# west of the Taiwan Strait.
READ_WHOLE = {"黄山", "庐山", "武夷山", "井冈山", "峨眉山", "朝阳", "海西"}
SUFFIX = re.compile("(?:特别行政区|自治[区州县旗]|地区|新区|林区|矿区|[省市县区盟旗])$")
PEOPLES = re.compile(
    "(?:壮族|回族|维吾尔|朝鲜族|土家族|苗族|藏族|羌族|彝族|布依族|侗族|哈尼族|傣族|白族|景颇族|傈僳族|蒙古族?|哈萨克族?|"
    "柯尔克孜|满族|瑶族|畲族|黎族|土族|撒拉族|裕固族|保安族|东乡族|锡伯|塔吉克|达斡尔族?|仫佬族|毛南族|仡佬族|水族|佤族|"
    "拉祜族|布朗族|普米族|怒族|纳西族|独龙族|各族)+$"
)
SMALL = re.compile("[区县旗]$")  # their short names aren't read alone
NOT_AN_ADDRESS = re.compile("[场长民委政府内外区县市]|.$")  # after a division: 吉林市场


class Region(NamedTuple):
    """A division of China: a code of six digits, its official name, and its rank from 0 on."""

    code: str
    name: str
    rank: int

    def within(self, other: "Region | None") -> bool:
        """Tell whether it is a part of another division; None is all of China."""
        if other is None:
            return True
        return self.rank > other.rank and self.code.startswith(other.code[: 2 * other.rank + 2])


class Tables(NamedTuple):
    """What the packed tables have: divisions by name and by code, countries by name."""

    divisions: dict[str, list[Region]]
    by_code: dict[str, Region]
    countries: dict[str, tuple[str, str]]


@cache
def tables() -> Tables:
    """Read the packed tables; they are read once."""
    divisions: dict[str, list[Region]] = {}
    by_code: dict[str, Region] = {}
    countries: dict[str, tuple[str, str]] = {}
    for code, name in rows("divisions.csv"):
        rank = 0 if code.endswith("0000") else 1 if code.endswith("00") or code[2:4] == "90" else 2
        by_code[code] = division = Region(code, name, rank)
        for one in {name, *_short_names(name)}:
            divisions.setdefault(one, []).append(division)
    for code, *names in rows("countries.csv"):
        countries.update(dict.fromkeys(names, (code, names[0])))
    return Tables(divisions, by_code, countries)


def _short_names(name: str) -> Iterator[str]:
    """Give the names without the division's kind: 深圳, 广西; 恩施 and 恩施州."""
    short = SUFFIX.sub("", name)
    if "自治" in name:
        bare = PEOPLES.sub("", short)
        short = bare if len(bare) > 1 else short
        yield short + name[-1]
    if len(short) > 1:
        yield short
    if short == "内蒙古":
        yield "内蒙"


def normalize_place(text: str) -> Normalized | None:
    """Find a place in the packed tables.

    Args:
        text: Folded, see `normalize.folded`.

    Returns:
        The country, or the smallest division that the text names, and what follows; None if the
        tables don't have it, or have several.
    """
    known = tables()
    if country := known.countries.get(text):
        return Normalized(kind="place", path=[country[1]], country=country[0])
    if text in LETTERS:
        return _answer(known.by_code[LETTERS[text] + "0000"])
    for name in ("中华人民共和国", "中国"):
        if text.startswith(name):
            text = text.removeprefix(name)
            break
    found = _find(text, None)
    return None if found is None else _answer(*found)


def _find(text: str, parent: Region | None) -> tuple[Region, str] | None:
    """Find the smallest division of a text that begins with one inside of another.

    Returns:
        The division, and an address that may follow its official name: 深圳市, 科技路1号.
    """
    for end in range(len(text), 1, -1):
        name, rest = text[:end], text[end:]
        division = _only(name, parent)
        if division is None:
            continue
        inner = _find(rest, division) if rest else (division, "")
        if inner is not None:
            return inner
        if name == division.name and not NOT_AN_ADDRESS.match(rest):
            return division, rest
    return None


def _only(name: str, parent: Region | None) -> Region | None:
    """Give the largest division of a name; None if several are as large."""
    found = [
        one
        for one in tables().divisions.get(name, ())
        if one.within(parent) and (parent or name == one.name or _is_read_alone(one, name))
    ]
    if not found:
        return None
    rank = min(one.rank for one in found)
    largest = [one for one in found if one.rank == rank]
    return largest[0] if len(largest) == 1 else None


def _is_read_alone(division: Region, short: str) -> bool:
    """Tell whether a short name means a division without more: 深圳 and 恭城县 do, 南山 doesn't."""
    small = division.rank == 2 and SMALL.search(division.name) and not SMALL.search(short)
    return not small and short not in READ_WHOLE


def _answer(division: Region, detail: str = "") -> Normalized:
    by_code, code = tables().by_code, division.code
    above = [by_code[one] for one in (code[:2] + "0000", code[:4] + "00") if one in by_code]
    names = [one.name for one in above if one.code != code] + [division.name]
    return Normalized(
        kind="place",
        path=[tables().countries["中国"][1], *names],
        detail=detail.lstrip(",、") or None,
        code=code,
        country=OWN_COUNTRY_CODE.get(code[:2], CHINA),
    )
