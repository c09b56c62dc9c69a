"""Tells in which language a text is, as far as its letters tell it.

CLIP of OpenAI read English only. It gives features to a text of any script, but these mean
nothing, and the photos nearest to them look like hits. So a text is asked for its language first.
"""

import unicodedata
from collections import Counter
from collections.abc import Collection

from zoo.errors import BadParameter

EVERY = "*"  # in the list of what a CLIP reads: a text tower that learnt a hundred languages
ENGLISH, THAI, CHINESE, OTHER = "en", "th", "zh", "other"
NAMES = {ENGLISH: "English", THAI: "Thai", CHINESE: "Chinese", OTHER: "another script than Latin"}


def language_of(text: str) -> str:
    """Tell a text's language by its letters.

    A text with Thai letters or Chinese characters is in Thai or Chinese, whichever are more. If
    letters of other scripts (Kana, Hangul, Cyrillic ...) are more than those, or more than the
    Latin letters of a text without them, the text is in another language. All else is English:
    letters don't tell it from French or Vietnamese.

    Returns:
        `en`, `th`, `zh` or `other`.
    """
    if text.isascii():
        return ENGLISH
    letters = Counter(_language_of_letter(one) for one in text if one.isalpha())
    asian = letters[THAI] + letters[CHINESE]
    if letters[OTHER] > (asian or letters[ENGLISH]):
        return OTHER
    if asian:
        return THAI if letters[THAI] >= letters[CHINESE] else CHINESE
    return ENGLISH


def _language_of_letter(letter: str) -> str:
    """Tell the language of a letter by its name in Unicode, such as `THAI CHARACTER KO KAI`."""
    name = unicodedata.name(letter, "")
    if letter.isascii() or "LATIN " in name:
        return ENGLISH
    if name.startswith("THAI "):
        return THAI
    return CHINESE if name.startswith("CJK ") else OTHER


def is_read(language: str, reads: Collection[str]) -> bool:
    """Tell whether a CLIP that reads some languages reads this one."""
    return EVERY in reads or language in reads


def why_unread(text: str, reads: Collection[str], remedy: str) -> str:
    """Say why a text can't be read; empty if it can.

    Args:
        text: What CLIP is to read.
        reads: The languages that it reads.
        remedy: What makes others readable.
    """
    language = language_of(text)
    if is_read(language, reads):
        return ""
    return f"is in {NAMES[language]}, which this checkpoint's CLIP doesn't read; {remedy}"


def check_parameter(name: str, text: str, reads: Collection[str], remedy: str) -> None:
    """Refuse a parameter that can't be read.

    Raises:
        BadParameter: The text is in a language that isn't among them.
    """
    if why := why_unread(text, reads, remedy):
        raise BadParameter(name, why)
