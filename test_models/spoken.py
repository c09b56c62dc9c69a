"""The entities of what is said: a transcript's text is a row for a model of entities.

  heard = speech.transcribe("call.wav", word_timestamps=True)
  (found,) = ner.entities([heard.text], mask="label")
  print(as_srt(spoken(heard, found)))

The whole text is one row, so that an entity may go on from one segment into the next. Segments and
words are in it in order: so its offsets become theirs.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import Field

from test_models.answers import Entities, Entity
from test_models.calls import ServiceError
from test_models.masks import Mask, MaskedPlace
from transcripts.answers import Part, Segment, Speaker, SpokenTurn, Transcript, Word

P = TypeVar("P", bound=Part)


class SpokenEntity(Entity):
    """An entity that somebody says; `start` and `end` count characters of the transcript's text.

    Attributes:
        segment: number, from 0, of the segment that it begins in; None, and so the times, where the
            transcript has no segment there.
        start_seconds: when its first word begins; of a segment without words, when that does.
        end_seconds: when its last word ends; likewise.
    """

    segment: int | None = None
    start_seconds: float | None = None
    end_seconds: float | None = None


class Spoken(Transcript):
    """A transcript and its entities.

    Attributes:
        entities: in the text's order.
        masked: of a masked transcript, what was replaced in its text.
    """

    entities: list[SpokenEntity] = Field(default_factory=list)
    masked: list[MaskedPlace] | None = None


class _Stretch(NamedTuple):
    """Characters `first` to `last` of the text, said from `start` to `end`, in seconds."""

    first: int
    last: int
    start: float
    end: float
    segment: int


def spoken(transcript: Transcript, found: Entities) -> Spoken:
    """The transcript with the entities of its text; masked, if the answer is.

    Each text of a masked transcript is cut from the masked text: those of segments, words and
    entities, too. It lacks what else may tell who speaks, which are the names of enrolled voices
    and the voices, and it lacks the fields that this client doesn't know.

    Args:
        transcript: of a recording.
        found: the answer to the row `transcript.text`.

    Raises:
        ServiceError: a segment isn't in the transcript's text.
    """
    said = [list(_stretches(*one)) for one in _placed(transcript)]
    times = list(itertools.chain.from_iterable(said))
    if found.masked is None:
        entities = [_timed(one, one, times) for one in found.entities]
        return Spoken.model_validate({**transcript.model_dump(), "entities": entities})
    mask = Mask(found.masked)
    originals, copies = found.entities, mask.entities(found.entities)
    return _only(
        Spoken,
        transcript,
        text=mask.text,
        segments=[
            _masked(segment, stretches, mask)
            for segment, stretches in zip(transcript.segments, said, strict=True)
        ],
        speakers=_each(Speaker, transcript.speakers, name=None),
        turns=_each(SpokenTurn, transcript.turns),
        voices=None,
        entities=[_timed(copy, one, times) for copy, one in zip(copies, originals, strict=True)],
        masked=mask.replaced(),
    )


def _placed(transcript: Transcript) -> Iterator[tuple[int, Segment, int]]:
    """Each segment with its number and its place in the transcript's text."""
    end = 0
    for number, segment in enumerate(transcript.segments):
        place = transcript.text.find(segment.text, end)
        if place < 0:
            raise ServiceError(
                f"Segment {number} of the transcript isn't in the transcript's text."
            )
        yield number, segment, place
        end = place + len(segment.text)


def _stretches(number: int, segment: Segment, place: int) -> Iterator[_Stretch]:
    """The segment's words, each with what stands between it and the next one; or the segment."""
    parts: Sequence[Word | Segment] = segment.words or [segment]
    begins, end = [], 0
    for one in parts:
        found = segment.text.find(one.text.strip(), end)
        begins.append(found if found >= 0 else end)
        end = begins[-1] + len(one.text.strip()) if found >= 0 else end
    bounds = [0, *begins[1:], len(segment.text)]
    for one, (first, last) in zip(parts, itertools.pairwise(bounds), strict=True):
        yield _Stretch(place + first, place + last, one.start, one.end, number)


def _timed(shown: Entity, entity: Entity, times: Sequence[_Stretch]) -> SpokenEntity:
    """The entity as it is shown, with the times of its characters."""
    first = bisect_right(times, entity.start, key=lambda one: one.last)
    after = bisect_left(times, entity.end, key=lambda one: one.first)
    if first >= after:
        return SpokenEntity(**shown.model_dump())
    return SpokenEntity(
        **shown.model_dump(),
        segment=times[first].segment,
        start_seconds=times[first].start,
        end_seconds=times[after - 1].end,
    )


def _masked(segment: Segment, said: Sequence[_Stretch], mask: Mask) -> Segment:
    """The segment with the masked text; words that are replaced together are one."""
    words: list[Word] = []
    for word, stretch in zip(segment.words or (), said, strict=False):
        text = mask.part(stretch.first, stretch.last)
        if words and mask.covers(stretch.first):
            whole = {"text": words[-1].text + text, "end": word.end}
            words[-1] = words[-1].model_copy(update=whole)
        elif text:
            words.append(_only(Word, word, text=text))
    return _only(
        Segment,
        segment,
        text=mask.part(said[0].first, said[-1].last),
        words=words if segment.words else segment.words,
    )


def _only(kind: type[P], part: Part, **changed: Any) -> P:
    """A part with the fields that the client knows, some of them changed."""
    return kind.model_validate({**part.model_dump(include=set(kind.model_fields)), **changed})


def _each(kind: type[P], parts: Sequence[Part] | None, **changed: Any) -> list[P] | None:
    return None if parts is None else [_only(kind, one, **changed) for one in parts]
