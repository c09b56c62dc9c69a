"""Scores against worked examples."""

import pytest

from test_models.evaluate.scores import captions, entities, latency, spell, split, transcripts


def test_chinese_is_compared_by_characters() -> None:
    scores = transcripts(["我的肚子疼，想去医院。", "好的"], ["我的肚疼想去医远", "好的"])
    assert scores.method == "chinese"
    # 肚[子] is missed and 院 is 远: 2 of 9 and 2 characters
    assert scores.figures == {"CER": pytest.approx(100 * 2 / 11)}
    worst = scores.rows[0]
    assert worst.score == pytest.approx(100 * 2 / 9)
    assert worst.reference == [
        ("我的肚", "same"), ("子", "missed"), ("疼想去医", "same"), ("院", "missed")
    ]  # fmt: skip
    assert worst.hypothesis == [("我的肚疼想去医", "same"), ("远", "extra")]


def test_thai_is_cut_into_words() -> None:
    scores = transcripts(["ขอกาแฟร้อนหนึ่งแก้ว"], ["ขอ กาแฟ ร้อนแก้ว"])
    assert scores.method == "thai"
    # ขอ กาแฟร้อน หนึ่ง แก้ว: 1 of 4 words is missed, and 5 of 19 characters
    assert scores.figures == {"WER": 25, "CER": pytest.approx(100 * 5 / 19)}
    assert spell("น้ำ", "thai") == "น้ำ"  # its sara am stays whole
    assert split("น้ำท่วม", "thai") == ["น้ำท่วม"]


def test_other_words_are_between_spaces() -> None:
    scores = transcripts(["Don't stop, now!", "Ｙes"], ["dont stop", "yes no"])
    assert scores.method == "spaced"
    assert scores.figures["WER"] == pytest.approx(100 * 2 / 4)
    assert scores.rows[1].hypothesis == [("yes", "same"), ("no", "extra")]


@pytest.mark.parametrize(("said", "rate"), [("", 0), ("嗯", 100)])
def test_an_empty_reference(said: str, rate: float) -> None:
    assert transcripts(["。"], [said]).rows[0].score == rate


def test_what_was_missed_beside_what_was_wrong_is_one_piece() -> None:
    assert transcripts(["四点关门请"], ["四年请"]).rows[0].reference == [
        ("四", "same"), ("点关门", "missed"), ("请", "same")
    ]  # fmt: skip


def test_entities_are_right_with_start_end_and_type() -> None:
    gold = [frozenset({(0, 3, "PERSON"), (4, 6, "LOCATION")}), frozenset({(0, 2, "LOCATION")})]
    found = [frozenset({(0, 3, "PERSON"), (4, 7, "LOCATION")}), frozenset({(0, 2, "PERSON")})]
    scores = entities(["王小明在北京市", "中国"], gold, found)
    # one of 3 is found, one of 3 is right
    assert scores.figures == {
        name: pytest.approx(100 / 3) for name in ("F1", "precision", "recall")
    }
    person = scores.types["PERSON"]
    assert (person.precision, person.recall) == (50, 100)
    assert person.f1 == pytest.approx(200 / 3)
    assert (scores.types["LOCATION"].gold, scores.types["LOCATION"].f1) == (2, 0)
    assert scores.rows[0].reference == [("王小明 PERSON", "same"), ("北京 LOCATION", "missed")]
    assert scores.rows[0].hypothesis == [("王小明 PERSON", "same"), ("北京市 LOCATION", "extra")]


def test_nothing_to_find_and_nothing_found_is_right() -> None:
    assert entities(["好"], [frozenset()], [frozenset()]).rows[0].score == 100


def test_bleu_of_a_caption() -> None:
    scores = captions([["The cat is on the mat.", "A cat."]], ["the cat is on a mat"])
    # n-grams of the first reference: 5 of 6 ("a" is in the second: 6 of 6), 3 of 5, 2 of 4, 1 of 3
    expected = {1: 1.0, 2: 3 / 5, 3: 2 / 4, 4: 1 / 3}
    product = 1.0
    for order, precision in expected.items():
        product *= precision
        bleu = 100 * product ** (1 / order)
        assert scores.figures[f"BLEU-{order}"] == pytest.approx(bleu, abs=0.01)
    assert scores.rows[0].reference[-2:] == [("the", "missed"), ("mat", "same")]


def test_percentiles() -> None:
    found = latency([0.1, 0.2, 0.3, 0.4, 0.5], 3.0)
    assert found is not None
    assert (found.p50, found.p90, found.p99) == pytest.approx((0.3, 0.46, 0.496))
    assert found.throughput == pytest.approx(5 / 3)
    assert latency([], 0.0) is None
