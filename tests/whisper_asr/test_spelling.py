"""Script, punctuation and numerals of a text, and its words, which follow."""

import itertools

import pytest

from whisper_asr.options import Options
from whisper_asr.spelling import MIN_WORD_SECONDS, in_script, lasting, strip_punctuation, widened
from whisper_asr.spelling import written as spelt
from zoo.speech.transcript import Segment, Word


def said(*texts: str) -> Segment:
    words = [Word(one, n * 0.5, n * 0.5 + 0.5, 0.9 - n / 10) for n, one in enumerate(texts)]
    return Segment(0.0, len(texts) / 2, "".join(texts), words)


def words_of(one: Segment, language: str = "zh", **options: object) -> list[tuple[str, float]]:
    given = Options.model_validate(options)
    return [(word.text, word.end) for word in spelt(one, language, given).words or []]


def test_chinese_comes_in_the_script_that_was_asked_for() -> None:
    assert in_script("臺灣的發展與後來", "simplified", "zh") == "台湾的发展与后来"
    assert in_script("头发和发展,以后和皇后", "traditional", "zh") == "頭髮和發展,以後和皇后"
    assert in_script("臺灣", "as_is", "zh") == "臺灣"
    assert in_script("東京の歴史", "simplified", "ja") == "東京の歴史"  # not Chinese


def test_punctuation_goes_but_numbers_stay_whole() -> None:
    assert strip_punctuation("你好,世界!“真的”?") == "你好世界真的"
    assert strip_punctuation("上午10:30,涨了3.5%。") == "上午10:30涨了3.5%"
    assert strip_punctuation("I don't know, it's well-known.") == "I don't know it's well-known"
    assert strip_punctuation("。,!") == ""


@pytest.mark.parametrize(
    ("typed", "wide"),
    [
        ("你好,世界!真的?!", "你好，世界！真的？！"),
        ("他说:走吧;好.", "他说：走吧；好。"),
        ("上午10:30,涨了3.5%.", "上午10:30,涨了3.5%."),
        ("然后...官网.com", "然后...官网.com"),
        ("Yes, sir.", "Yes, sir."),
    ],
)
def test_chinese_marks_are_full_width(typed: str, wide: str) -> None:
    assert widened(typed) == wide


def test_words_follow_the_text() -> None:
    one = said("後來", ",", " 走了")
    assert words_of(one, punctuation="strip") == [("后来", 0.5), (" 走了", 1.5)]
    assert spelt(one, "zh", Options()).text == "后来，走了"


def test_a_number_is_one_word() -> None:
    one = said("二", "零", "一", "五", "年", "漲", "了", "百", "分", "之", "五")
    assert words_of(one, numerals="digits") == [
        ("2015", 2.0),
        ("年", 2.5),
        ("涨", 3.0),
        ("了", 3.5),
        ("5%", 5.5),
    ]
    assert words_of(one, numerals="digits", script="as_is")[2] == ("漲", 3.0)
    assert spelt(one, "en", Options(numerals="digits")).text == one.text
    translated = spelt(said(" In 2015"), "zh", Options(numerals="words", task="translate"))
    assert translated.text == " In 2015"


def test_numbers_are_in_the_texts_script() -> None:
    one = said("花了", "20000", "元買")
    assert words_of(one, numerals="words", script="as_is")[1] == ("兩萬", 1.0)
    assert words_of(one, numerals="words")[1] == ("两万", 1.0)


def test_the_pieces_of_a_latin_word_are_one_word() -> None:
    one = said("在", "Guang", "zhou", "涨", "3.", "14", "%")
    joined = spelt(one, "zh", Options()).words or []
    assert [word.text for word in joined] == ["在", "Guangzhou", "涨", "3.14%"]
    assert [word.probability for word in joined] == pytest.approx([0.9, 0.7, 0.6, 0.3])
    assert [text for text, _ in words_of(said(" Ask", " not", ","), "en")] == [" Ask", " not", ","]


def test_every_word_lasts_a_while() -> None:
    words = [Word(str(n), *times, 0.5) for n, times in enumerate([(0.0, 1.0), (1.0, 1.0), (1, 1)])]
    found = lasting(words, end=1.0)
    assert all(word.end - word.start >= MIN_WORD_SECONDS - 1e-9 for word in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
    assert found[-1].end == pytest.approx(1.0)
    assert lasting(words[:1], end=1.0) == words[:1]
