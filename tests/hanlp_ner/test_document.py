"""Cutting long documents."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from hanlp_ner.text.document import cut

TEXTS = st.text(alphabet="中国，。 \n！a”", max_size=300)


@given(TEXTS, st.integers(8, 60))
@example("中" * 300, 8)
@example("。" * 100, 8)
@example("\n", 8)
def test_pieces_fit_the_model_and_cover_the_text_once(text: str, limit: int) -> None:
    covered = 0
    for segment in cut(text, limit):
        for window in segment:
            assert 0 < window.stop - window.start <= limit or not text
            assert window.start <= window.keep[0] <= window.keep[1] <= window.stop
            assert window.keep[0] == covered
            covered = window.keep[1]
    assert covered == len(text)


def test_a_short_text_stays_whole() -> None:
    assert len(cut("一。二。三。", 510)) == 1


def test_cuts_at_sentence_ends_first_and_keeps_closing_quotes() -> None:
    text = "他说：“今天很好。”我同意！真的吗？" * 3
    parts = [text[s[0].start : s[-1].stop] for s in cut(text, 12)]
    assert parts[:3] == ["他说：“今天很好。”", "我同意！", "真的吗？"]


def test_without_punctuation_windows_overlap() -> None:
    (segment,) = cut("中" * 1000, 510)
    assert len(segment) > 1
    for left, right in pairwise(segment):
        assert left.stop - right.start >= 32
