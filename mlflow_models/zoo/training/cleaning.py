"""Decides which recordings a model can learn from, and brings them to one form."""

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data import audio
from zoo.errors import BadInput
from zoo.training.corpora import BROKEN, NO_SOUND, NO_TEXT, CorpusRecording, is_there

REASONS = (
    BROKEN,  # a row with too few or too many cells
    NO_TEXT,
    NO_SOUND,
    "unreadable",  # no such file, not audio, nothing to decode
    "too short",
    "too long",
    "silent",
    "no text",
    "other script",
    "undecided abbreviation",
    "too many tokens",
    "too fast",
)


TAG = re.compile(r"<\|[^<>|]{1,40}\|>|</?[A-Za-z][^<>]{0,80}>")
EVENT = re.compile(
    r"\[[^\[\]]{1,40}\]|【[^【】]{1,40}】|"
    r"[(（](?:[大哄]?笑声?|[鼓]?掌声?|咳嗽声?|叹气声?|噪[声音]|音乐声?|静音|听不清|"
    r"noise|laugh(?:s|ter|ing)?|music|applause|cough(?:s|ing)?|silence|inaudible|unintelligible)[)）]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Limits:
    """What is kept.

    Args:
        shortest: seconds.
        longest: seconds.
        most_tokens: of the transcript, as the model counts them.
        quietest: dB of the loudest 20 ms against full scale; below it is silence.
        fastest: characters a second; more means that the transcript is another recording's.
    """

    shortest: float = 0.3
    longest: float = 30.0
    most_tokens: int = 1_000_000
    quietest: float = -50.0
    fastest: float = 25.0


@dataclass(frozen=True)
class Rule:
    """One step of cleaning a transcript, counted in the report under its name.

    Args:
        name: in the report, and on the command line.
        apply: from a text to a text.
        find: what of the text that it is given a person should see.
    """

    name: str
    apply: Callable[[str], str]
    find: Callable[[str], list[str]] | None = None


def remove_tags(text: str) -> str:
    """Removes tags (<br>, <|zh|>), which part words, and writes HTML's &nbsp; as a character."""
    return TAG.sub(" ", html.unescape(TAG.sub(" ", text)))


def remove_events(text: str) -> str:
    """Removes notes of what is heard beside speech: [笑声], 【掌声】, (laughter)."""
    return EVENT.sub(" ", text)


def remove_invisible(text: str) -> str:
    """Removes what can't be seen: byte order marks, zero-width characters, controls."""
    return "".join(
        character
        for character in text
        if character.isspace() or unicodedata.category(character) not in ("Cc", "Cf")
    )


# The rules that every speech corpus may need, whatever its language.
COMMON_RULES = {
    "tags": Rule("tags", remove_tags),
    "events": Rule("events", remove_events),
    "invisible": Rule("invisible", remove_invisible),
}
COMMON_WORDS = {
    "tags": "remove <br> and <|zh|>; &nbsp; is a space",
    "events": "remove [笑声] and (laughter)",
    "invisible": "remove byte order marks and zero-width characters",
}


@dataclass(frozen=True)
class Text:
    """How a model sees a transcript.

    Args:
        normalize: from the corpus's spelling to the one that is learnt; after the rules.
        count_tokens: how long it is to the model.
        rules: steps to count one by one.
        foreign: of a transcript, the characters that the model isn't to learn; a recording that has
            one is left out, since what is said there would be missing from its transcript.
        decided: leave out recordings in which a rule finds something that isn't one of these.
    """

    normalize: Callable[[str], str]
    count_tokens: Callable[[str], int]
    rules: tuple[Rule, ...] = ()
    foreign: Callable[[str], str] | None = None
    decided: frozenset[str] | None = None


@dataclass(frozen=True)
class Spelt:
    """A transcript as it is learnt, and how it came about.

    Args:
        text: the result.
        steps: the text before and after each rule that changed it.
        found: by the rules.
    """

    text: str
    steps: dict[str, tuple[str, str]] = field(default_factory=dict)
    found: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cleaned:
    """A recording with its transcript, or what is wrong with them.

    Args:
        row: `audio` (int16 at 16 kHz), `text`, `duration` in seconds, `name`, and the recording's
            further columns; empty where there is a reason.
        reason: one of `REASONS`, or empty.
        spelt: the transcript.
        foreign: the characters for which it was left out.
        missing: whether its file doesn't exist.
    """

    row: dict[str, Any]
    reason: str
    spelt: Spelt
    foreign: str = ""
    missing: bool = False


def spell(raw: str, text: Text) -> Spelt:
    """Applies the rules to a transcript, one after the other, then normalises it."""
    steps, found, spelt = {}, [], raw
    for rule in text.rules:
        if rule.find is not None:
            found += rule.find(spelt)
        changed = rule.apply(spelt)
        if changed != spelt:
            steps[rule.name] = (spelt, changed)
        spelt = changed
    return Spelt(text.normalize(spelt), steps, tuple(found))


def clean(recording: CorpusRecording, text: Text, limits: Limits) -> Cleaned:
    """Decodes a recording, normalises its transcript, and says what is wrong with them."""
    if recording.reason:
        return Cleaned({}, recording.reason, Spelt(""))
    spelt = spell(recording.text, text)
    foreign = text.foreign(spelt.text) if text.foreign is not None else ""
    missing = isinstance(recording.audio, Path) and not is_there(recording.audio)
    if reason := "unreadable" if missing else _misspelt(spelt, foreign, text):
        return Cleaned({}, reason, spelt, foreign if reason == "other script" else "", missing)
    try:
        wave = audio.decode(recording.audio)
    except (BadInput, OSError):
        return Cleaned({}, "unreadable", spelt)
    seconds = len(wave) / audio.SAMPLE_RATE
    if reason := _misfit(wave, seconds, spelt.text, limits):
        return Cleaned({}, reason, spelt)
    if text.count_tokens(spelt.text) > limits.most_tokens:
        return Cleaned({}, "too many tokens", spelt)
    samples = np.clip(np.round(wave * 32768), -32768, 32767).astype(np.int16)
    row = {"audio": samples, "text": spelt.text, "duration": seconds, "name": recording.name}
    return Cleaned({**row, **recording.extra}, "", spelt)


def _misspelt(spelt: Spelt, foreign: str, text: Text) -> str:
    if not any(character.isalnum() for character in spelt.text):
        return "no text"
    if foreign:
        return "other script"
    undecided = text.decided is not None and not text.decided.issuperset(spelt.found)
    return "undecided abbreviation" if undecided else ""


def _misfit(wave: np.ndarray, seconds: float, spoken: str, limits: Limits) -> str:
    if seconds < limits.shortest:
        return "too short"
    if seconds > limits.longest:
        return "too long"
    frame = audio.SAMPLE_RATE // 50
    power = wave[: len(wave) // frame * frame].reshape(-1, frame).var(axis=1)  # an offset is silent
    if 10 * np.log10(power.max() + 1e-12) < limits.quietest:
        return "silent"
    return "too fast" if len(spoken) / seconds > limits.fastest else ""
