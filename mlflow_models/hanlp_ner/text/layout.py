"""Reads a text without its layout, and gives places in it as places in the text that was sent.

Layout is what shapes a page and says nothing: blanks at the edges of lines, empty lines, the two
ideographic spaces that begin a paragraph, and the newlines of a text that is wrapped to a width. A
blank is whitespace (tab, no-break and ideographic space too) or invisible (zero-width characters,
byte order mark). A blank inside of a line is content, and stays.

The model reads paragraphs, each as if it had been sent alone. A newline ends a paragraph, except
that it is a wrap, which the model doesn't read, where

- the sentence visibly goes on: the line ends with a mark such as ，、： or an opening bracket, or
  the next one begins with a mark that can't begin a sentence; or
- the line is full, in prose: with the next line's first word it would have at least nine tenths of
  the longest line's length; the longest line has at least 12 Chinese characters; and a sentence
  ends somewhere in these lines, or they are at least three of the same length and a shorter one.

A newline is never a wrap beside an empty line, after the end of a sentence, and before a line that
is indented deeper, that two ideographic spaces begin, or that begins like an item of a list. So
poems, names one per line and forms keep their lines: these are short, or of many lengths, or
without a sentence. A paragraph ends inside of a line, too: at a tab or two ideographic spaces,
which stand between the cells of a table, and after the end of a sentence at a blank that isn't the
plain space.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from zoo.data.scripts import convert

INVISIBLE = "\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
WHITESPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
BLANKS = WHITESPACE + INVISIBLE
INDENT = "\u3000\u3000"
RUN = re.compile(f"[{BLANKS}]+")

SENTENCE_END = re.compile(r"[。！？!?…]|\.(?=\s|$)")
ENDED = re.compile(r"[。！？!?…][”’」』）)\"']*$")
ENDED_CHARACTERS = 4  # at most so many such marks follow each other
GOES_ON = tuple("，、；：,;:（《〈“‘「『【〔([-–—·")  # at the end of a line
CLOSING = tuple("）》〉”’」』】〕)]")
CONTINUES = (*CLOSING, *"，、；：。！？,;:!?·")  # at a line's start
HYPHENS = "-–"
ITEM = re.compile(
    r"[-*•●○■□◆◇▪▶►★☆※#>①-⑳]"
    r"|[(（]?(?:[0-9]{1,3}|[一二三四五六七八九十]{1,3})[)）.．、](?![0-9])"
    r"|第[0-9一二三四五六七八九十百]+[条章节]\s"
)
FIRST_WIDE = "\u1100"  # from here on, nearly all characters take two columns
WORD = re.compile(f"[^\\s{FIRST_WIDE}-\U0010ffff]{{0,20}}")
FULL_SHARE = 0.9  # of the longest line: rules of line breaking move a character or two
EVEN_LINES = 3  # of the same length
MIN_WIDTH_COLUMNS = 24  # nobody wraps prose to less than 12 Chinese characters


class Line(NamedTuple):
    """A line without its edges.

    Attributes:
        start: Its place in the text that was sent.
        text: Its characters.
        indent: The blanks before it.
        alone: Whether it is a cell of a table.
    """

    start: int
    text: str
    indent: str
    alone: bool = False


@dataclass(frozen=True, slots=True)
class ReadText:
    """A text as the model reads it: its paragraphs, one a line.

    Attributes:
        text: What the model reads.
        written: The same in the characters that were sent; it has the same length.
        sent: The text that was sent.
    """

    text: str
    written: str
    sent: str
    _read_starts: list[int]  # of each line in `text`
    _sent_starts: list[int]  # of the same line in `sent`

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Find characters `start` to `end` of `text` in the text that was sent.

        Returns:
            Where they begin and end there, without blanks at their edges; equal, where they are
            blanks only.
        """
        first, last = self._place(start), self._place(end - 1) + 1
        found = self.sent[first:last]
        first += len(found) - len(found.lstrip(BLANKS))
        return first, max(first, last - len(found) + len(found.rstrip(BLANKS)))

    def _place(self, place: int) -> int:
        line = bisect_right(self._read_starts, place) - 1
        return self._sent_starts[line] + place - self._read_starts[line]


def read(text: str, simplify: bool = False) -> ReadText:
    """Read a text without its layout.

    Args:
        text: As it was sent.
        simplify: Whether traditional characters are read as the simplified ones.
    """
    parts: list[str] = []
    read_starts: list[int] = []
    sent_starts: list[int] = []
    place = 0
    for block in _blocks(text):
        joints = _joints(block)
        for number, line in enumerate(block):
            if parts:
                parts.append(joints[number])
                place += len(joints[number])
            read_starts.append(place)
            sent_starts.append(line.start)
            parts.append(line.text)
            place += len(line.text)
    written = "".join(parts)
    return ReadText(
        simplified(written) if simplify else written, written, text, read_starts, sent_starts
    )


