"""Numbers of Chinese text in digits and in words: what changes, what stays, and the way back."""

from pathlib import Path

import pytest

from whisper_asr.numerals import edits, rewritten
from zoo.data.tables import open_table

BOTH_WAYS = {
    "今天是二零二六年十一月二十九日": "今天是2026年11月29日",
    "一九九八年年底": "1998年年底",
    "九八年出生的九零后": "98年出生的90后",
    "九十年代": "90年代",
    "百分之五到百分之八十": "5%到80%",
    "百分之三点五": "3.5%",
    "百分之百的把握": "100%的把握",
    "千分之五": "5‰",
    "三分之二的人": "2/3的人",
    "一点五倍": "1.5倍",
    "三点一四": "3.14",
    "零点五公斤": "0.5公斤",
    "耗资一百四十四亿美元": "耗资144亿美元",
    "一亿零五百万": "1亿500万",
    "三万亿": "3万亿",
    "一点二万余元": "1.2万余元",
    "两千元": "2000元",
    "五块钱": "5块钱",
    "一万二千三百四十五人": "12345人",
    "三百多斤": "300多斤",
    "二十五到三十五岁": "25到35岁",
    "五到十年": "5到10年",
    "祥和路六号": "祥和路6号",
    "晚八时许": "晚8时许",
    "下午两点半": "下午2点半",
    "八点零五分": "8点05分",
    "零下五摄氏度": "零下5摄氏度",
    "拨打一一九": "拨打119",
    "电话一三八零零一三八零零零": "电话13800138000",
    "第十二届": "第12届",
    "二十一世纪": "21世纪",
}
STAY_IN_WORDS = (
    "一起 一些 一下 一个 两家 第一 第三名 星期一 周三 万一 千万不要 十分挑剔 三心二意 一点一滴 "
    "快一点三个人 三点建议 五湖四海 七零八落 三七二十一 一千零一夜 二百五 十月革命 双十一 十字路口 "
    "十大品牌 半斤八两 一米八 二三四线城市 十几个 几十元 数十年 三四百 十七八岁 七八年 "
    "百分之二三十 六、七十分 两个月 两月 万岁 多元 V二V F零十五 九一八事变"
).split()
STAY_IN_DIGITS = ("V2V", "4K电视", "GPT-4", "iPhone 6", "COVID-19", "2015/3/4", "MP3")


@pytest.mark.parametrize(("words", "digits"), BOTH_WAYS.items())
def test_numbers_go_to_digits_and_back(words: str, digits: str) -> None:
    assert rewritten(words, "digits") == digits
    assert rewritten(digits, "words") == words
    assert rewritten(digits, "digits") == digits
    assert rewritten(words, "as_is") == words


@pytest.mark.parametrize("text", STAY_IN_WORDS)
def test_what_is_no_number_stays_in_words(text: str) -> None:
    assert rewritten(text, "digits") == text


@pytest.mark.parametrize("text", STAY_IN_DIGITS)
def test_what_is_a_name_stays_in_digits(text: str) -> None:
    assert rewritten(text, "words") == text


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("2个人住2楼", "两个人住二楼"),
        ("2000年后过了2000多天", "二零零零年后过了两千多天"),
        ("1000年前", "一千年前"),
        ("8:30出发,10:05到", "八点三十分出发,十点零五分到"),
        ("¥500和$1.2亿", "五百元和一点二亿美元"),
        ("10,000元", "一万元"),
        ("5-10个,涨5-10%", "五到十个,涨百分之五到十"),
        ("-5℃", "负五摄氏度"),
        ("电话400-800-1234", "电话四零零八零零一二三四"),
        ("第1名", "第一名"),
    ],
)
def test_what_only_digits_can_write_is_spoken(digits: str, words: str) -> None:
    assert rewritten(digits, "words") == words


def test_edits_tell_where_they_are() -> None:
    text = "在二零一五年涨了百分之五"
    assert [(text[one.start : one.end], one.text) for one in edits(text, "digits")] == [
        ("二零一五", "2015"),
        ("百分之五", "5%"),
    ]


def test_human_transcripts_go_to_digits_and_back(shared: Path) -> None:
    table = open_table(shared / "data" / "speech" / "aishell" / "transcripts.tsv")
    spoken = [row["sentence"] for _, row in table.strict_rows()]
    changed = {one: rewritten(one, "digits") for one in spoken if edits(one, "digits")}
    assert len(changed) > 50
    assert all(rewritten(digits, "words") == words for words, digits in changed.items())
