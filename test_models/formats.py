"""A transcript as text, subtitles (SRT, WebVTT) or JSON.

A caption of SubRip or WebVTT is one segment; where the segment has words and lasts longer than
`LONGEST`, or has more than `WIDEST` columns, it is cut between words.
"""

import json
import unicodedata
from collections.abc import Callable, Iterator

from test_models.answers import Segment, Transcript, Word

LONGEST = 7.0  # seconds that a caption stays
WIDEST = 84  # columns of a caption: two lines of 42; a Chinese character takes two columns


def as_text(transcript: Transcript) -> str:
    """The text, and a newline."""
    return transcript.text + "\n"


def as_json(transcript: Transcript) -> str:
    """The model's answer as it came."""
    return json.dumps(transcript.model_dump(exclude_none=True), ensure_ascii=False, indent=2) + "\n"


def as_srt(transcript: Transcript) -> str:
    """SubRip's format: numbered captions, `00:00:01,250 --> 00:00:02,000`."""
    blocks = (
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{text}\n"
        for number, (start, end, text) in enumerate(captions(transcript), 1)
    )
    return "\n".join(blocks)


def as_vtt(transcript: Transcript) -> str:
    """WebVTT's format: `00:00:01.250 --> 00:00:02.000`, with `&`, `<` and `>` as entities."""
    blocks = (
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_escaped(text)}\n"
        for start, end, text in captions(transcript)
    )
    return "\n".join(["WEBVTT\n", *blocks])


FORMATS: dict[str, Callable[[Transcript], str]] = {
    "txt": as_text,
    "srt": as_srt,
    "vtt": as_vtt,
    "json": as_json,
}


def captions(transcript: Transcript) -> Iterator[tuple[float, float, str]]:
    """Start and end in seconds, and the text of one line."""
    for segment in transcript.segments:
        for words in _cut(segment):
            text = " ".join("".join(word.text for word in words).split())
            if text:
                yield words[0].start, words[-1].end, text


def _cut(segment: Segment) -> Iterator[list[Word]]:
    """The segment's words, a caption's at a time."""
    whole = Word(text=segment.text, start=segment.start, end=segment.end)
    kept: list[Word] = []
    columns = 0
    for word in _with_spaces(segment) if segment.words else [whole]:
        wide = width(word.text)
        if kept and (word.end - kept[0].start > LONGEST or columns + wide > WIDEST):
            yield kept
            kept, columns = [], 0
        kept.append(word)
        columns += wide
    if kept:
        yield kept


def _with_spaces(segment: Segment) -> Iterator[Word]:
    """The words with what the segment's text has before them: spaces, punctuation."""
    place, words = 0, segment.words or []
    for number, word in enumerate(words):
        found = segment.text.find(word.text, place)
        end = place if found < 0 else found + len(word.text)
        if number == len(words) - 1:
            end = len(segment.text)
        text = segment.text[place:end] if found >= 0 else word.text
        yield word.model_copy(update={"text": text})
        place = end


def width(text: str) -> int:
    """Columns in a fixed-width font: two of a wide character, none of a combining mark."""
    return sum(
        0
        if unicodedata.category(one) in ("Mn", "Me")
        else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )


def _clock(seconds: float, point: str) -> str:
    """Hours, minutes, seconds and milliseconds."""
    total = round(max(seconds, 0.0) * 1000)
    rest, milliseconds = divmod(total, 1000)
    minutes, whole = divmod(rest, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{whole:02}{point}{milliseconds:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
