"""Folds the ways to write a number into few, each with the way back to the text's own characters.

People write a number in full-width digits, break it at the end of a line, or say it: 幺三八零零.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache

SPOKEN = {
    ord(said): str(digit)
    for digit, sayings in enumerate(
        ("零〇○", "一幺壹", "二贰貳", "三叁參", "四肆", "五伍", "六陆陸", "七柒", "八捌", "九玖")
    )
    for said in sayings
}
DASHES = "‐‑‒–—―−﹣－ー"
MARKS = {ord(wide): chr(ord(wide) - 0xFEE0) for wide in "＋＠．＃（）Ｘｘ"}
LAST_SIGN = 0x1FFFF  # later ones are characters for words
UNSEEN = r"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"  # nobody sees them
# A line's end with the spaces around it, from the first on: else long runs of spaces take long.
LAYOUT = re.compile(rf"(?<!\s)[^\S\n]*\n\s*|[{UNSEEN}]+")
GAPS = re.compile(rf"[\s{UNSEEN}]+")
PAUSE = re.compile(r"(?<=\d)[,，、](?=\d)")
DIGIT = f"[0-9{''.join(map(chr, SPOKEN))}]"
# Fewer digits are no number of a person.
SPOKEN_RUN = re.compile(f"{DIGIT}(?:[ ,，、-]?{DIGIT}){{6}}")


@dataclass(frozen=True)
class FoldedText:
    """A text as a rule reads it.

    Attributes:
        text: What the rule reads.
        places: The place of each of its characters in the text as it was sent; None: the same.
    """

    text: str
    places: list[int] | None = None

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Give the place of characters `start` to `end` (exclusive) in the text as it was sent."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def plain(text: str) -> FoldedText:
    """Read digits of any script, full-width signs, dashes and spaces as ASCII."""
    return FoldedText(text if text.isascii() else text.translate(_signs()))


def joined(folded: FoldedText) -> FoldedText:
    """Read over the ends of lines and over characters that nobody sees."""
    return _without(LAYOUT, folded)


def dense(text: str) -> FoldedText:
    """Read over all spaces, too."""
    return _without(GAPS, FoldedText(text))


def spoken(folded: FoldedText) -> FoldedText:
    """Read Chinese digits as Arabic ones, and over pauses between digits."""
    if not SPOKEN_RUN.search(folded.text):
        return folded
    text = PAUSE.sub(" ", folded.text.translate(SPOKEN))
    return folded if text == folded.text else FoldedText(text, folded.places)


def _without(gaps: re.Pattern[str], folded: FoldedText) -> FoldedText:
    """Leave out what a pattern matches in a text that has the places of the one that was sent."""
    pieces, places, place = [], list[int](), 0
    for gap in gaps.finditer(folded.text):
        pieces.append(folded.text[place : gap.start()])
        places += range(place, gap.start())
        place = gap.end()
    if not pieces:
        return folded
    places += range(place, len(folded.text))
    return FoldedText("".join([*pieces, folded.text[place:]]), places)


@cache
def _signs() -> dict[int, str]:
    """List the digits, dashes, spaces and signs that aren't ASCII, each with what it means."""
    table = dict(MARKS) | dict.fromkeys(map(ord, DASHES), "-")
    for code in range(128, LAST_SIGN):
        sign = chr(code)
        if (digit := unicodedata.decimal(sign, None)) is not None:
            table[code] = str(digit)
        elif unicodedata.category(sign) == "Zs":
            table[code] = " "
    return table | {ord("\t"): " ", ord("\r"): " "}
