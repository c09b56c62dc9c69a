"""Tells people's numbers from other numbers, by check digits and dates of birth.

Each function takes a number without spaces and hyphens, its letters in upper case.
"""

import re
from collections.abc import Sequence

BIRTH = re.compile(r"(?:18|19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
CHINA_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHINA_CHECKS = "10X98765432"
TAIWAN_LETTERS = "ABCDEFGHJKLMNPQRSTUVXYWZIO"  # the first is 10, the last 35
TAIWAN_WEIGHTS = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
HONG_KONG_SPACE = 36  # what a missing first letter counts


def china(number: str) -> bool:
    """Check a Chinese identity number of 18 digits (GB 11643-1999), or of 15, which has no check.

    The area isn't looked up: areas are dissolved, and numbers stay.
    """
    if len(number) == 15:
        return BIRTH.fullmatch("19" + number[6:12]) is not None
    total = sum(
        weight * int(digit) for weight, digit in zip(CHINA_WEIGHTS, number[:17], strict=True)
    )
    return BIRTH.fullmatch(number[6:14]) is not None and CHINA_CHECKS[total % 11] == number[17]


def taiwan(number: str) -> bool:
    """Check a Taiwanese identity number, or a resident's, with one letter or two."""
    second = number[1]
    if second.isalpha():
        second = str((TAIWAN_LETTERS.index(second) + 10) % 10)
    digits = str(TAIWAN_LETTERS.index(number[0]) + 10) + second + number[2:]
    return _weighted(digits, TAIWAN_WEIGHTS) % 10 == 0


def hong_kong(number: str) -> bool:
    """Check a Hong Kong identity number: one letter or two, six digits, a check digit or A."""
    values = [int(one, 36) for one in number]  # A is 10
    if len(values) == 8:
        values.insert(0, HONG_KONG_SPACE)
    return sum(weight * one for weight, one in zip(range(9, 0, -1), values, strict=True)) % 11 == 0


def thailand(number: str) -> bool:
    """Check a Thai identity number of 13 digits."""
    total = _weighted(number[:12], range(13, 1, -1))
    return (11 - total % 11) % 10 == int(number[12])


def luhn(number: str) -> bool:
    """Check the number of a bank card (ISO/IEC 7812-1)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(number))]
    return sum(one - 9 * (one > 9) for one in doubled) % 10 == 0


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True))
