"""What tells who somebody is leaves a text, and the rest of it stays."""

import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.masking import sentences
from hanlp_ner.engine import Engine, Found
from hanlp_ner.masking.finding import find
from hanlp_ner.masking.kinds import LABELS
from hanlp_ner.masking.writing import Masked, mask
from hanlp_ner.network.decode import Span
from hanlp_ner.options import Options
from zoo.errors import BadParameter, ZooError
from zoo.serving.model import ARTIFACT
from zoo.settings import check, mask_key

KEY = b"a key that only this test has"
SENT = "张三，13800138000，去年三月五日"
NUMBERS = ("PHONE", "IDENTITY", "BANK_CARD", "PASSPORT")
SPANS = st.tuples(st.integers(0, 60), st.integers(1, 6), st.sampled_from(["PERSON", "LOCATION"]))


@pytest.fixture(scope="module")
def engine(ner_model: Path) -> Engine:
    """The demo's, with a key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THERESA_MASK_KEY", KEY.decode())
        return Engine(ner_model / "artifacts" / ARTIFACT)


def answered(engine: Engine, text: str, **options: object) -> tuple[dict[str, object], Masked]:
    (found,) = engine([text], Options.model_validate(options))
    assert isinstance(found, Found)
    assert found.masked
    return found.record(), found.masked


def found_in(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for kind, start, end in find(text, [])]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("replace", r"\*\*，\*{11}，去年三月五日"),
        ("label", r"\[PERSON_1\]，\[PHONE_1\]，去年三月五日"),
        ("hash", r"\[PERSON:[0-9a-f]{12}\]，\[PHONE:[0-9a-f]{12}\]，去年三月五日"),
    ],
)
def test_a_text_is_masked_in_three_ways(engine: Engine, how: str, expected: str) -> None:
    record, masked = answered(engine, SENT, mask=how)
    assert re.fullmatch(expected, masked.text)
    assert [(one.kind, one.start, one.end) for one in masked.spans] == [
        ("PERSON", 0, 2),
        ("PHONE", 3, 14),
    ]
    assert "张三" not in str(record)
    assert "13800138000" not in str(record)
    assert "去年三月五日" in str(record)


def test_names_that_are_not_listed_are_masked_too(engine: Engine) -> None:
    (plain,) = engine([SENT])
    assert isinstance(plain, Found)
    assert all(span.confidence < 1 for span in plain.entities)
    record, masked = answered(engine, SENT, mask="label", min_confidence=1.0)
    assert record["entities"] == []
    assert masked.text.startswith("[PERSON_1]，[PHONE_1]")


def test_a_part_of_a_name_in_a_dictionary_uncovers_no_name(engine: Engine) -> None:
    record, masked = answered(engine, SENT, mask="label", dictionary='{"三，": "ROAD"}')
    assert masked.text.startswith("[PERSON_1]")
    assert "三" not in str(record).replace("三月", "")
    text = "李明在北京大学读书。"
    assert answered(engine, text, mask="label")[1].text.startswith("[PERSON_1]")
    assert answered(engine, text, mask="label", dictionary='{"李明在": "BAND"}')[1].text == text


def test_hashes_need_a_key(ner_model: Path, engine: Engine) -> None:
    with pytest.raises(BadParameter) as refused:
        Engine(ner_model / "artifacts" / ARTIFACT)([SENT], Options(mask="hash"))
    assert refused.value.name == "mask"
    with pytest.raises(BadParameter):
        Options(mask="label", tasks=("tok",))
    assert answered(engine, SENT, mask="hash")[1] == mask(SENT, [Span(0, 2, "PER")], "hash", KEY)


def test_a_hash_is_that_of_the_value_and_the_key() -> None:
    def phone(text: str, key: bytes = KEY) -> str:
        found = re.findall(r"\[PHONE:\w+\]", mask(text, [], "hash", key).text)
        assert len(found) == 1
        return str(found[0])

    spellings = (
        "138 0013-8000",
        "+86 13800138000",
        "１３８００１３８０００",
        "幺三八零零幺三八零零零",
    )
    assert {phone(f"打{one}，谢谢") for one in spellings} == {phone("13800138000")}
    office = ("010-62345678", "+86 10 6234 5678", "+86(010)62345678", "0086-10-62345678")
    assert len({phone(f"打{one}，谢谢") for one in office}) == 1
    assert phone("13800138000") != phone("13800138001")
    assert phone("13800138000") != phone("13800138000", b"another key of enough bytes")


def test_a_key_is_read_and_never_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert mask_key() == b""
    file = tmp_path / "key"
    file.write_bytes(KEY + b"\n")
    monkeypatch.setenv("THERESA_MASK_KEY_FILE", str(file))
    assert mask_key() == KEY
    for variables in (
        {"THERESA_MASK_KEY": "tooshort", "THERESA_MASK_KEY_FILE": ""},
        {"THERESA_MASK_KEY": KEY.decode(), "THERESA_MASK_KEY_FILE": str(file)},
        {"THERESA_MASK_KEY": "", "THERESA_MASK_KEY_FILE": str(tmp_path / "missing")},
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ZooError, match="THERESA_MASK_KEY") as refused:
            check()
        assert "tooshort" not in str(refused.value)
        assert KEY.decode() not in str(refused.value)


def test_other_numbers_stay() -> None:
    texts = [text for text, gold in sentences() if not gold]
    assert {text: found for text in texts if (found := found_in(text))} == {}
    assert len(texts) > 40


def test_every_number_of_the_sentences_is_found() -> None:
    for text, gold in sentences():
        found = find(text, [])
        for kind, start, end in gold:
            same = [one for one in found if one.kind == kind]
            whole = any(one.start <= start and end <= one.end for one in same)
            assert whole or kind not in NUMBERS, text


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("住上海市 浦东新区\n  世纪大道\n100号，", "ADDRESS", "上海市 浦东新区\n  世纪大道\n100号"),
        ("请打138001\r\n  38000找我", "PHONE", "138001\r\n  38000"),
        ("号码13800138000\n13900139000", "PHONE", "13900139000"),
        ("我的手机是幺三八，零零幺三，八零零零", "PHONE", "幺三八，零零幺三，八零零零"),
        ("写信到zhang@exa\nmple.com", "EMAIL", "zhang@exa\nmple.com"),
        ("座机０１０－６６６６６６６６转８０１", "PHONE", "０１０－６６６６６６６６转８０１"),
    ],
)
def test_layout_hides_nothing(text: str, kind: str, value: str) -> None:
    assert (kind, value) in found_in(text)


@pytest.mark.parametrize(
    "text", ["113800138000", "1380013800", "3.13800138000", "110105194912310021", "138001380001"]
)
def test_what_is_no_number_of_a_person_stays(text: str) -> None:
    """Part of a longer number, too short, a fraction, a wrong check digit."""
    assert found_in(text) == []


def test_what_the_longest_leaves_stays_masked() -> None:
    text = "张三13800138000和张\n三在北京"
    found = find(text, [Span(0, 5, "NR"), Span(18, 20, "LOCATION")])
    assert [(kind, text[a:b]) for kind, a, b in found] == [
        ("PERSON", "张三"),
        ("PHONE", "13800138000"),
        ("PERSON", "张\n三"),
    ]


def test_a_name_is_found_again_without_what_nobody_sees() -> None:
    masked = mask("张\u200b三说，张三和张 三", [Span(0, 3, "PER")], "label")
    assert masked.text == "[PERSON_1]说，[PERSON_1]和[PERSON_1]"


def test_labels_of_a_masked_text_stay_apart() -> None:
    text = "[PERSON_2]和[PHONE_1]找张三，13800138000"
    masked = mask(text, [Span(21, 23, "PER")], "label")
    assert masked.text == "[PERSON_2]和[PHONE_1]找[PERSON_3]，[PHONE_2]"


@pytest.mark.parametrize("unit", [" ", "\t", "\r", "1-", "1号", "一，", "a.", "+1("])
def test_time_grows_with_the_text_only(unit: str) -> None:
    """Ten times the text may take ten times as long, and not a hundred times."""

    def seconds(count: int) -> float:
        text = unit * count
        start = time.process_time()
        mask(text, [], "label")
        return time.process_time() - start

    mask(unit, [], "label")  # makes what is made once
    short = min(seconds(2_000) for _ in range(3))
    assert seconds(20_000) < 30 * short + 0.2


def test_labels_of_published_checkpoints_are_known() -> None:
    for label in ("PERSON", "PER", "NR", "nr", "name", "PER.NAM"):
        assert LABELS[label.upper()] == "PERSON"
    assert "PER.NOM" not in LABELS  # 女人, 老师


@settings(max_examples=60, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            [*"张三李四的，。 \n\r\u3000\u200b0123x@-", "13800138000", "a@b.cn", "路9号"]
        ),
        max_size=25,
    ).map("".join)
    | st.text(max_size=60),
    spans=st.lists(SPANS, max_size=3),
    how=st.sampled_from(["replace", "label", "hash"]),
)
def test_the_rest_of_any_text_stays(text: str, spans: list[tuple[int, int, str]], how: str) -> None:
    entities, free = list[Span](), 0
    for start, length, kind in sorted(spans):
        if start >= free and start + length <= len(text):
            entities.append(Span(start, free := start + length, kind))
    masked = mask(text, entities, how, KEY)  # type: ignore[arg-type]
    joined, place, masked_place = "", 0, 0
    for one in masked.spans:
        assert place <= one.start < one.end
        between = masked.text[masked_place : one.masked_start]
        assert between == text[place : one.start] == masked.shown(place, one.start)
        shown = masked.text[one.masked_start : one.masked_end]
        value = text[one.start : one.end]
        assert masked.shown(one.start, one.end) == shown
        assert masked.hides(one.start, one.end)
        assert shown == "*" * len(value) if how == "replace" else shown[1:-1].startswith(one.kind)
        joined += between + value
        place, masked_place = one.end, one.masked_end
    assert joined + masked.text[masked_place:] == text
    values = [text[one.start : one.end] for one in masked.spans]
    assert not [one for one in values if re.fullmatch("[张三李四]{2,}", one) and one in masked.text]
    for entity in entities:
        if entity.type == "PERSON" and text[entity.start : entity.end].strip():
            assert masked.hides(entity.start, entity.end)
