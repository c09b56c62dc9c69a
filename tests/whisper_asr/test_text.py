"""What becomes of the text that Whisper wrote."""

import pytest

from whisper_asr.options import Options
from whisper_asr.text import in_script, is_made_up, polished, shortened, strip_punctuation
from zoo.speech.transcript import Segment, Word

SURE, UNSURE = (-0.2, 0.01), (-0.9, 0.5)


def heard(
    text: str, avg_logprob: float = -0.2, no_speech: float = 0.01, ratio: float = 1.0
) -> Segment:
    scores = {"avg_logprob": avg_logprob, "no_speech_prob": no_speech, "compression_ratio": ratio}
    return Segment(0.0, 1.0, text, None, scores)


def test_chinese_comes_in_the_script_that_was_asked_for() -> None:
    assert in_script("臺灣的發展與後來", "simplified", "zh") == "台湾的发展与后来"
    assert in_script("头发和发展,以后和皇后", "traditional", "zh") == "頭髮和發展,以後和皇后"
    assert in_script("臺灣", "as_is", "zh") == "臺灣"
    assert in_script("東京の歴史", "simplified", "ja") == "東京の歴史"  # not Chinese


def test_punctuation_goes_but_numbers_stay_whole() -> None:
    assert strip_punctuation("你好,世界!“真的”?") == "你好世界真的"
    assert strip_punctuation("上午10:30,涨了3.5%。") == "上午10:30涨了3.5%"
    assert strip_punctuation("。,!") == ""


@pytest.mark.parametrize(
    "text",
    [
        "字幕由Amara.org社区提供",
        "字幕由 Amara.org 社群提供",
        "中文字幕志愿者 李宗盛",
        "请不吝点赞 订阅 转发 打赏支持明镜与点点栏目",
        "請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目",
        "优优独播剧场——YoYo Television Series Exclusive",
    ],
)
def test_credits_are_never_speech(text: str) -> None:
    assert is_made_up(text, *SURE)


@pytest.mark.parametrize("text", ["谢谢观看!", "感谢大家的收看。", "Thanks for watching!"])
def test_courtesies_are_kept_where_the_model_is_sure(text: str) -> None:
    assert not is_made_up(text, *SURE)
    assert is_made_up(text, *UNSURE)


@pytest.mark.parametrize(
    "text", ["这部电影的字幕做得很好", "谢谢", "请点赞这条建议", "我想订阅报纸"]
)
def test_what_people_say_is_kept(text: str) -> None:
    assert not is_made_up(text, *UNSURE)


def test_a_loop_is_said_once() -> None:
    for said, left in (
        ("我们走吧" * 30, "我们走吧"),
        ("今天" + "很好," * 20 + "再见", "今天很好,再见"),
        ("哈哈哈,好的好的", "哈哈哈,好的好的"),
    ):
        assert shortened(heard(said)).text == left
    words = [Word(word, n, n + 1, 0.9) for n, word in enumerate(["今天", *["很好"] * 8, "再见"])]
    one = shortened(Segment(0, 10, "".join(word.text for word in words), words))
    assert one.text == "今天很好再见"
    assert [(word.text, word.start) for word in one.words or []] == [
        ("今天", 0),
        ("很好", 1),
        ("再见", 9),
    ]


def test_only_repetitive_segments_are_shortened() -> None:
    laughter = "哈" * 10
    kept, cut, *rest = polished(
        [heard(laughter), heard("好的," * 40, ratio=9.0), heard("好的," * 40, ratio=9.0)],
        "zh",
        Options(),
    )
    assert (kept.text, cut.text) == (laughter, "好的,")
    assert rest == []


def test_words_follow_the_text() -> None:
    words = [Word("後來", 0.0, 0.4, 0.9), Word(",", 0.4, 0.5, 0.9), Word("走了", 0.5, 1.0, 0.9)]
    (one,) = polished(
        [Segment(0.0, 1.0, "後來,走了", words, heard("").scores)],
        "zh",
        Options(punctuation="strip"),
    )
    assert one.text == "后来走了"
    assert [word.text for word in one.words or []] == ["后来", "走了"]
