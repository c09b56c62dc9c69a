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
  the longest line's length, and the longest line has at least 12 Chinese characters, and a sentence
  ends somewhere in these lines.

A newline is never a wrap beside an empty line, after the end of a sentence, and before a line that
is indented deeper, that two ideographic spaces begin, or that begins like an item of a list. So
poems, names one per line and forms keep their lines: these are short, or of many lengths, or without
a sentence. A tab, or two ideographic spaces, inside of a line stand between the cells of a table:
each cell is a paragraph.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from zoo.data.scripts import convert

INVISIBLE = "\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff"
WHITESPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
BLANKS = WHITESPACE + INVISIBLE
INDENT = "\u3000\u3000"
CELLS = re.compile(rf"[{BLANKS}]*(?:\t|{INDENT})[{BLANKS}]*")

SENTENCE_END = re.compile(r"[。！？!?…]|\.(?=\s|$)")
ENDED = re.compile(r"[。！？!?…][”’」』）)\"']*$")
GOES_ON = tuple("，、；：,;:（《〈“‘「『【〔([-–—·")  # at the end of a line
CONTINUES = tuple("，、；：。！？）》〉”’」』】〕,;:!?)]·")  # at the start of a line
ITEM = re.compile(
    r"[-*•●○■□◆◇▪▶►★☆※#>①-⑳]"
    r"|[(（]?(?:[0-9]{1,3}|[一二三四五六七八九十]{1,3})[)）.．、](?![0-9])"
    r"|第[0-9一二三四五六七八九十百]+[条章节]"
)
FIRST_WIDE = "\u1100"  # from here on, nearly all characters take two columns
WORD = re.compile(f"[^\\s{FIRST_WIDE}-\U0010ffff]{{1,20}}|.")
FULL_SHARE = 0.9  # of the longest line: rules of line breaking move a character or two
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
class Reading:
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


def read(text: str, simplify: bool = False) -> Reading:
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
        wrapped = _wrapped(block)
        for number, line in enumerate(block):
            if parts:
                joint = _joint(parts[-1], line.text) if wrapped[number] else "\n"
                parts.append(joint)
                place += len(joint)
            read_starts.append(place)
            sent_starts.append(line.start)
            parts.append(line.text)
            place += len(line.text)
    written = "".join(parts)
    return Reading(
        simplified(written) if simplify else written, written, text, read_starts, sent_starts
    )


def simplified(text: str) -> str:
    """Write traditional characters as simplified ones; each stays in its place.

    OpenCC looks at words: 乾隆 stays, and 乾燥 becomes 干燥. It replaces characters one by one. Should
    a word of its tables ever have another length, characters are converted without their words.
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
            if "\t" in body or INDENT in body:
                block.extend(_cells(start, body))
            else:
                block.append(Line(start, body, indent))
        elif block:
            yield block
            block = []
        place += len(line)
    if block:
        yield block


def _cells(start: int, body: str) -> Iterator[Line]:
    """Yield the cells of a table's line."""
    reached = 0
    for gap in CELLS.finditer(body):
        yield Line(start + reached, body[reached : gap.start()], "", True)
        reached = gap.end()
    yield Line(start + reached, body[reached:], "", True)


def _wrapped(block: Sequence[Line]) -> list[bool]:
    """Tell for each line of a block whether the newline before it is a wrap."""
    if len(block) == 1:
        return [False]
    characters = [len(line.text) for line in block]
    columns = [_columns(line.text) for line in block]
    prose = max(columns) >= MIN_WIDTH_COLUMNS and any(
        SENTENCE_END.search(line.text) for line in block
    )
    most = (FULL_SHARE * max(characters), FULL_SHARE * max(columns))
    found = [False]
    for number, (line, following) in enumerate(zip(block, block[1:], strict=False)):
        if _ends_paragraph(line, following):
            found.append(False)
        elif line.text.endswith(GOES_ON) or following.text.startswith(CONTINUES):
            found.append(True)
        elif prose:
            word = WORD.match(following.text)
            first = word.group() if word else ""
            found.append(
                characters[number] + len(first) >= most[0]
                or columns[number] + _columns(first) >= most[1]
            )
        else:
            found.append(False)
    return found


def _ends_paragraph(line: Line, following: Line) -> bool:
    """Tell whether two lines look like those of two paragraphs."""
    return (
        line.alone
        or following.alone
        or ENDED.search(line.text) is not None
        or INDENT in following.indent
        or _columns(following.indent) > _columns(line.indent)
        or ITEM.match(following.text) is not None
    )


def _joint(before: str, after: str) -> str:
    """Give what the model reads for a wrap: a space between Latin words, else nothing."""
    last, first = before[-1], after[0]
    if last >= FIRST_WIDE or first >= FIRST_WIDE or last in "-–":
        return ""
    return "" if last.isdigit() and first.isdigit() else " "


def _columns(text: str) -> int:
    """Give the width of a text in columns: a Chinese character takes two, a Latin one takes one."""
    return len(text) + sum(character >= FIRST_WIDE for character in text)
