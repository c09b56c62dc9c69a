"""Finds speech that Whisper left out of a window, so that it can be decoded again, alone.

At a pause, at a change of speakers or after a prompt, Whisper may write the first sentence of a
window and say that the rest is silence.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from zoo.data.audio import SAMPLE_RATE
from zoo.speech.transcript import Segment
from zoo.speech.vad import Span
from zoo.speech.windows import Window, without_text

SPARSE = 2.0  # characters per second: few people speak so slowly for `MIN_SPARSE_SECONDS`
MIN_SPARSE_SECONDS = 4.0
Decode = Callable[[Sequence[Window]], list[list[Segment]]]


def recovered(
    windows: Sequence[Window], decode: Decode, decode_again: Decode
) -> list[list[Segment]]:
    """Decode windows; what their segments leave out, decode again, alone.

    Args:
        windows: Of speech.
        decode: Gives the segments of each window, in the recording's times.
        decode_again: The same for parts of windows; it is called only if something is missing.
    """
    found = decode(windows)
    parts = [
        (place, window.part(span))
        for place, window in enumerate(windows)
        for span in lost(window, found[place])
    ]
    more: dict[int, list[Segment]] = defaultdict(list)
    if parts:
        for (place, _), segments in zip(
            parts, decode_again([part for _, part in parts]), strict=True
        ):
            more[place] += segments
    return [
        with_more(window, segments, more[place])
        for place, (window, segments) in enumerate(zip(windows, found, strict=True))
    ]


def lost(window: Window, segments: list[Segment]) -> list[Span]:
    """List the window's speech that has no text, or far too little, and may have it alone."""
    sparse = [one for one in segments if is_sparse(one, window.spans)]
    missing: list[Span] = []
    for start, end in without_text(window.spans, [one for one in segments if one not in sparse]):
        if any(one.start * SAMPLE_RATE < end and start < one.end * SAMPLE_RATE for one in sparse):
            # More than one thing is said there: each between pauses is decoded alone.
            missing += window.part((start, end)).spans
        else:
            missing.append((start, end))
    whole = (window.spans[0][0], window.spans[-1][1])
    if missing == [whole]:  # alone it would be the same
        return window.spans if len(window.spans) > 1 else []
    return missing


def with_more(window: Window, segments: list[Segment], more: list[Segment]) -> list[Segment]:
    """Add what was heard in parts of a window; where it is more text, drop what it replaces."""
    kept = list(segments)
    for one in segments:
        if is_sparse(one, window.spans):
            instead = [part for part in more if one.start <= (part.start + part.end) / 2 <= one.end]
            if _length(instead) > _length([one]):
                kept.remove(one)
            else:
                more = [part for part in more if part not in instead]
    return sorted([*kept, *more], key=lambda one: one.start)


def _length(segments: Iterable[Segment]) -> int:
    return sum(len(one.text.strip()) for one in segments)


def is_sparse(segment: Segment, spans: Sequence[Span]) -> bool:
    """Tell whether a segment has far less text than is spoken in its time."""
    first, last = segment.start * SAMPLE_RATE, segment.end * SAMPLE_RATE
    spoken = sum(max(0.0, min(end, last) - max(start, first)) for start, end in spans)
    seconds = spoken / SAMPLE_RATE
    return seconds >= MIN_SPARSE_SECONDS and len(segment.text.strip()) < SPARSE * seconds
