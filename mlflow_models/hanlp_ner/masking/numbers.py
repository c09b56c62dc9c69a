"""Finds numbers of people, and their e-mail addresses, by rules with checks.

A rule's pattern says how people group the digits; its check, where there is one, tells the number
from others that look like it. No number is a part of a longer one. Where a number has no shape of
its own (62345678), a word before it tells what it is (电话).
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hanlp_ner.masking import checksums
from hanlp_ner.masking.folding import FoldedText
from hanlp_ner.masking.kinds import PersonalSpan

SEPARATORS = re.compile(r"[ .·()\-]")
DATE = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
# Visa, Mastercard, JCB, American Express, UnionPay, Discover: how they begin, how long they are.
CARD = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7]|35)\d{14}|3[47]\d{13}|62\d{14,17}|6(?:011|4\d\d|5\d\d)\d{12}"
)
MONEY = r"(?! ?(?:\.\d|[元万萬亿億吨噸股]|人民币|美元|日元))"
BEFORE = r"(?<!\d)(?<!\d\.)"  # what a digit must not follow
AFTER = rf"(?!\d){MONEY}"
GAP = r"[ .·\-]{0,3}"
NEXT = "[ -]?"
BORN = NEXT.join(("", "(?:1[ -]?[89]|2[ -]?0)", r"\d", r"\d", "[01]", r"\d", "[0-3]", r"\d"))
EXTENSION = r"(?:[ ,，]?(?:转|轉|分机|分機|内线|內線|ext\.?|#|-) ?\d{1,6}(?!\d))?"
TELEPHONE = (
    "电话|電話|手机|手機|座机|座機|热线|熱線|传真|傳真|致电|致電|拨打|撥打|来电|來電|打给|"
    r"聯絡|联系方式|联系人|whatsapp|\btel|phone|mobile|โทร"
)
IDENTITY = "身份证|身分證|身份證|证件号|證件號|公民身份号码|居民证"
PASSPORT = "护照|護照|通行证|通行證|台胞证|回乡证|passport"
ACCOUNT = "卡号|卡號|银行卡|銀行卡|信用卡|储蓄卡|账号|帳號|账户|賬戶|帐号|帳戶"


class NumberRule(NamedTuple):
    """How a kind is written.

    Attributes:
        kind: PHONE, IDENTITY, PASSPORT, BANK_CARD or EMAIL.
        pattern: Its group 1 is the number, where a word before it tells the kind.
        check: Takes the number without separators, in capitals; tells whether it is one.
    """

    kind: str
    pattern: re.Pattern[str]
    check: Callable[[str], bool]


def find(folded: FoldedText) -> Iterator[PersonalSpan]:
    """Yield the numbers and e-mail addresses of a text, with their places in it as it was sent."""
    text = folded.text
    for rule in RULES:
        place = 0
        while match := rule.pattern.search(text, place):
            group = match.re.groups
            start, end = match.span(group)
            if rule.check(SEPARATORS.sub("", match[group]).upper()):
                yield PersonalSpan(rule.kind, *folded.back(start, end))
                place = end
            else:
                place = start + 1


def _digits(least: int, most: int) -> Callable[[str], bool]:
    """Make a check of how many digits a number has."""
    return lambda number: least <= sum(map(str.isdigit, number)) <= most


def _no_date(number: str) -> bool:
    return not DATE.fullmatch(number)


def _card(number: str) -> bool:
    return CARD.fullmatch(number) is not None and checksums.luhn(number)


def _rule(kind: str, pattern: str, check: Callable[[str], bool] = lambda _: True) -> NumberRule:
    return NumberRule(kind, re.compile(pattern, re.IGNORECASE | re.ASCII), check)


def _told(words: str, number: str) -> str:
    """Write the pattern of a number that a word before it tells."""
    return rf"(?:{words})[^\d\n,，。;；+]{{0,6}}?({number})"


RULES = (
    _rule(
        "EMAIL",
        r"(?<![a-z0-9._%+-])[a-z0-9._%+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,24}(?![a-z0-9])",
    ),
    # Mobile numbers of China: 138 0013 8000 and other ways to group them, or digit by digit.
    _rule(
        "PHONE",
        rf"{BEFORE}(?:\(?(?:\+|00)?86\)?{GAP})?1[3-9](?:\d{GAP}\d{{4}}{GAP}\d{{4}}"
        rf"|\d{{2}}{GAP}\d{{3}}{GAP}\d{{4}}|\d{{2}}{GAP}\d{{4}}{GAP}\d{{3}}|\d{GAP}\d{{3}}{GAP}\d{{5}}"
        rf"|\d{{3}}{GAP}\d{{6}}){AFTER}|{BEFORE}1[ -][3-9](?:[ -]\d){{9}}{AFTER}",
    ),
    # Land lines of China, with the area code.
    _rule(
        "PHONE",
        rf"{BEFORE}(?:(?:\+|00)86{GAP}\(?0?|\(?0)(?:10|2\d|[3-9]\d\d)\)?{GAP}[2-9]\d{{2,3}}{GAP}\d{{4}}"
        rf"{EXTENSION}{AFTER}",
    ),
    _rule("PHONE", rf"{BEFORE}[48]00(?:{GAP}\d{{3,4}}){{2}}{EXTENSION}{AFTER}", _digits(10, 16)),
    # Mobile numbers of Taiwan and Thailand; land lines of both, which need their hyphens.
    _rule(
        "PHONE", rf"{BEFORE}0[689]\d(?:\d{GAP}\d{{3}}{GAP}\d{{3}}|{GAP}\d{{3}}{GAP}\d{{4}}){AFTER}"
    ),
    _rule(
        "PHONE",
        rf"{BEFORE}\(?0[2-8]\d{{0,2}}(?:\)|[ -]){GAP}\d{{3,4}}{GAP}\d{{3,4}}{EXTENSION}{AFTER}",
        _digits(9, 16),
    ),
    _rule("PHONE", rf"{BEFORE}\(?(?:\+|00)?85[23]\)?[ -]{{1,2}}[2-9]\d{{3}}{GAP}\d{{4}}{AFTER}"),
    _rule("PHONE", rf"(?<!\d)\+[1-9](?:{GAP}[()]?{GAP}\d){{7,13}}{AFTER}", _digits(8, 15)),
    _rule("PHONE", _told(TELEPHONE, rf"\d(?:[ -]{{0,2}}\d){{6,14}}{EXTENSION}{AFTER}"), _no_date),
    _rule(
        "IDENTITY",
        rf"(?<!\d)[1-9](?:{NEXT}\d){{5}}{BORN}(?:{NEXT}\d){{3}}{NEXT}[\dX](?![\dA-Z])",
        checksums.china,
    ),
    _rule("IDENTITY", rf"{BEFORE}[1-9]\d{{14}}{AFTER}", checksums.china),
    _rule("IDENTITY", r"(?<![A-Z0-9])[A-Z][1289A-D]\d{8}(?!\d)", checksums.taiwan),
    _rule("IDENTITY", r"(?<![A-Z])[A-Z]{1,2}\d{6} ?\([0-9A]\)", checksums.hong_kong),
    _rule(
        "IDENTITY",
        rf"{BEFORE}[1-8](?:\d{{12}}|[ -]\d{{4}}[ -]\d{{5}}[ -]\d\d[ -]\d){AFTER}",
        checksums.thailand,
    ),
    _rule("IDENTITY", _told(IDENTITY, r"[1-9](?:[ -]?\d){16}[ -]?[\dX]|[A-Z]{0,2}\d{7,15}[\dA]?")),
    _rule("PASSPORT", _told(PASSPORT, r"[A-Z]{0,2}\d{7,10}(?!\d)")),
    _rule(
        "BANK_CARD",
        rf"{BEFORE}[2-6](?:\d{{12,18}}|\d{{3}}(?:[ -]\d{{4}}){{3}}(?:[ -]\d{{3}})?){AFTER}",
        _card,
    ),
    _rule("BANK_CARD", _told(ACCOUNT, rf"\d(?:[ -]?\d){{11,18}}{AFTER}")),
)
