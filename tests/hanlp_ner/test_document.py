"""Cutting long documents."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from hanlp_ner.text.document import RIGHT_CHARACTERS, cut
from hanlp_ner.text.layout import read

TEXTS = st.text(alphabet="中国，。 \n！a”", max_size=300)


@given(TEXTS, st.integers(8, 60))
@example("中" * 300, 8)
@example("。" * 100, 8)
@example("\n", 8)
def test_windows_fit_the_model_and_cover_the_text_once(text: str, limit: int) -> None:
    text = read(text).text
    covered = 0
    for window in cut(text, limit):
        assert 0 < window.stop - window.start <= limit
        assert window.start <= window.keep[0] <= window.keep[1] <= window.stop
        assert not text[covered : window.keep[0]].strip()
        assert "\n" not in text[window.start : window.stop]
        covered = window.keep[1]
    assert not text[covered:].strip()


def test_a_short_text_is_its_paragraphs() -> None:
    text = "一。二。三。\n四"
    assert [text[w.start : w.stop] for w in cut(text, 510)] == text.split("\n")


def test_cuts_at_sentence_ends_first_and_keeps_closing_quotes() -> None:
    text = "他说：“今天很好。”我同意！真的吗？" * 3
    parts = [text[window.start : window.stop] for window in cut(text, 12)]
    assert parts[:3] == ["他说：“今天很好。”", "我同意！", "真的吗？"]


def test_without_punctuation_windows_overlap() -> None:
    windows = cut("中" * 1000, 510)
    assert len(windows) > 1
    for left, right in pairwise(windows):
        assert left.stop - left.keep[1] >= RIGHT_CHARACTERS
        assert right.keep[0] == left.keep[1] > right.start
