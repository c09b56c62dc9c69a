"""Finds what tells who somebody is, in comments that people wrote: to count it, or to mask it."""

import re
from collections import Counter

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
IDENTITY = re.compile(r"(?<!\d)\d[ -]?\d{4}[ -]?\d{5}[ -]?\d{2}[ -]?\d(?!\d)")  # Thai identity card
DIGITS = 8  # a text with fewer has no telephone number
# "LINE ID: abcd", "ไลน์ไอดี abcd", "LINE帳號abcd"; after "line" alone an @ has to follow, or what
# looks like an id: "Line: a tree fell" has none. A Latin word after Thai's ไลน์ is an id.
LINE = re.compile(
    r"""(?P<said>(?:(?<![a-z])line|ไอดี\s*ไลน์|ไลน์|ไลน(?!์))\s*
        (?:(?:id|ไอดี|帳號|账号|帐号)\s*[:：=]?\s*(?=@?[a-z0-9._-]{4})
          |[:：=]?\s*(?=@)
          |[:：=]\s*(?=[a-z0-9]*[0-9._-][a-z0-9._-])(?=[0-9._-]*[a-z])))
        @?[a-z0-9](?:[a-z0-9._-]*[a-z0-9_])?
       |(?P<thai>ไลน์\s*[:：=]?\s*)(?!line)[a-z][a-z0-9._-]{2,}[a-z0-9_]
       |(?P<link>line\.me/(?:r/)?ti/p/|lin\.ee/)[~@\w.%-]+""",
    re.IGNORECASE | re.VERBOSE,
)


def mask(text: str, region: str = "TH") -> tuple[str, Counter[str]]:
    """Replaces telephone numbers, e-mail addresses, Line ids and Thai identity numbers.

    Args:
        text: a comment.
        region: whose telephone numbers are meant where they have no +: an ISO code.

    Returns:
        The text with "[phone]", "[email]", "[line]" and "[identity]" in their places, and how many
        there were of each kind. Names and addresses of houses aren't found.
    """
    found: Counter[str] = Counter()
    text, found["e-mail address"] = EMAIL.subn("[email]", text)
    text, found["Line id"] = LINE.subn(
        lambda found: (found["said"] or found["thai"] or found["link"]) + "[line]", text
    )
    if sum(c.isdigit() for c in text) >= DIGITS:
        text, found["identity number"] = IDENTITY.subn("[identity]", text)
        from phonenumbers import PhoneNumberMatcher

        parts, end = [], 0
        for match in PhoneNumberMatcher(text, region):
            parts += [text[end : match.start], "[phone]"]
            end = match.end
            found["telephone number"] += 1
        text = "".join([*parts, text[end:]])
    return text, +found


def regions() -> frozenset[str]:
    """The ISO codes of regions whose telephone numbers are known."""
    from phonenumbers import SUPPORTED_REGIONS

    return frozenset(SUPPORTED_REGIONS)
