"""Hears a recording's channels apart, and puts their transcripts together by time."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.data.audio import survey
from zoo.errors import BadInput
from zoo.speech.options import CHANNELS_LEFT_OUT, NO_SPEECH, ONE_CHANNEL
from zoo.speech.recording import OneChannel, Source
from zoo.speech.transcript import HeardChannel, Segment, Speaker, Transcript
from zoo.speech.voices import Gallery

MAX_CHANNELS = 8  # that are heard: each takes as long as a recording
SHARED_SECONDS = 0.3  # in which two channels have speech: less is a matter of imprecise times


class Split:
    """A recording whose channels are heard apart.

    Args:
        source: A recording of a request; one that is no file has one channel.

    Attributes:
        channels: All of them, with those that need not be heard.
        sources: What is to be heard: each channel that isn't left out.
    """

    def __init__(self, source: Source) -> None:
        self.channels: list[HeardChannel] = []
        self.sources: list[Source] = []
        self._failure: BadInput | None = None
        if not isinstance(source, bytes | Path):
            self.channels, self.sources = [HeardChannel(1)], [source]
            return
        try:
            found = survey(source)
        except BadInput as error:
            self._failure = error
            return
        self.channels = [HeardChannel(place + 1, why) for place, why in enumerate(found)]
        own = [one.channel for one in self.channels if one.left_out is None]
        if len(own) > MAX_CHANNELS:
            self._failure = BadInput(
                f"has {len(own)} channels with a sound of their own; 'separate' takes up to "
                f"{MAX_CHANNELS}"
            )
        else:
            self.sources = [OneChannel(source, number - 1) for number in own]

    def merged(self, heard: Iterator[Transcript | Exception]) -> Transcript | Exception:
        """Take the transcripts of this recording's channels, and put them together by time."""
        parts = list(itertools.islice(heard, len(self.sources)))
        failures = [part for part in parts if isinstance(part, Exception)]
        if self._failure or failures:
            return self._failure or failures[0]
        return _merged([part for part in parts if isinstance(part, Transcript)], self.channels)


def _merged(parts: Sequence[Transcript], channels: list[HeardChannel]) -> Transcript:
    """Put the transcripts of a recording's channels together, by time.

    Args:
        parts: Of the channels that aren't left out, in order.
        channels: All channels of the recording.
    """
    numbers = [one.channel for one in channels if one.left_out is None]
    segments = sorted(
        (
            replace(segment, channel=number)
            for number, part in zip(numbers, parts, strict=True)
            for segment in part.segments
        ),
        key=lambda one: (one.start, one.end),
    )
    seconds: dict[str, float] = defaultdict(float)
    for part in parts:
        seconds[part.language] += sum(one.end - one.start for one in part.segments)
    language = max(seconds, key=seconds.__getitem__)
    found = Transcript(
        language,
        max(part.duration for part in parts),
        _with_overlaps(segments),
        _warnings(parts, channels),
        sorted(hole for part in parts for hole in part.unrecognized),
        next(part.scores for part in parts if part.language == language),
        channels=channels,
    )
    _merge_speakers(found, parts, numbers)
    return found


def _warnings(parts: Sequence[Transcript], channels: Sequence[HeardChannel]) -> list[str]:
    """List what a user should know of the recording; one silent side of a call is no warning."""
    found = [code for part in parts for code in part.warnings if code != NO_SPEECH]
    if all(NO_SPEECH in part.warnings for part in parts):
        found.append(NO_SPEECH)
    if len(channels) == 1:
        found.append(ONE_CHANNEL)
    elif len(parts) < len(channels):
        found.append(CHANNELS_LEFT_OUT)
    return list(dict.fromkeys(found))


def _with_overlaps(segments: Sequence[Segment]) -> list[Segment]:
    """Tell of each segment, in order, whether another channel has speech at its time."""
    starts = np.array([one.start for one in segments])
    ends = np.array([one.end for one in segments])
    channels = np.array([one.channel for one in segments])
    return [
        replace(
            one,
            overlap=bool(
                np.any(
                    (np.minimum(ends, one.end) - np.maximum(starts, one.start) > SHARED_SECONDS)
                    & (channels != one.channel)
                )
            ),
        )
        for one in segments
    ]


def _merge_speakers(found: Transcript, parts: Sequence[Transcript], numbers: list[int]) -> None:
    """Number the speakers of all channels in the order in which they begin."""
    if any(part.speakers is None or part.turns is None for part in parts):
        return
    turns = sorted(
        (
            replace(turn, channel=number)
            for number, part in zip(numbers, parts, strict=True)
            for turn in part.turns or ()
        ),
        key=lambda one: (one.start, one.end),
    )
    order = list(dict.fromkeys((one.channel, one.speaker) for one in turns))
    labels = {key: f"S{place + 1}" for place, key in enumerate(order)}
    known: dict[tuple[int | None, str], Speaker] = {
        (number, one.speaker): one
        for number, part in zip(numbers, parts, strict=True)
        for one in part.speakers or ()
    }
    found.turns = [replace(one, speaker=labels[one.channel, one.speaker]) for one in turns]
    found.speakers = [replace(known[key], speaker=labels[key], channel=key[0]) for key in order]
    galleries = [part.voices for part in parts if part.voices is not None]
    if galleries:
        own = {
            labels[number, label]: voice
            for number, part in zip(numbers, parts, strict=True)
            for label, voice in (part.voices.voices if part.voices else {}).items()
        }
        found.voices = Gallery(galleries[0].network, own)
    found.segments = [
        one.spoken_by(labels[one.channel, one.speaker]) if one.speaker else one
        for one in found.segments
    ]
