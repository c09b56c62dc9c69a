"""Writes Whisper's text as a request asks: script, numerals, punctuation. Words follow the text."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace

from whisper_asr.numerals import Edit, applied, edits
from whisper_asr.options import Options
from zoo.data.scripts import convert
from zoo.speech.transcript import Segment, Word

CONVERSIONS = {"simplified": "t2s", "traditional": "s2t"}  # OpenCC's names
CHINESE = ("zh", "yue")
WIDE = {",": "，", ".": "。", "?": "？", "!": "！", ":": "：", ";": "；"}
FIRST_WIDE = "\u2e80"  # from here on come the characters of East Asia
MIN_WORD_SECONDS = 0.02
INSIDE = re.compile(r"\d.\d|[A-Za-z]['’-][A-Za-z]")  # a mark within a number, or a Latin word
LATIN_WORD = re.compile(
    r"[A-Za-z0-9\u00c0-\u024f]+(?:['’-][A-Za-z\u00c0-\u024f]+|[.,:/][0-9]+)*[%％]?"
)


def written(one: Segment, language: str, options: Options) -> Segment:
    """Write a segment as the options say; each of its words is a whole word, and lasts a while.

    Args:
        one: As decoded.
        language: The code of the language that is spoken.
        options: The request's.
    """
    chinese = language in CHINESE and options.task == "transcribe"
    one = _edited(one, _numbers(one.text, options) if chinese else [])
    text = in_script(one.text, options.script, language)
    if len(text) != len(one.text):  # a phrase has more characters in the other script
        words = [
            replace(w, text=in_script(w.text, options.script, language)) for w in one.words or []
        ]
        one = replace(one, text=text, words=None if one.words is None else words)
    text = widened(text) if chinese else text
    kept = not_punctuation(text) if options.punctuation == "strip" else _not_doubled(text)
    one = masked(one, text, kept)
    return replace(one, words=None if one.words is None else lasting(one.words, one.end))


def _numbers(text: str, options: Options) -> list[Edit]:
    """Find the numbers to rewrite, in simplified or in traditional characters."""
    plain = in_script(text, "simplified", "zh")
    if len(plain) != len(text):
        plain = text
    found = edits(plain, options.numerals)
    if plain != text:
        found = [replace(one, text=in_script(one.text, "traditional", "zh")) for one in found]
    return found


def _edited(one: Segment, changes: list[Edit]) -> Segment:
    """Change a segment's text, and join the words that are one: 二零一五, Guang|zhou, 3|.14."""
    if one.words is not None:
        spans = [match.span() for match in LATIN_WORD.finditer(one.text)]
        spans += [(edit.start, edit.end) for edit in changes]
        words = []
        for start, group in _grouped(one, spans):
            text = "".join(word.text for word in group)
            inside = [
                replace(edit, start=edit.start - start, end=edit.end - start)
                for edit in changes
                if start <= edit.start < start + len(text)
            ]
            words.append(_joined(group, "".join(applied(text, inside))))
        one = replace(one, words=words)
    return replace(one, text="".join(applied(one.text, changes)))


def _grouped(one: Segment, spans: list[tuple[int, int]]) -> Iterator[tuple[int, list[Word]]]:
    """Yield the words that a span joins together, and where they begin in the segment's text."""
    joints = {place for start, end in spans for place in range(start + 1, end)}
    begin = place = len(one.text) - sum(len(word.text) for word in one.words or [])
    group: list[Word] = []
    for word in one.words or []:
        if group and place not in joints:
            yield begin, group
            begin, group = place, []
        group.append(word)
        place += len(word.text)
    if group:
        yield begin, group


def _joined(group: list[Word], text: str) -> Word:
    """Make one word of several: it is as probable as the least probable of them."""
    return Word(text, group[0].start, group[-1].end, min(word.probability for word in group))


def masked(one: Segment, text: str, kept: list[bool]) -> Segment:
    """Give a segment, and its words, a new text, of which some characters are kept.

    Args:
        one: The segment; its words, joined, have as many characters as `text`.
        text: The new text.
        kept: For each character of `text`, whether it is kept.
    """
    words = None
    if one.words is not None:
        words, place = [], len(text) - sum(len(word.text) for word in one.words)
        for word in one.words:
            end = place + len(word.text)
            left = "".join(text[n] for n in range(max(place, 0), min(end, len(text))) if kept[n])
            if left.strip():
                words.append(replace(word, text=left))
            place = end
    left = "".join(character for character, keep in zip(text, kept, strict=True) if keep)
    return replace(one, text=left, words=words)


def lasting(words: list[Word], end: float) -> list[Word]:
    """Give each word at least `MIN_WORD_SECONDS`, and its neighbours less where they have more.

    Args:
        words: In the order of time.
        end: Of the segment, in seconds; only words that don't fit otherwise end later.
    """
    found: list[Word] = []
    free = 0.0
    for word in words:
        start = max(word.start, free)
        free = max(word.end, start + MIN_WORD_SECONDS)
        found.append(replace(word, start=start, end=free))
    limit = end
    for place in reversed(range(len(found))):
        word = found[place]
        if word.end <= limit:
            break
        start = max(0.0, min(word.start, limit - MIN_WORD_SECONDS))
        found[place] = replace(word, start=start, end=max(limit, start + MIN_WORD_SECONDS))
        limit = start
    return found


def in_script(text: str, script: str, language: str) -> str:
    """Write Chinese text in another script; leave text of other languages as it is.

    Args:
        text: What Whisper wrote.
        script: `simplified`, `traditional` or `as_is`.
        language: The text's code. Japanese has some of the same characters, but isn't changed.
    """
    if script not in CONVERSIONS or language not in CHINESE:
        return text
    return convert(text, CONVERSIONS[script])


def widened(text: str) -> str:
    """Write half-width marks after Chinese characters full-width: 你好,世界 is 你好，世界."""
    spelt = list(text)
    for place, mark in enumerate(text):
        before, after = spelt[place - 1] if place else "", text[place + 1 : place + 2]
        part = mark == "." and re.match(r"[A-Za-z0-9.]", after)  # 官网.com, 然后...
        if mark in WIDE and before >= FIRST_WIDE and not part:
            spelt[place] = WIDE[mark]
    return "".join(spelt)


def _not_doubled(text: str) -> list[bool]:
    """Tell for each character whether to keep it; a full-width mark has its space within it."""
    before = " " + text[:-1]
    marks = WIDE.values()
    return [one != " " or last not in marks for last, one in zip(before, text, strict=True)]


def not_punctuation(text: str) -> list[bool]:
    """Tell for each character whether to keep it; a number and a Latin word keep their marks."""
    return [
        not unicodedata.category(character).startswith("P")
        or character in "%％‰"  # 3.14, 10:30, 50%
        or INSIDE.fullmatch(text[max(place - 1, 0) : place + 2]) is not None
        for place, character in enumerate(text)
    ]


def strip_punctuation(text: str) -> str:
    """Remove the punctuation of a text."""
    return "".join(itertools.compress(text, not_punctuation(text)))
