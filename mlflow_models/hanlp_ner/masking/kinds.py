"""The kinds of personal data, and what recognizers call them."""

from typing import NamedTuple

# MSRA, OntoNotes, People's Daily; PKU and older MSRA; CLUENER, Resume; Weibo, whose PER.NOM are
# words such as 女人; and people who label data of their own.
PERSON = ("PERSON", "PER", "NR", "NRF", "NRJ", "NAME", "PER.NAM", "PERSON_NAME", "人名", "姓名")
LABELS = {
    **dict.fromkeys(PERSON, "PERSON"),
    **dict.fromkeys(("PHONE", "TEL", "TELEPHONE", "MOBILE", "电话", "手机"), "PHONE"),
    **dict.fromkeys(("EMAIL", "E-MAIL", "邮箱"), "EMAIL"),
    **dict.fromkeys(("IDENTITY", "ID_NUMBER", "ID_CARD", "身份证", "身份证号"), "IDENTITY"),
    **dict.fromkeys(("ADDRESS", "ADDR", "地址", "住址"), "ADDRESS"),
}
# Places: what they are called may belong to an address, and by itself is none.
PLACES = frozenset(
    ("LOCATION", "LOC", "NS", "GPE", "FAC", "LOC.NAM", "GPE.NAM", "SCENE", "ADDRESS", "ADDR")
)


class PersonalSpan(NamedTuple):
    """Characters `start` to `end` (exclusive) that tell who somebody is.

    Attributes:
        kind: PERSON, PHONE, IDENTITY, PASSPORT, BANK_CARD, EMAIL or ADDRESS.
    """

    kind: str
    start: int
    end: int
