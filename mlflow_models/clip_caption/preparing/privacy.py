"""Finds what tells who somebody is, in comments that people wrote: to count it, or to mask it."""

import re

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
IDENTITY = re.compile(r"(?<!\d)\d[ -]?\d{4}[ -]?\d{5}[ -]?\d{2}[ -]?\d(?!\d)")  # Thai identity card
DIGITS = 8  # a text with fewer has no telephone number


def mask(text: str, region: str = "TH") -> tuple[str, int]:
    """Replaces telephone numbers, e-mail addresses and Thai identity numbers.

    Args:
        text: a comment.
        region: whose telephone numbers are meant where they have no +: an ISO code.

    Returns:
        The text with "[phone]", "[email]" and "[identity]" in their places, and how many there
        were. Names and addresses of houses aren't found.
    """
    text, emails = EMAIL.subn("[email]", text)
    if sum(c.isdigit() for c in text) < DIGITS:
        return text, emails
    text, identities = IDENTITY.subn("[identity]", text)
    from phonenumbers import PhoneNumberMatcher

    parts, end, phones = [], 0, 0
    for match in PhoneNumberMatcher(text, region):
        parts += [text[end : match.start], "[phone]"]
        end, phones = match.end, phones + 1
    return "".join([*parts, text[end:]]), emails + identities + phones
