"""Texts as people send them: what the model reads, and where that is in the text that was sent."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.options import Options
from hanlp_ner.text.layout import BLANKS, read
from tests.hanlp_ner.checkpoints import random_component
from tests.hanlp_ner.test_engine import texts
from zoo.data.scripts import convert as convert_script

NEWS = (
    "据新华社北京三月五日电，李鹏总理今天在人民大会堂会见了日本外相，双方就两国关系交换了意见，"
    "并在钓鱼台国宾馆共进晚餐"
)

# What is sent, and the paragraphs that the model reads.
READ = {
    "a tab before a name": ("\t王小丽在北京", ["王小丽在北京"]),
    "a byte order mark": ("\ufeff李明在北京\u200b\r\n", ["李明在北京"]),
    "two ideographic spaces, and lines that are wrapped": (
        f"　　{NEWS[:20]}\n{NEWS[20:40]}\r\n{NEWS[40:]}。\n　　张三说：\n“你好。\n”",
        [f"{NEWS}。", "张三说：“你好。”"]),
    "lines of equal length, without the end of a sentence": (
        "\n".join([NEWS[:16], NEWS[16:32], NEWS[32:48], NEWS[48:]]), [NEWS]),
    "English": (
        "We went to Beijing with Mr.\nSmith, and stayed at the New\nYork Hotel.\n\nIt was good.",
        ["We went to Beijing with Mr. Smith, and stayed at the New York Hotel.", "It was good."]),
    "names one per line": ("张三\n李四\n欧阳修", ["张三", "李四", "欧阳修"]),
    "companies one per line": (
        "北京大学计算机科学技术研究所\n清华大学计算机科学技术学院\n复旦大学",
        ["北京大学计算机科学技术研究所", "清华大学计算机科学技术学院", "复旦大学"]),
    "sentences one per line": ("张三在北京。\n李四在上海。", ["张三在北京。", "李四在上海。"]),
    "a list": (
        f"名单：\n1. {NEWS[:20]}\n2. {NEWS[20:40]}",
        ["名单：", f"1. {NEWS[:20]}", f"2. {NEWS[20:40]}"]),
    "a poem": ("白日依山尽\n黄河入海流", ["白日依山尽", "黄河入海流"]),
    "a poem with marks": ("床前明月光，\n疑是地上霜。", ["床前明月光，疑是地上霜。"]),
    "an address": (
        "北京市海淀区中关村大街二十七号院\n张三收", ["北京市海淀区中关村大街二十七号院", "张三收"]),
    "a table": ("姓名\t城市\n张三\t北京", ["姓名", "城市", "张三", "北京"]),
    "paragraphs without newlines": (
        "张三在北京。　　李四\xa0来了", ["张三在北京。", "李四\xa0来了"]),
    "blanks only": (" \t\n\u3000\ufeff", []),
}  # fmt: skip


@pytest.mark.parametrize("layout", READ, ids=str)
def test_paragraphs_are_told_from_wraps(layout: str) -> None:
    sent, paragraphs = READ[layout]
    assert read(sent).text.splitlines() == paragraphs


@given(st.text(alphabet="中国臺，。 \n\t\u3000\ufeffab1-”", max_size=100))
@example("ab\ncd，\n中")
def test_every_character_is_found_in_the_sent_text(sent: str) -> None:
    reading = read(sent, simplify=True)
    assert len(reading.text) == len(reading.written)
    before = 0
    for place, character in enumerate(reading.written):
        start, end = reading.back(place, place + 1)
        assert sent[start:end] == character.strip(BLANKS)
        assert before <= start
        before = end
    # Nothing but blanks is left out.
    assert "".join(sent.split()) == "".join(reading.written.split()) or "\ufeff" in sent


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A random network, whose entities are many and anywhere."""
    served = tmp_path_factory.mktemp("served")
    convert(random_component(tmp_path_factory.mktemp("checkpoint") / "electra", "electra"), served)
    return Engine(served)


def found(engine: Engine, sent: list[str], options: Options | None = None) -> list[Found]:
    answers = engine(sent, options or Options())
    assert all(isinstance(answer, Found) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Found)]


@pytest.mark.parametrize("edge", ["\t", "\r\n", "\xa0", "\u3000\u3000", "\ufeff", " \u200b\n\n"])
def test_layout_changes_no_answer(engine: Engine, edge: str) -> None:
    plain = [text.strip(BLANKS) for text in texts()]
    expected = found(engine, plain)
    answers = found(engine, [edge + text + edge for text in plain])
    assert sum(len(answer.entities) for answer in answers) > 100
    for answer, same in zip(answers, expected, strict=True):
        moved = [span._replace(start=span.start + len(edge), end=span.end + len(edge))
                 for span in same.entities]  # fmt: skip
        assert answer.entities == moved
        for span in answer.entities:
            inside = answer.text[span.start : span.end]
            assert inside == inside.strip(BLANKS) != ""


def test_a_wrapped_text_has_the_answer_of_the_text(engine: Engine) -> None:
    text = NEWS + "。"
    wrapped = "\r\n".join(text[place : place + 20] for place in range(0, len(text), 20))
    (plain,), (answer,) = found(engine, [text]), found(engine, [wrapped])
    same = [(one["text"], one["type"], one["confidence"]) for one in plain.record()["entities"]]
    read_as = [
        (one["text"].replace("\r\n", ""), one["type"], one["confidence"])
        for one in answer.record()["entities"]
    ]
    assert read_as == same != []


def test_a_long_document_has_its_sentences_answers_in_any_layout(engine: Engine) -> None:
    sentences = [f"{NEWS[place:]}。" for place in range(len(NEWS) - 10)]
    assert len("".join(sentences)) > 510
    plain, pages = found(engine, ["".join(sentences), "　　" + "\n　　".join(sentences)])
    assert [span.type for span in pages.entities] == [span.type for span in plain.entities] != []


def test_traditional_characters_are_read_as_simplified_ones(engine: Engine) -> None:
    """The random network knows 国, 为 and 于, and not 國, 為 and 於."""
    text = "我爱中国，为米哈游于北京上海大学的产品与内容成立一日"
    traditional = convert_script(text, "s2t")
    (expected,) = found(engine, [text])
    (without,) = found(engine, [traditional])
    (answer,) = found(engine, [traditional], Options(simplify=True))
    assert answer.entities == expected.entities != without.entities
    words = {"中國": "COUNTRY", "与": "WRONG"}
    options = Options(simplify=True, dictionary=json.dumps(words, ensure_ascii=False))
    record = found(engine, [traditional], options)[0].record()["entities"]
    assert ("中國", "COUNTRY") in [(one["text"], one["type"]) for one in record]
    assert all(one["type"] != "WRONG" for one in record)


def test_the_demo_scores_the_same_in_every_layout(shared: Path, tmp_path: Path) -> None:
    from benchmarks.hanlp_ner_layout import layouts, score
    from hanlp_ner.build import FOLDER
    from hanlp_ner.training.corpora import read_source

    convert(FOLDER / "demo", tmp_path)
    demo = Engine(tmp_path)
    source = f"peoples_daily={shared / 'data/ner/peoples_daily/dev.conll'}"
    examples = read_source(source, {})[:300]
    plain = score(demo, examples)
    for name, changed, options in layouts(examples):
        if options.simplify or "traditional" not in name:
            bound = 2 if options.simplify else 0.5
            assert abs(score(demo, changed, options) - plain) <= bound, name
