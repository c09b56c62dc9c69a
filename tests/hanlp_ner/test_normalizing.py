"""What entities mean: a table written by hand, and what holds for any text."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanlp_ner.normalizing.normalize import RULES, normalize
from hanlp_ner.normalizing.normalized import Normalized
from hanlp_ner.options import Options
from tests.hanlp_ner.test_serving import post
from zoo.errors import BadParameter

TABLE = Path(__file__).with_name("samples") / "normalized.txt"
THURSDAY = date(2026, 1, 1)
PIECES = [
    *"零〇一二两三五九十百千万亿点分之第年月日号周天上下本去今明昨晚时半刻秒个元块角公里斤度岁至到",
    *"0123456789-/:.,()%¥$ \n½²０９",
    *("星期", "世纪", "年代", "季度", "小时", "民国", "下午", "北京", "朝阳区", "省", "中国"),
]
SECTIONS = ("without a reference date", "with a reference date only", "never")


def cases(section: str) -> dict[tuple[str, str], str]:
    """What each type and text of a section should mean."""
    text = TABLE.read_text(encoding="utf-8").split(f"[{section}]\n")[1].split("\n\n")[0]
    found = {}
    for line in text.splitlines():
        entity, meaning = line.split(" = ")
        entity_type, words = entity.split(" ", 1)
        found[entity_type, words] = meaning
    return found


def said(entity: tuple[str, str], reference: date | None) -> str:
    """What an entity means, as the table writes it."""
    meaning = normalize(entity[1], entity[0], reference)
    if meaning is None:
        return "-"
    fields: list[Any] = list(meaning.record().values())
    return " ".join("/".join(one) if isinstance(one, list) else one for one in fields)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("reference", [None, THURSDAY], ids=["without", "with"])
def test_the_table(section: str, reference: date | None) -> None:
    expected = cases(section)
    if section == SECTIONS[1] and reference is None:
        expected = dict.fromkeys(expected, "-")
    assert {entity: said(entity, reference) for entity in expected} == expected


def parsed(one: Normalized) -> None:
    """Read a value as a program would; fails if it can't be."""
    value = one.value or ""
    if one.kind == "interval":
        first, last = value.split("/")
        assert first < last
        for end in (first, last):
            parsed(Normalized(kind=instant_kind(end), value=end))
    elif one.kind == "duration":
        assert re.fullmatch(r"P(?=.)(\d[\d.]*[YMWD])*(T(\d[\d.]*[HMS])+)?", value)
    elif one.kind in ("decade", "century"):
        assert re.fullmatch(r"\d{3}X|\d\dXX", value)
    elif one.kind == "fraction":
        Fraction(value)
    elif one.kind == "place":
        assert one.path
        assert one.country
    elif one.kind in ("year", "month", "date"):
        assert len(value) == {"year": 4, "month": 7, "date": 10}[one.kind]
        date.fromisoformat(value + "-01-01"[: 10 - len(value)])
    elif one.kind == "time":
        time.fromisoformat(value)
    elif one.kind == "datetime":
        datetime.fromisoformat(value)
    else:
        assert f"{Decimal(value):f}" == value


def instant_kind(value: str) -> Any:
    """The kind of an end of an interval."""
    kinds = {4: "year", 7: "month", 10: "date"}
    return "datetime" if "T" in value else "time" if ":" in value else kinds[len(value)]


@given(
    st.one_of(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.text(max_size=70)),
    st.sampled_from(sorted(RULES)),
    st.sampled_from([None, THURSDAY, date.min, date.max]),
)
def test_no_text_breaks_it_and_every_value_can_be_read(
    text: str, entity_type: str, reference: date | None
) -> None:
    meaning = normalize(text, entity_type, reference)
    if meaning is not None:
        parsed(meaning)


@pytest.mark.parametrize("section", SECTIONS[:2])
def test_every_value_of_the_table_can_be_read(section: str) -> None:
    for entity_type, text in cases(section):
        meaning = normalize(text, entity_type, THURSDAY)
        assert meaning is not None
        parsed(meaning)


@pytest.mark.parametrize("wrong", ["20260101", "2026-W01-1", "2026-02-30", "昨天", "2026-1-1"])
def test_a_reference_date_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(BadParameter, match="reference_date"):
        Options(reference_date=wrong)


def test_the_served_model_dates_a_text(ner_url: str) -> None:
    params = {"reference_date": "2026-01-01"}
    text = "去年三月五日，我爱中国"
    entities = post(ner_url, [text], params).json()["predictions"][0]["entities"]
    meanings = {one["text"]: one["normalized"] for one in entities}
    assert meanings["去年三月五日"] == {"kind": "date", "value": "2025-03-05"}
    assert meanings["中国"] == {"kind": "place", "path": ["中华人民共和国"], "country": "CN"}
    undated = post(ner_url, [text]).json()["predictions"][0]["entities"]
    assert [one["text"] for one in undated if "normalized" in one] == ["中国"]