def simplified(text: str) -> str:
    """Write traditional characters as simplified ones; each stays in its place.

    OpenCC looks at words: 乾隆 stays, and 乾燥 becomes 干燥. A word keeps its length in its tables.
    Should one ever not, characters are converted without their words.
    """
    whole = convert(text, "t2s")
    if len(whole) == len(text):
        return whole
    copies = {one: convert(one, "t2s") for one in set(text)}
    return text.translate({ord(one): copy for one, copy in copies.items() if len(copy) == 1})


def _blocks(text: str) -> Iterator[list[Line]]:
    """Yield the lines of a text, in groups between empty lines."""
    block: list[Line] = []
    place = 0
    for line in text.splitlines(keepends=True):
        indented = line.rstrip(BLANKS)
        body = indented.lstrip(BLANKS)
        if body:
            start = place + len(indented) - len(body)
            indent = indented[: len(indented) - len(body)]
            block.extend(_parts(Line(start, body, indent)))
        elif block:
            yield block
            block = []
        place += len(line)
    if block:
        yield block


def _parts(line: Line) -> Iterator[Line]:
    """Yield a line, or what stands between its gaps."""
    start, body, indent, _ = line
    alone = "\t" in body or INDENT in body
    reached = 0
    for blanks in RUN.finditer(body):
        gap = blanks[0]
        if "\t" in gap or INDENT in gap or (gap.strip(" ") and _ended(body, blanks.start())):
            yield Line(start + reached, body[reached : blanks.start()], indent, alone)
            reached, indent = blanks.end(), gap
    yield Line(start + reached, body[reached:], indent, alone)


def _ended(text: str, place: int) -> bool:
    """Tell whether a sentence ends before a place, its closing quotes and brackets included."""
    return ENDED.search(text[max(0, place - ENDED_CHARACTERS) : place]) is not None


def _joints(block: Sequence[Line]) -> list[str]:
    """Give what the model reads before each line of a block: a newline where it isn't a wrap."""
    if len(block) == 1:
        return ["\n"]
    characters = [len(line.text) for line in block]
    columns = [_columns(line.text) for line in block]
    even = (
        len(block) > EVEN_LINES
        and len({*characters[:-1]}) == 1
        and characters[-1] < max(characters)
    )
    prose = max(columns) >= MIN_WIDTH_COLUMNS and (
        even or any(SENTENCE_END.search(line.text) for line in block)
    )
    least, narrowest = FULL_SHARE * max(characters), FULL_SHARE * max(columns)
    joints = ["\n"]
    for number, (line, following) in enumerate(pairwise(block)):
        wrapped = False
        if not _ends_paragraph(line, following):
            first = _first_word(following.text)
            wrapped = (
                line.text.endswith(GOES_ON)
                or following.text.startswith(CONTINUES)
                or (prose and characters[number] + len(first) >= least)
                or (prose and columns[number] + _columns(first) >= narrowest)
            )
        joints.append(_joint(line.text[-1], following.text[0], even) if wrapped else "\n")
    return joints


def _ends_paragraph(line: Line, following: Line) -> bool:
    """Tell whether two lines look like those of two paragraphs."""
    return (
        line.alone
        or following.alone
        or (_ended(line.text, len(line.text)) and not following.text.startswith(CLOSING))
        or INDENT in following.indent
        or _columns(following.indent) > _columns(line.indent)
        or ITEM.match(following.text) is not None
    )


def _joint(last: str, first: str, even: bool) -> str:
    """Give what the model reads for a wrap: a space between Latin words, else nothing.

    Args:
        last: The character before the wrap.
        first: The character after it.
        even: Whether the lines have the same length, so that words are broken too.
    """
    wide = last >= FIRST_WIDE or first >= FIRST_WIDE
    return "" if even or wide or last in HYPHENS or (last.isdigit() and first.isdigit()) else " "


def _first_word(text: str) -> str:
    """Give a text's first Latin word, or its first character."""
    word = WORD.match(text)
    return (word and word[0]) or text[0]


def _columns(text: str) -> int:
    """Give the width of a text in columns: a Chinese character takes two, a Latin one takes one."""
    return len(text) + sum(character >= FIRST_WIDE for character in text)
