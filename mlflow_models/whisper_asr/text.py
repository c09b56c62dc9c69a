"""Cleans what Whisper wrote: leaves out what it made up, and loops.

Nothing is left out for its wording alone: people do say "Thank you.", and repeat themselves.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from whisper_asr.options import Options
from whisper_asr.spelling import (
    MIN_WORD_SECONDS,
    in_script,
    masked,
    strip_punctuation,
    written,
)
from zoo.speech.transcript import Segment

# Credits of subtitles, which Whisper learnt, and writes when it hears nothing. See the discussions
# of openai-whisper on hallucination.
CREDITS = re.compile(
    r"(中文)?字幕(制作.{0,10}|由.{0,20}|志愿者.{0,10}|by.{0,10})?|.{0,20}amara\s?org.{0,20}|"
    r"请不吝点赞.{0,30}|.{0,20}明镜与点点栏目.{0,10}|优优独播剧场.{0,30}Exclusive|"
    r"((作词|作曲|编曲|词曲)\s*(李宗盛)?\s*)+",
    re.IGNORECASE,
)
# Real base: of 882 texts that people said (words of a second, sentences, calls; 180 clips with
# noise as loud, or 5 dB below) none has more than 0.62 of `no_speech_prob`, nor less than -1.64 of
# `avg_logprob`. Of 85 texts that it made up in ten kinds of noise all have more than 0.41, and 53
# more than 0.7 and less than -0.6.
SILENT, QUIET = 0.7, 0.4  # `no_speech_prob` above: nobody speaks; perhaps nobody
DOUBTFUL, UNCERTAIN, UNREADABLE = -0.4, -0.6, -2.0  # `avg_logprob` below
LATIN_SEAM = re.compile("[A-Za-z0-9.,!?;:][A-Za-z]")
LITTLE_SPEECH = 0.1  # of a segment's time, to the voice activity detector
ECHO = 0.5  # of a text's pairs of characters that are in the hotwords or the prompt
REPETITIVE = 2.4  # compression ratio: above it, openai-whisper takes a text for a loop
# Characters and digits, which take a syllable; the fastest of AISHELL's 380 sentences has 4.1.
MAX_SYLLABLES_PER_SECOND = 9.0
MAX_LETTERS_PER_SECOND = 25.0  # of other languages; a fast speaker of English has 20
SURPLUS_SECONDS = 0.5  # a segment's times may miss as much of its speech
HURRY = 1.5  # a text that needs this much more time than it has at the fastest was not said so
WORD_CHARACTERS = 10  # a loop of more is of sentences, which people repeat less often
MIN_REPEATS, MIN_WORD_REPEATS = 3, 6
LOOP = re.compile(rf"(.{{1,200}}?)\1{{{MIN_REPEATS - 1},}}", re.DOTALL)
# What people repeat more often: laughter, no no no, the zeros of a telephone number.
REPEATED = re.compile(
    r"([哈呵嘿嘻啊哦嗯呜啦好对是不谢零〇一二三四五六七八九0-9]|加油|no|yes|ha|la|[\s,，、])+",
    re.IGNORECASE,
)


class Polish:
    """Drops a recording's made-up segments, and writes the others as the options say.

    A segment's text depends on those before it alone, so that it needn't wait for others.

    Args:
        language: The code of the language that is spoken.
        options: The request's.
    """

    def __init__(self, language: str, options: Options) -> None:
        self._language, self._options = language, options
        self._asked = f"{options.hotwords}\n{options.initial_prompt}"
        self._kept, self._end = "", ""  # the last segment's text, as decoded; its end, as written

    def __call__(
        self, segments: Sequence[Segment], speech: Sequence[tuple[float, float]] | None = None
    ) -> list[Segment]:
        """Give the next segments.

        Args:
            segments: As decoded; they have `avg_logprob`, `no_speech_prob` and
                `compression_ratio`.
            speech: Where the voice activity detector heard somebody, from and to, in seconds; None
                if it wasn't asked.
        """
        kept: list[Segment] = []
        for one in segments:
            if not one.text.strip() or is_made_up(one, self._asked, speech):
                continue
            short = shortened(one)
            text = short.text.strip()
            again = one.scores["compression_ratio"] > REPETITIVE and text == self._kept
            if text and not again:
                self._kept = text
                language = one.language or self._language
                kept.append(self._apart(written(short, language, self._options)))
        return kept

    def _apart(self, one: Segment) -> Segment:
        """Put a space between segments that end and begin with a Latin word."""
        seam = LATIN_SEAM.fullmatch(self._end + one.text[:1])
        self._end = one.text[-1:]
        return replace(one, text=f" {one.text}") if seam else one


def shortened(one: Segment) -> Segment:
    """Take the loops out of a segment, and out of its words.

    A loop is what people wouldn't repeat so often, or couldn't in the time; or words without time.
    """
    kept = [True] * len(one.text)
    for start, end in _loops(one):
        kept[start:end] = [False] * (end - start)
    return one if all(kept) else masked(one, one.text, kept)


def _loops(one: Segment) -> Iterator[tuple[int, int]]:
    """Yield what is to be cut: all of a loop but its first unit; all, if its words take no time."""
    text, seconds = one.text, one.end - one.start
    repetitive = one.scores["compression_ratio"] > REPETITIVE
    hurried = not plausible_length(text, seconds)
    for loop in LOOP.finditer(text):
        unit, end = loop[1], loop.end()
        if text[end:] and unit.startswith(text[end:]):  # the last time it is cut off
            end = len(text)
        timed = _time_of(one, loop.start(), end)
        repeats = len(loop[0]) // len(unit)
        if timed is not None and timed < MIN_WORD_SECONDS * repeats:
            yield loop.start(), end
        elif len(unit) > WORD_CHARACTERS:
            if hurried or (repetitive and not plausible_length(text, seconds / HURRY)):
                yield loop.start() + len(unit), end
        elif repeats >= MIN_WORD_REPEATS and (
            hurried or (repetitive and not REPEATED.fullmatch(unit))
        ):
            yield loop.start() + len(unit), end


def _time_of(one: Segment, start: int, end: int) -> float | None:
    """Sum up the seconds of the words from a character of a segment to another; None: no words."""
    if one.words is None:
        return None
    seconds, place = 0.0, len(one.text) - sum(len(word.text) for word in one.words)
    for word in one.words:
        if start <= place < end:
            seconds += word.end - word.start
        place += len(word.text)
    return seconds


def plausible_length(text: str, seconds: float) -> bool:
    """Tell whether a text can be spoken in a time.

    Args:
        text: In any language.
        seconds: How long somebody speaks, at most.
    """
    said = [character for character in text if unicodedata.category(character)[0] in "LN"]
    syllables = sum(
        character.isdigit() or unicodedata.east_asian_width(character) == "W" for character in said
    )
    letters = len(said) - syllables
    needed = syllables / MAX_SYLLABLES_PER_SECOND + letters / MAX_LETTERS_PER_SECOND
    return needed <= seconds + SURPLUS_SECONDS


def compression_ratio(text: str) -> float:
    """Compute how many times smaller zlib makes a text (see `REPETITIVE`)."""
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw))


def is_made_up(
    one: Segment, asked: str = "", speech: Sequence[tuple[float, float]] | None = None
) -> bool:
    """Tell whether nobody spoke where Whisper wrote a segment.

    Args:
        one: The segment, with its scores.
        asked: The request's hotwords and prompt, which Whisper likes to say when nobody speaks.
        speech: As `Polish` takes it.
    """
    words = strip_punctuation(in_script(one.text, "simplified", "zh")).strip()
    silence, certainty = one.scores["no_speech_prob"], one.scores["avg_logprob"]
    if not words or (silence > SILENT and certainty < UNCERTAIN):
        return True
    if silence <= QUIET:
        return False
    if certainty < UNREADABLE or (speech is not None and _heard(one, speech) < LITTLE_SPEECH):
        return True
    credit = certainty < UNCERTAIN and CREDITS.fullmatch(words) is not None
    return credit or (certainty < DOUBTFUL and _echoes(words, asked))


def _heard(one: Segment, speech: Sequence[tuple[float, float]]) -> float:
    """Give the share of a segment's time in which somebody was heard."""
    seconds = sum(max(0.0, min(one.end, end) - max(one.start, start)) for start, end in speech)
    return seconds / max(one.end - one.start, MIN_WORD_SECONDS)


def _echoes(words: str, asked: str) -> bool:
    """Tell whether a text is made of pieces of the hotwords or the prompt."""
    source = strip_punctuation(in_script(asked, "simplified", "zh")).lower()
    pairs = [words[place : place + 2].lower() for place in range(len(words) - 1)]
    return bool(pairs) and sum(pair in source for pair in pairs) >= ECHO * len(pairs)
