"""What becomes of the text that Whisper wrote."""

from dataclasses import replace

import pytest

from whisper_asr.options import Options
from whisper_asr.text import Polish, is_made_up, plausible_length, shortened
from zoo.speech.transcript import Segment, Word

NAME = "广州市房地产中介协会"
JFK = (
    " And so my fellow Americans, ask not what your country can do for you, ask what you can do for"
    " your country."
)


def heard(
    text: str,
    logprob: float = -0.2,
    no_speech: float = 0.01,
    ratio: float = 1.0,
    seconds: float = 10.0,
    words: list[Word] | None = None,
) -> Segment:
    scores = {"avg_logprob": logprob, "no_speech_prob": no_speech, "compression_ratio": ratio}
    return Segment(0.0, seconds, text, words, scores)


def spoken(texts: list[str], each: float = 0.5) -> list[Word]:
    return [Word(one, n * each, n * each + each, 0.9) for n, one in enumerate(texts)]


# As real Whisper base heard them: text, avg_logprob, no_speech_prob.
SAID = [
    (" Thank you.", -0.84, 0.18),  # at the end of a telephone call
    ("谢谢观看", -0.9, 0.45),
    ("中文字幕", -0.3, 0.02),
    ("请不吝点赞订阅", -0.3, 0.2),
    ("不顾", -0.97, 0.43),  # a word of a second
    ("因為後的需求還能自己支撐保障嗎", -0.87, 0.30),  # as loud as the noise
    (NAME, -0.3, 0.05),
]
INVENTED = [
    (" You", -0.80, 0.74),  # silence
    ("哦", -0.76, 0.83),  # a telephone rings
    ("作词", -1.64, 0.51),  # a tone
    ("字幕製作曲", -1.25, 0.51),
    ("語語語語語語語語。", -0.78, 0.90),
    (" ...", -0.3, 0.1),
    ("美国市房地产中介协会", -0.68, 0.91),  # a hum, with that hotword
    ("协会中介协会中", -0.99, 0.66),
    ("以下是普通话的句子。", -0.45, 0.48),  # silence, with that prompt
]


@pytest.mark.parametrize(("text", "logprob", "no_speech"), SAID)
def test_what_people_say_is_kept(text: str, logprob: float, no_speech: float) -> None:
    assert not is_made_up(heard(text, logprob, no_speech), f"{NAME}\n以下是普通话的句子")


@pytest.mark.parametrize(("text", "logprob", "no_speech"), INVENTED)
def test_what_nobody_says_is_dropped(text: str, logprob: float, no_speech: float) -> None:
    assert is_made_up(heard(text, logprob, no_speech), f"{NAME}\n以下是普通话的句子")


def test_a_detector_that_heard_nobody_is_believed() -> None:
    doubtful = heard("你好", -0.3, 0.5)
    assert is_made_up(doubtful, speech=[(10.5, 12.0)])
    assert not is_made_up(doubtful, speech=[(2.0, 5.0)])
    assert not is_made_up(doubtful)
    assert not is_made_up(heard("你好", -0.3, 0.1), speech=[])  # it misses quiet speech


@pytest.mark.parametrize(
    ("text", "ratio", "seconds", "left"),
    [
        ("我们走吧" * 30, 9.0, 20.0, "我们走吧"),
        ("今天" + "很好," * 20 + "再见", 5.0, 20.0, "今天很好,再见"),
        ("请" * 8, 1.0, 0.2, "请"),  # no time for that
        (JFK * 5, 4.0, 11.0, JFK),
        (JFK * 4 + JFK[:30], 4.0, 11.0, JFK),  # cut off
    ],
)
def test_a_loop_is_said_once(text: str, ratio: float, seconds: float, left: str) -> None:
    assert shortened(heard(text, ratio=ratio, seconds=seconds)).text == left


@pytest.mark.parametrize(
    ("text", "ratio", "seconds"),
    [
        ("哈" * 20, 2.6, 4.0),
        ("好好好好好好,你说", 1.0, 2.0),
        ("no no no no no no no no", 2.5, 3.0),
        ("零零零零零零零零", 2.5, 2.0),
        ("加油" * 8, 2.3, 5.0),
        (JFK * 3, 3.0, 30.0),  # as slowly as he said it
    ],
)
def test_what_people_repeat_stays(text: str, ratio: float, seconds: float) -> None:
    assert shortened(heard(text, ratio=ratio, seconds=seconds)).text == text


def test_the_words_of_a_loop_go_too() -> None:
    words = spoken(["今天", *["很好"] * 8, "再见"])
    text = "".join(word.text for word in words)
    one = shortened(heard(text, ratio=3.0, words=words))
    assert [(word.text, word.start) for word in one.words or []] == [
        ("今天", 0.0),
        ("很好", 0.5),
        ("再见", 4.5),
    ]
    at_the_end = [Word("请", 5.0, 5.0, 0.1)] * 8
    one = shortened(heard(text[:2] + "请" * 8, words=[words[0], *at_the_end]))
    assert (one.text, len(one.words or [])) == ("今天", 1)


def test_segments_that_repeat_the_one_before_are_dropped() -> None:
    loop = heard("好的," * 40, ratio=9.0)
    kept, cut, *rest = Polish("zh", Options())([heard("哈" * 10), loop, loop])
    assert (kept.text, cut.text, rest) == ("哈" * 10, "好的，", [])


def test_nobody_speaks_faster_than_people_can() -> None:
    assert plausible_length("甚至出现交易几乎停滞的情况", 4.2)
    assert plausible_length("继续", 0.3)
    assert plausible_length(JFK, 6.0)
    assert plausible_length("1,000,000", 1.0)
    assert not plausible_length("1,2,3,4,5,6,6,6,7,8,8,8,6,7,8,8,8,8,8,", 1.15)  # 业务, by base
    assert not plausible_length("试" * 40, 1.0)
    assert not plausible_length(JFK * 5, 11.0)


def test_a_segment_is_written_as_asked() -> None:
    one = replace(heard("臺灣在二零一五年,涨了百分之五."), words=None)
    (left,) = Polish("zh", Options(numerals="digits", punctuation="strip"))([one])
    assert left.text == "台湾在2015年涨了5%"
    (left,) = Polish("zh", Options(script="traditional"))([one])
    assert left.text == "臺灣在二零一五年，漲了百分之五。"
    (left,) = Polish("en", Options(numerals="digits"))([one])
    assert left.text == one.text


def test_latin_words_of_two_segments_stay_apart() -> None:
    pieces = [heard(text) for text in ("Thank you", "Bye.", "OK", "再见", "Bye")]
    texts = [one.text for one in Polish("zh", Options())(pieces)]
    assert texts == ["Thank you", " Bye.", " OK", "再见", "Bye"]
