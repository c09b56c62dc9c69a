"""The engine's entities, held equal to HanLP's own predictions on the same weights."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from hanlp_ner.building.convert import convert
from hanlp_ner.engine import Engine, Found
from hanlp_ner.options import Options
from hanlp_ner.text.layout import BLANKS
from tests.hanlp_ner.checkpoints import COMMON, random_component

AWKWARD = [
    "我爱中国",
    "米哈游成立于2011年,致力于为用户提供美好的、超出预期的产品与内容。",
    " 我 爱\u3000中国\u00a0\t\n",
    "😀中👨‍👩‍👧国",
    "ＡＢＣ１２３ﾊﾝｶｸ",
    "繁體字與臺灣",
    "naïve café İstanbul ①②㎏",
    "\x00\x07控\u200b制\ufeff字\u202e符",
    "中" + "\u0301" * 20,
    "𠮷野家𝒳",
    "a",
]


def texts() -> list[str]:
    """Awkward texts, and 200 random ones of up to 80 characters, without blanks at their edges."""
    source = random.Random(7)
    alphabet = COMMON + " ,.0123456789abcXYZ，。！？é😀體"
    lengths = (source.randint(1, 80) for _ in range(200))
    some = AWKWARD + ["".join(source.choices(alphabet, k=length)) for length in lengths]
    return [text.strip(BLANKS) for text in some]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The engine of a checkpoint with random weights; what it finds is held to HanLP elsewhere."""
    served = tmp_path_factory.mktemp("served")
    convert(random_component(tmp_path_factory.mktemp("home") / "checkpoint", crf=True), served)
    return Engine(served)


def entities(engine: Engine, *request: Any) -> list[list[Any]]:
    """The entities of each text, without their confidence; fails where a text failed."""
    answers = engine(*request)
    assert all(isinstance(answer, Found) for answer in answers), answers
    return [
        [span[:3] for span in answer.entities] for answer in answers if isinstance(answer, Found)
    ]


def same(answers: list[Found | Exception], expected: list[Found | Exception]) -> bool:
    """Whether answers are the same, and the confidences nearly: they depend on the batch."""
    found, others = (
        [one for one in some if isinstance(one, Found)] for some in (answers, expected)
    )
    sure, other = (
        [span.confidence for one in some for span in one.entities] for some in (found, others)
    )
    return (
        len(found) == len(answers) == len(others) == len(expected)
        and sure == pytest.approx(other, abs=1e-4)
        and all(
            ([span[:3] for span in one.entities], one.tasks)
            == ([span[:3] for span in two.entities], two.tasks)
            for one, two in zip(found, others, strict=True)
        )
    )


def test_answers_dont_depend_on_the_batch(engine: Engine) -> None:
    together = engine(texts())
    assert same([engine([text])[0] for text in texts()], together)


def test_sixteen_threads_at_once(engine: Engine) -> None:
    expected = engine(texts())
    with ThreadPoolExecutor(16) as pool:
        for answer in pool.map(engine, [texts()] * 16):
            assert same(answer, expected)


def test_empty_and_no_texts(engine: Engine) -> None:
    assert engine([]) == []
    assert entities(engine, ["", "我爱中国", " \n"])[::2] == [[], []]


def test_a_document_is_its_sentences(engine: Engine) -> None:
    sentences = ["我爱中国北京上海。", "张三于2011年成立大学！", "李四美好的一日？"] * 100
    (document,) = entities(engine, ["".join(sentences)])
    expected, offset = list[tuple[int, int, str]](), 0
    for sentence, spans in zip(sentences, entities(engine, sentences), strict=True):
        expected += [(start + offset, end + offset, type_) for start, end, type_ in spans]
        offset += len(sentence)
    assert document == expected


def test_dictionary_words_come_out_as_given(engine: Engine) -> None:
    words = {"米哈游": "COMPANY", "哈游": "WRONG"}
    (spans,) = entities(engine, ["我们在米哈游工作"], Options(dictionary=json.dumps(words)))
    assert (3, 6, "COMPANY") in spans
    assert all(type_ != "WRONG" for _, _, type_ in spans)
