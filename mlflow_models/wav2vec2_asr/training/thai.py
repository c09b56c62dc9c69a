"""What is written in Thai but said otherwise: repetition (ๆ), abbreviations, twisted Unicode.

Numbers are in `numerals`. Words are found by PyThaiNLP's newmm, whose dictionary is in its package:
nothing is downloaded.
"""

import re
import unicodedata
from functools import cache, lru_cache

from pythainlp.corpus import thai_words
from pythainlp.tokenize import word_tokenize
from pythainlp.util import normalize

LETTER = "ก-ฮะ-ฺเ-ๅ็-๎"  # without ฯ, ฿, ๆ and digits
LATIN = re.compile("[\u00c0-\u024f]")
QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'"})
INVISIBLE = re.compile("[\u00ad\u034f\ufe00-\ufe0f]")  # soft hyphen, joiner, variation selectors
REPEATED = re.compile(r"\s*ๆ")
SHORT = re.compile(rf"(?<![{LETTER}])[{LETTER}]++(?:\.(?:[{LETTER}]{{1,4}}\.)*|ฯ)|ฯลฯ|ฯพณฯ")
ROMAN = re.compile(
    r"\b(?:[A-Za-z]\.){2,}|\b(?:Mr|Mrs|Ms|Dr|St|Prof|Jr|Sr|vs|etc|No|Mt|Co|Inc|Ltd)\.",
)

# What a compound ends with that is repeated alone: ดีมาก ๆ is ดีมากมาก, but มากมาย ๆ is repeated
# whole. Where newmm has the compound as one word, only a list can tell.
QUALIFIERS = "มาก น้อย เล็ก แรก หลัง ท้าย นั้น อื่น ใหม่ เก่า สวย ยาว สั้น สูง ดำ แดง ขาว".split()


def unify(text: str) -> str:
    """Brings a text to one Unicode form: what looks the same is the same afterwards.

    NFKC (full-width letters, ligatures), Thai's own order of vowels and tone marks (ํ and า are ำ,
    two เ are แ, marks that are typed twice), one kind of apostrophe and space, nothing invisible,
    Latin letters without accents.
    """
    text = unicodedata.normalize("NFKC", text.translate(QUOTES))
    text = INVISIBLE.sub("", text)
    kinds = {c: unicodedata.category(c) for c in set(text)}
    for character, kind in kinds.items():
        if kind in ("Zs", "Zl", "Zp") or character in "\t\n\r\v\f":
            text = text.replace(character, " ")
        elif kind[0] == "C":  # zero-width, direction, control
            text = text.replace(character, "")
    text = LATIN.sub(lambda match: unicodedata.normalize("NFKD", match[0])[0], text)
    return str(normalize(text))


def expand_repetition(text: str) -> str:
    """Repeats the word before ๆ: เดินช้า ๆ is เดินช้าช้า, พี่ๆ น้องๆ is พี่พี่ น้องน้อง."""
    first, *rest = REPEATED.split(text)
    spoken, word = first, ""
    for index, piece in enumerate(rest):
        before = first if index == 0 else rest[index - 1]
        word = last_word(before) or word  # บ่อยๆๆ: the same once more
        spoken += f" {word}{piece}" if word.isascii() and word else word + piece
    return spoken if rest else text


def last_word(text: str) -> str:
    """The word that a ๆ after this text repeats; empty where there is none."""
    words = [word.strip() for word in word_tokenize(text, engine="newmm")]
    spoken = [word for word in words if any(character.isalnum() for character in word)]
    if not spoken:
        return ""
    word: str = spoken[-1]
    for tail in QUALIFIERS:
        if word.endswith(tail) and word[: -len(tail)] in thai_words():
            return tail
    return word


def find_abbreviations(text: str) -> list[str]:
    """The abbreviations of a text, as they are written: พ.ศ., จ., กรุงเทพฯ, U.S., Dr."""
    found = [match[0] for match in ROMAN.finditer(text)]
    return found + [key for match in SHORT.finditer(text) if (key := abbreviation(match[0]))]


def replace_abbreviations(text: str, spoken: dict[str, str]) -> str:
    """Writes abbreviations as a person decided that they are said."""

    def thai(match: re.Match[str]) -> str:
        key = abbreviation(match[0])
        return match[0][: len(match[0]) - len(key)] + spoken[key] if key in spoken else match[0]

    text = SHORT.sub(thai, text)
    return ROMAN.sub(lambda match: spoken.get(match[0], match[0]), text)


@lru_cache(10_000)
def abbreviation(run: str) -> str:
    """The abbreviation that letters with dots (or ฯ) end with: ปีพ.ศ. has พ.ศ.; empty if none."""
    known, head = _known(), len(run.partition(".")[0])
    for start in range(head):
        short = run[start:]
        # A single letter that hangs on a word is rather the end of a sentence.
        if short in known and (start == 0 or len(short) > 2):
            return short
    if run.endswith("ฯ"):
        return last_word(run[:-1]) + "ฯ"
    if head <= 3:
        return run
    return run[head - 1 :] if run.count(".") > 1 else ""


@cache
def _known() -> frozenset[str]:
    """The abbreviations in PyThaiNLP's dictionary."""
    written = re.compile(rf"[{LETTER}.]+\.|[{LETTER}]*ฯ[{LETTER}]*ฯ?")
    return frozenset(word for word in thai_words() if written.fullmatch(word))
