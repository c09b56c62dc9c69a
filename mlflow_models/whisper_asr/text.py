"""Cleans Whisper's text: its script, its punctuation, and text that it made up."""

import functools
import itertools
import re
import unicodedata
import zlib
from dataclasses import replace
from typing import Any

from whisper_asr.options import Options
from zoo.speech.transcript import Segment

CONVERSIONS = {"simplified": "t2s", "traditional": "s2t"}  # OpenCC's names
CHINESE = ("zh", "yue")

# Credits of subtitles, which nobody speaks. Whisper learnt them with the subtitles, and writes them
# when it hears nothing. See the discussions of openai-whisper on hallucination.
CREDITS = re.compile(
    r"(中文)?字幕(制作)?由.{0,20}(提供|制作)|(中文)?字幕志愿者.{0,10}|.{0,20}amara\s?org.{0,20}|"
    r"请不吝点赞.{0,30}|.{0,20}明镜与点点栏目.{0,10}|优优独播剧场.{0,30}Exclusive|字幕by索兰娅",
    re.IGNORECASE,
)
# People do say this, but Whisper also writes it when it hears nothing: dropped if it is unsure.
COURTESIES = re.compile(
    r"((谢谢|感谢)(大家|您|你们|各位)?的?(观看|收看|收听|观赏|聆听))+|(我们)?下(期|集|次)(节目)?再见|"
    r"请?订阅(我的|我们的)?频道|thank(s| you)( for watching)?",
    re.IGNORECASE,
)
UNSURE_SPEECH, UNSURE_TEXT = 0.3, -0.7  # no_speech_prob above, or avg_logprob below
REPETITIVE = 2.4  # compression ratio: above it, openai-whisper takes a text for a loop
LOOP = re.compile(r"(.{1,40}?)\1{5,}", re.DOTALL)


def polished(segments: list[Segment], language: str, options: Options) -> list[Segment]:
    """Drop made-up segments, and write the others in the script and punctuation asked for.

    Args:
        segments: As decoded; they have `avg_logprob`, `no_speech_prob` and `compression_ratio`.
        language: The code of the language that is spoken.
        options: The request's.
    """
    kept: list[Segment] = []
    for one in segments:
        if not one.text.strip() or is_made_up(
            one.text, one.scores["avg_logprob"], one.scores["no_speech_prob"]
        ):
            continue
        if one.scores["compression_ratio"] > REPETITIVE:
            one = shortened(one)
            if kept and kept[-1].text.strip() == one.text.strip():
                continue
        kept.append(one)
    return [_written(one, language, options) for one in kept]


def shortened(one: Segment) -> Segment:
    """Take the loops out of a segment, and out of its words."""
    kept = [True] * len(one.text)
    for loop in LOOP.finditer(one.text):
        first = loop.start() + len(loop[1])
        kept[first : loop.end()] = [False] * (loop.end() - first)
    return _masked(one, one.text, kept)


def _written(one: Segment, language: str, options: Options) -> Segment:
    text = in_script(one.text, options.script, language)
    if len(text) != len(one.text):  # a phrase has more characters in the other script
        words = [
            replace(w, text=in_script(w.text, options.script, language)) for w in one.words or []
        ]
        one = replace(one, text=text, words=None if one.words is None else words)
    kept = [True] * len(text) if options.punctuation == "keep" else not_punctuation(text)
    return _masked(one, text, kept)


def _masked(one: Segment, text: str, kept: list[bool]) -> Segment:
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


def in_script(text: str, script: str, language: str) -> str:
    """Write Chinese text in another script; leave text of other languages as it is.

    Args:
        text: What Whisper wrote.
        script: `simplified`, `traditional` or `as_is`.
        language: The text's code. Japanese has some of the same characters, but isn't changed.
    """
    if script not in CONVERSIONS or language not in CHINESE:
        return text
    return str(_converter(CONVERSIONS[script]).convert(text))


@functools.cache
def _converter(name: str) -> Any:
    from opencc import OpenCC

    return OpenCC(name)


def not_punctuation(text: str) -> list[bool]:
    """Tell for each character whether to keep it; a number keeps its punctuation."""
    return [
        not unicodedata.category(character).startswith("P")
        or character in "%％"  # 3.14, 10:30, 50%
        or (text[max(place - 1, 0)].isdigit() and text[place + 1 : place + 2].isdigit())
        for place, character in enumerate(text)
    ]


def strip_punctuation(text: str) -> str:
    """Remove the punctuation of a text."""
    return "".join(itertools.compress(text, not_punctuation(text)))


def is_made_up(text: str, avg_logprob: float, no_speech_prob: float) -> bool:
    """Tell whether a segment is a phrase that Whisper is known to write when nobody speaks."""
    words = strip_punctuation(in_script(text, "simplified", "zh")).strip()
    if CREDITS.fullmatch(words):
        return True
    unsure = no_speech_prob > UNSURE_SPEECH or avg_logprob < UNSURE_TEXT
    return unsure and COURTESIES.fullmatch(words) is not None


def compression_ratio(text: str) -> float:
    """Compute how many times smaller zlib makes a text (see `REPETITIVE`)."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))
