"""Counts what a system heard of recordings whose speech is known.

Reference and answer come to one spelling first, the same for every system: simplified characters,
numbers in words, no punctuation (whisper_asr/training/normalizer.py).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.whisper_quality_recordings import QualityRecording, Stretch
from benchmarks.whisper_quality_sets import names_in
from whisper_asr.training.error_rates import character_errors
from whisper_asr.training.normalizer import Normalizer
from zoo.training.error_rates import ErrorCounts, bootstrap, total

SPELLING = Normalizer()
HEARD_SHARE = 0.2  # of a clip's characters; with no more than these it has no text
OFF_SECONDS = 1.0  # from the truth: a time further away is wrong
SURE_CHARACTERS = 2  # a segment is of a clip with which it shares so many, or all that it has
EDGE_CHARACTERS = 2  # of a clip: a segment that has one of the first begins with the clip
FEW_RECORDINGS = 10  # fewer are resampled clip by clip

Segment = tuple[float, float, str]


@dataclass(frozen=True)
class Alignment:
    """A recording's answer, laid beside what is said.

    Attributes:
        errors: Of each clip: mistakes, and its length.
        heard: Of each clip: the share of its characters that the answer has.
        segments: From and to in seconds, of those with text.
        shared: Of each of these: by clip, the places of the characters that both have.
    """

    errors: list[ErrorCounts]
    heard: list[float]
    segments: list[tuple[float, float]]
    shared: list[dict[int, list[int]]]


def spelt(text: str) -> str:
    """A text as it is compared: no white space either."""
    return "".join(SPELLING(text).split())


def align(recording: QualityRecording, segments: Sequence[Segment]) -> Alignment:
    """Lay an answer beside a recording's clips, with as few edits as can be."""
    from rapidfuzz.distance import Levenshtein

    said = [spelt(one.text) for one in recording.stretches]
    timed = [(start, end, text) for start, end, raw in segments if (text := spelt(raw))]
    clips = [(clip, place) for clip, text in enumerate(said) for place in range(len(text))]
    owners = [number for number, (_, _, text) in enumerate(timed) for _ in text]
    mistakes, heard = Counter[int](), Counter[int]()
    shared: list[dict[int, list[int]]] = [{} for _ in timed]
    edits = Levenshtein.opcodes("".join(said), "".join(text for _, _, text in timed))
    for edit in edits:
        if edit.tag == "insert":
            clip, _ = clips[min(edit.src_start, len(clips) - 1)]
            mistakes[clip] += edit.dest_end - edit.dest_start
            continue
        for number in range(edit.src_start, edit.src_end):
            clip, place = clips[number]
            if edit.tag != "equal":
                mistakes[clip] += 1
                continue
            heard[clip] += 1
            owner = owners[edit.dest_start + number - edit.src_start]
            shared[owner].setdefault(clip, []).append(place)
    return Alignment(
        [ErrorCounts(mistakes[clip], len(text)) for clip, text in enumerate(said)],
        [heard[clip] / len(text) for clip, text in enumerate(said)],
        [(start, end) for start, end, _ in timed],
        shared,
    )


def is_off(
    stretches: Sequence[Stretch], segment: tuple[float, float], shared: dict[int, list[int]]
) -> bool:
    """Tell whether a segment begins or ends over a second off the truth.

    A segment that has the first characters of a clip begins with this clip, in the silence before
    its first word or with the word; one from the clip's middle begins anywhere in it; and one that
    has nothing of any clip lies in one. So for the ends.

    Args:
        stretches: The recording's clips.
        segment: From and to, in seconds.
        shared: As `Alignment` has it for this segment.
    """
    most = max((len(places) for places in shared.values()), default=0)
    sure = [clip for clip, places in shared.items() if len(places) >= min(SURE_CHARACTERS, most)]
    start, end = segment
    if not sure:
        return any(
            min(_outside(time, one.start, one.end) for one in stretches) > OFF_SECONDS
            for time in segment
        )
    first, last = stretches[min(sure)], stretches[max(sure)]
    is_first = min(shared[min(sure)]) < EDGE_CHARACTERS
    is_last = max(shared[max(sure)]) >= len(spelt(last.text)) - EDGE_CHARACTERS
    begins = _outside(start, first.start, first.start + first.lead if is_first else first.end)
    ends = _outside(end, last.end - last.tail if is_last else last.start, last.end)
    return max(begins, ends) > OFF_SECONDS


def errors_of(
    recordings: Sequence[QualityRecording], answers: Sequence[dict[str, Any]]
) -> list[ErrorCounts]:
    """Mistakes of each recording; of each clip, where the recordings are few."""
    if len(recordings) < FEW_RECORDINGS:
        return [
            clip
            for one, answer in zip(recordings, answers, strict=True)
            for clip in align(one, answer["segments"]).errors
        ]
    return [
        character_errors(one.text, _text(answer), SPELLING)
        for one, answer in zip(recordings, answers, strict=True)
    ]


def rate(errors: Sequence[ErrorCounts]) -> dict[str, float]:
    """The error rate in percent, and where 95 % of the resampled rates lie."""
    found = bootstrap([replace(one, mistakes=0) for one in errors], errors)
    return {"cer": total(errors).rate, "low": found.low, "high": found.high}


def difference(ours: Sequence[ErrorCounts], theirs: Sequence[ErrorCounts]) -> list[float]:
    """Our error rate less theirs on the same recordings, and its interval."""
    found = bootstrap(theirs, ours)
    return [found.difference, found.low, found.high]


def joined_counts(
    recordings: Sequence[QualityRecording], answers: Sequence[dict[str, Any]]
) -> dict[str, int]:
    """How many clips have no text, and how many segments have wrong times."""
    counts = Counter(clips=0, lost=0, segments=0, off=0)
    for one, answer in zip(recordings, answers, strict=True):
        found = align(one, answer["segments"])
        counts["clips"] += len(found.heard)
        counts["lost"] += sum(share <= HEARD_SHARE for share in found.heard)
        counts["segments"] += len(found.segments)
        counts["off"] += sum(
            is_off(one.stretches, segment, shared)
            for segment, shared in zip(found.segments, found.shared, strict=True)
        )
    return dict(counts)


def name_counts(
    recordings: Sequence[QualityRecording], answers: Sequence[dict[str, Any]]
) -> dict[str, int]:
    """How many of the names that are said stand in the answers."""
    pairs = [
        (spelt(name), spelt(_text(answer)))
        for one, answer in zip(recordings, answers, strict=True)
        for name in names_in(one.text)
    ]
    return {"names": len(pairs), "found": sum(name in text for name, text in pairs)}


def invented(
    recordings: Sequence[QualityRecording], answers: Sequence[dict[str, Any]]
) -> dict[str, str]:
    """The text of recordings in which nobody speaks, by the recording's name."""
    pairs = zip(recordings, answers, strict=True)
    return {one.name: text for one, answer in pairs if (text := _text(answer).strip())}


def _text(answer: dict[str, Any]) -> str:
    return "".join(text for _, _, text in answer["segments"])


def _outside(seconds: float, low: float, high: float) -> float:
    """How far a time lies before `low` or after `high`, in seconds."""
    return max(low - seconds, seconds - high, 0.0)
