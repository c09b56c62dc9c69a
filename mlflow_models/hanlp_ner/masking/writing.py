"""Writes a text with stand-ins for what tells who somebody is, and says what stands where."""

import hmac
import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hanlp_ner.masking.finding import find
from hanlp_ner.masking.folding import GAPS, SPOKEN
from hanlp_ner.masking.kinds import PersonalSpan
from hanlp_ner.network.decode import Span
from zoo.errors import BadParameter

How = Literal["none", "replace", "hash", "label"]
STAND_IN = "*"  # for each character
HASH_CHARACTERS = 12  # hexadecimal: 48 bits
NO_KEY = "asks for hashes, but the server has no key: its operator sets THERESA_MASK_KEY_FILE"
IN_DIGITS = ("PHONE", "IDENTITY", "BANK_CARD")  # kinds that may be written 幺三八
LABEL = re.compile(r"\[([A-Z_]{1,9})_([0-9]{1,6})\]")
SIGNS = re.compile(r"[^\w@]|_")  # how people group digits, and break lines
MOBILE = re.compile(r"^(?:00)?86(?=1\d{10}$)")  # China's code before a mobile number
LAND_LINE = re.compile(r"^00860?(?=(?:10|2\d|[3-9]\d\d)[2-9]\d{6})")  # and before an area code


class MaskedSpan(BaseModel):
    """A stand-in: characters `start` to `end` of the text as sent, which became others.

    Attributes:
        kind: PERSON, PHONE, IDENTITY, PASSPORT, BANK_CARD, EMAIL or ADDRESS.
        start, end: Characters of the text as it was sent; the end is exclusive.
        masked_start, masked_end: Characters of the masked text; the end is exclusive.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: str
    start: int
    end: int
    masked_start: int
    masked_end: int


@dataclass(frozen=True)
class Masked:
    """A text without what tells who somebody is.

    Attributes:
        text: The masked text.
        spans: What was masked, in order.
        how: How it was written.
    """

    text: str
    spans: list[MaskedSpan]
    how: How

    def shown(self, start: int, end: int) -> str:
        """Give the masked text of characters `start` to `end` of the text as it was sent.

        Of a hash or a label there is never a part.
        """
        return self.text[self._place(start, "masked_start") : self._place(end, "masked_end")]

    def hides(self, start: int, end: int) -> bool:
        """Tell whether any of the characters `start` to `end` of the text as sent is masked."""
        span = self._last_before(end)
        return span is not None and span.end > start

    def record(self) -> dict[str, Any]:
        """Give the masked text and its spans, in JSON's types."""
        return {"text": self.text, "spans": [span.model_dump() for span in self.spans]}

    def _last_before(self, place: int) -> MaskedSpan | None:
        """Find the last span that starts before a place of the text as sent."""
        number = bisect_right(self.spans, place - 1, key=lambda span: span.start)
        return self.spans[number - 1] if number else None

    def _place(self, place: int, edge: str) -> int:
        """Give the masked text's place for one of the text as sent."""
        span = self._last_before(place)
        if span is None:
            return place
        if place >= span.end:
            return span.masked_end + place - span.end
        if self.how == "replace":
            return span.masked_start + place - span.start
        masked: int = getattr(span, edge)
        return masked


def check(how: How, key: bytes) -> None:
    """Refuse hashes without a key, since whoever tries all telephone numbers undoes such hashes.

    Raises:
        BadParameter: There is no key.
    """
    if how == "hash" and not key:
        raise BadParameter("mask", NO_KEY)


def mask(text: str, entities: Iterable[Span], how: How, key: bytes = b"") -> Masked:
    """Mask people's names, numbers, e-mail addresses and addresses in a text.

    Args:
        text: The text as it was sent.
        entities: What the recognizer found in it.
        how: `replace` writes as many `*`; `label` a number that is the same for the same value
            within the text, `[PERSON_1]`; `hash` an HMAC-SHA256 of the value, `[PERSON:1f3a...]`,
            which is the same in all texts.
        key: The operator's, for hashes.

    Raises:
        BadParameter: Hashes are asked for, and there is no key.
    """
    check(how, key)
    write = _writer(how, key, text)
    pieces, spans, place, masked_place = list[str](), list[MaskedSpan](), 0, 0
    for hit in find(text, entities):
        value = text[hit.start : hit.end]
        pieces += [text[place : hit.start], write(hit, value)]
        masked_start = masked_place + hit.start - place
        masked_place = masked_start + len(pieces[-1])
        spans.append(
            MaskedSpan(
                kind=hit.kind,
                start=hit.start,
                end=hit.end,
                masked_start=masked_start,
                masked_end=masked_place,
            )
        )
        place = hit.end
    return Masked("".join([*pieces, text[place:]]), spans, how)


def canonical(kind: str, value: str) -> str:
    """Write a value as all of its spellings are: +86 138-0013-8000 and 幺三八… are 13800138000."""
    value = unicodedata.normalize("NFKC", value)
    if kind in IN_DIGITS:
        value = value.translate(SPOKEN)
    if kind == "EMAIL":
        return GAPS.sub("", value).casefold()
    if kind != "PHONE":
        return SIGNS.sub("", value).upper()
    value = SIGNS.sub("", value.replace("+", "00")).upper()
    return LAND_LINE.sub("0", MOBILE.sub("", value))


def _writer(how: How, key: bytes, text: str) -> Callable[[PersonalSpan, str], str]:
    """Make the function that writes the stand-in of a hit with its value.

    Labels go on after those that the text has, since a text may be masked already.
    """
    numbers: dict[tuple[str, str], int] = {}
    counts: Counter[str] = Counter()
    for kind, number in LABEL.findall(text):
        counts[kind] = max(counts[kind], int(number))

    def label(hit: PersonalSpan, value: str) -> str:
        known = (hit.kind, canonical(hit.kind, value))
        if known not in numbers:
            counts[hit.kind] += 1
            numbers[known] = counts[hit.kind]
        return f"[{hit.kind}_{numbers[known]}]"

    def hashed(hit: PersonalSpan, value: str) -> str:
        message = f"{hit.kind}:{canonical(hit.kind, value)}".encode()
        return f"[{hit.kind}:{hmac.new(key, message, 'sha256').hexdigest()[:HASH_CHARACTERS]}]"

    def starred(_: PersonalSpan, value: str) -> str:
        return STAND_IN * len(value)

    return {"label": label, "hash": hashed, "replace": starred}[how]
