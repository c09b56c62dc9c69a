"""Who says what in a transcript: names for speakers, and for channels that are heard apart."""

import argparse
from collections.abc import Iterator, Mapping

from transcripts.answers import Segment, Speaker, SpokenTurn, Transcript

UNKNOWN = "The answer doesn't say who speaks; ask the model with 'speakers', such as auto."


class SpeakersUnknown(Exception):
    """A transcript doesn't say who speaks, and that was asked for."""


def attributed(transcript: Transcript) -> Transcript:
    """A transcript that has speakers if its channels were heard apart: channel 1 is `C1`."""
    if transcript.speakers is not None:
        return transcript
    segments = [_by_channel(one) for one in transcript.segments]
    turns = [
        SpokenTurn(start=one.start, end=one.end, speaker=one.speaker, channel=one.channel)
        for one in segments
        if one.speaker
    ]
    if not turns:
        return transcript
    speakers = [
        Speaker(
            speaker=label,
            seconds=round(sum(one.end - one.start for one in turns if one.speaker == label), 3),
            channel=channel,
        )
        for label, channel in dict.fromkeys((one.speaker, one.channel) for one in turns)
    ]
    return transcript.model_copy(
        update={"segments": segments, "speakers": speakers, "turns": turns}
    )


def _by_channel(segment: Segment) -> Segment:
    if segment.channel is None:
        return segment
    return segment.model_copy(update={"speaker": f"C{segment.channel}"})


def names_of(transcript: Transcript) -> dict[str, str]:
    """What each speaker is called, by label: the name, or the label where nobody knows it."""
    known = {one.speaker: " ".join((one.name or "").split()) for one in transcript.speakers or ()}
    return {label: name or label for label, name in known.items()}


def by_name(transcript: Transcript) -> Iterator[tuple[str, Segment]]:
    """Each segment after the name of who says it, "" where nobody knows."""
    known = names_of(transcript)
    return ((known.get(one.speaker or "", ""), one) for one in transcript.segments)


def said(name: str, text: str) -> str:
    """A text after the name of who says it, if there is one."""
    return f"{name}: {text}" if name else text


def renamed(transcript: Transcript, given: Mapping[str, str]) -> Transcript:
    """A transcript whose speakers have other names; two with one name are one person to a reader.

    Args:
        given: names by label. A label that isn't there is passed over; see `missing`.
    """
    if transcript.speakers is None:
        return transcript
    speakers = [
        one.model_copy(update={"name": given.get(one.speaker, one.name)})
        for one in transcript.speakers
    ]
    return transcript.model_copy(update={"speakers": speakers})


def missing(transcript: Transcript, given: Mapping[str, str]) -> str | None:
    """The sentence on labels that a transcript doesn't have."""
    if transcript.speakers is None:
        return UNKNOWN
    known = names_of(transcript)
    absent = ", ".join(f"'{label}'" for label in given if label not in known)
    available = ", ".join(known) or "none"
    return f"Speaker {absent} not found; available: {available}." if absent else None


def renaming(given: str) -> tuple[str, str]:
    """A speaker's label and name, of `LABEL=NAME`."""
    label, _, name = given.partition("=")
    if not (label.strip() and name.split()):
        raise argparse.ArgumentTypeError(f"'{given}' is not LABEL=NAME, such as S1=Wang")
    return label.strip(), " ".join(name.split())
