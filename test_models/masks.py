"""A masked text in place of the one that was sent: parts of it, and what was found there.

Whatever text comes out of a `Mask` is cut from the masked one: nothing of the other can be in it.
"""

from bisect import bisect_left
from collections.abc import Iterable

from test_models.answers import Entities, Entity, MaskedCopy
from test_models.calls import ServiceError
from transcripts.answers import Answer, Part

UNMASKED = "The model answered without a mask, so its answer isn't shown."


class MaskedPlace(Part):
    """What was replaced, at characters `start` to `end` of a masked text, and of which `kind`."""

    kind: str
    start: int
    end: int


class MaskedText(Answer):
    """A masked text, with what is known of it; all offsets are its own.

    Attributes:
        entities: in order, of the text as it was sent.
        masked: in order.
    """

    text: str
    entities: list[Entity]
    masked: list[MaskedPlace]


class Mask:
    """Where each character of a text is in its masked copy.

    Args:
        masked: of a model's answer.
    """

    def __init__(self, masked: MaskedCopy) -> None:
        self.text = masked.text
        self._spans = masked.spans
        self._starts = [one.start for one in masked.spans]

    def part(self, start: int, end: int) -> str:
        """The masked copy of characters `start` to `end` of the text.

        A replacement belongs to the part that the replaced characters begin in, so that parts that
        follow each other are the whole masked text.
        """
        return self.text[self._place(start, "masked_end") : self._place(end, "masked_end")]

    def covers(self, place: int) -> bool:
        """Whether the characters on both sides of a place are replaced as one."""
        before = bisect_left(self._starts, place) - 1
        return before >= 0 and place < self._spans[before].end

    def entities(self, found: Iterable[Entity]) -> list[Entity]:
        """Entities with the masked text and its offsets; one that is masked has no normal form."""
        return [self._entity(one) for one in found]

    def replaced(self) -> list[MaskedPlace]:
        """What was replaced, in the masked text."""
        return [
            MaskedPlace(kind=one.kind, start=one.masked_start, end=one.masked_end)
            for one in self._spans
        ]

    def _entity(self, entity: Entity) -> Entity:
        start = self._place(entity.start, "masked_start")
        end = self._place(entity.end, "masked_end")
        whole = not any(one.start < entity.end and entity.start < one.end for one in self._spans)
        return Entity(
            text=self.text[start:end],
            type=entity.type,
            start=start,
            end=end,
            confidence=entity.confidence,
            normalized=entity.normalized if whole else None,
        )

    def _place(self, place: int, inside: str) -> int:
        """Where a place between two characters is; amid replaced ones, that end of them."""
        before = bisect_left(self._starts, place) - 1
        if before < 0:
            return place
        span = self._spans[before]
        if place < span.end:
            return int(getattr(span, inside))
        return place + span.masked_end - span.end


def mask_of(found: Entities) -> Mask:
    """The mask of an answer that was asked for with `mask`.

    Raises:
        ServiceError: it has none.
    """
    if found.masked is None:
        raise ServiceError(UNMASKED)
    return Mask(found.masked)


def without_originals(found: Entities) -> MaskedText:
    """An answer without what its mask replaced.

    Raises:
        ServiceError: it has none.
    """
    mask = mask_of(found)
    entities = mask.entities(found.entities)
    return MaskedText(text=mask.text, entities=entities, masked=mask.replaced())
