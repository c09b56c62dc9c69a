"""A transcript as text, subtitles (SRT, WebVTT), RTTM or JSON.

A caption of SubRip or WebVTT is one segment; where the segment has words and lasts longer than
`LONGEST`, or has more than `WIDEST` columns, it is cut between words. Where the transcript says who
speaks, text and captions have the names.
"""

import itertools
import json
import operator
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from transcripts.answers import Segment, Transcript, Word
from transcripts.speakers import UNKNOWN, SpeakersUnknown, by_name, names_of, said
from transcripts.words import space

LONGEST = 7.0  # seconds that a caption stays
WIDEST = 84  # columns of a caption: two lines of 42; a Chinese character takes two columns
RECORDING = "recording"  # what RTTM calls a file without a name


@dataclass(frozen=True)
class Caption:
    """Text of one line. Times in seconds; `name` is who says it, "" where nobody knows."""

    start: float
    end: float
    text: str
    name: str


def as_text(transcript: Transcript, _: str = "") -> str:
    """The text, and a newline; where it is known who speaks, a line for each turn."""
    if not transcript.speakers:
        return transcript.text + "\n"
    lines = []
    for name, segments in itertools.groupby(by_name(transcript), operator.itemgetter(0)):
        text = ""
        for _name, one in segments:
            text += (space(text, one.text) if text and one.text else "") + one.text
        lines.append(said(name, text) + "\n")
    return "".join(lines)


def as_json(transcript: Transcript, _: str = "") -> str:
    """The model's answer as it came."""
    return json.dumps(transcript.model_dump(exclude_none=True), ensure_ascii=False, indent=2) + "\n"


def as_srt(transcript: Transcript, _: str = "") -> str:
    """SubRip's format: numbered captions, `00:00:01,250 --> 00:00:02,000`, `Name: text`."""
    blocks = (
        f"{number}\n{_clock(one.start, ',')} --> {_clock(one.end, ',')}\n"
        f"{said(one.name, one.text)}\n"
        for number, one in enumerate(captions(transcript), 1)
    )
    return "\n".join(blocks)


def as_vtt(transcript: Transcript, _: str = "") -> str:
    """WebVTT's format: `00:00:01.250 --> 00:00:02.000`, `<v Name>text`, with `&`, `<` and `>` as
    entities."""
    blocks = (
        f"{_clock(one.start, '.')} --> {_clock(one.end, '.')}\n"
        f"{f'<v {_escaped(one.name)}>' if one.name else ''}{_escaped(one.text)}\n"
        for one in captions(transcript)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def as_rttm(transcript: Transcript, file: str = RECORDING) -> str:
    """NIST's Rich Transcription Time Marked: a line for each turn; spaces become underscores.

    Args:
        file: what the recording is called there.

    Raises:
        SpeakersUnknown: the transcript doesn't say who speaks.
    """
    if transcript.speakers is None:
        raise SpeakersUnknown(UNKNOWN)
    known = names_of(transcript)
    name = "_".join(file.split()) or RECORDING
    return "".join(
        f"SPEAKER {name} {one.channel or 1} {one.start:.3f} {max(one.end - one.start, 0):.3f} "
        f"<NA> <NA> {'_'.join(known.get(one.speaker, one.speaker).split())} <NA> <NA>\n"
        for one in transcript.turns or ()
    )


FORMATS: dict[str, Callable[[Transcript, str], str]] = {
    "txt": as_text,
    "srt": as_srt,
    "vtt": as_vtt,
    "rttm": as_rttm,
    "json": as_json,
}
"""By name; each takes a transcript and the recording's name."""


def captions(transcript: Transcript) -> Iterator[Caption]:
    """The captions, in order."""
    for name, segment in by_name(transcript):
        for words in _cut(segment, width(f"{name}: ") if name else 0):
            text = " ".join("".join(word.text for word in words).split())
            if text:
                yield Caption(words[0].start, words[-1].end, text, name)


def _cut(segment: Segment, before: int) -> Iterator[list[Word]]:
    """The segment's words, a caption's at a time; `before` columns are for the name."""
    whole = Word(text=segment.text, start=segment.start, end=segment.end)
    kept: list[Word] = []
    columns = before
    for word in _with_spaces(segment) if segment.words else [whole]:
        wide = width(word.text)
        if kept and (word.end - kept[0].start > LONGEST or columns + wide > WIDEST):
            yield kept
            kept, columns = [], before
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
