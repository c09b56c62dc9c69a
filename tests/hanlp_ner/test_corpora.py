"""Readers of annotated corpora, dates, and augmentation."""

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

import hanlp_ner
from demos.hanlp_ner.sentences import MadeUpNames, fill, random_date, random_number
from hanlp_ner import evaluate, finetune, prepare
from hanlp_ner.training.augment import mark_dates, replace_mentions, vary_width
from hanlp_ner.training.corpora import read_source
from hanlp_ner.training.formats import DataError
from hanlp_ner.training.names import Names
from hanlp_ner.training.tags import entities_to_tags, flat, tags_to_entities
from tests.hanlp_ner.helpers import write
from zoo.building import packaging

FOLDER = Path(hanlp_ner.__file__).parent
GAZETTEER = FOLDER / "demo" / "gazetteer.txt"


def test_conll_of_the_peoples_daily(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "我 O", "爱 O", "中 B-LOC", "国 I-LOC", "", "", "王 B-PER")
    assert read_source(f"peoples_daily={path}") == [
        ("我爱中国", [(2, 4, "LOCATION")]),
        ("王", [(0, 1, "PERSON")]),
    ]
    assert read_source(str(path), {"LOC": "PLACE", "PER": ""})[0] == ("我爱中国", [(2, 4, "PLACE")])
    assert read_source(str(path), {"PER": ""})[1] == ("王", [])


def test_weibo_loses_the_position_digit_and_common_nouns(tmp_path: Path) -> None:
    rows = ["李0\tB-PER.NAM", "开1\tI-PER.NAM", "女0\tB-PER.NOM", "人1\tI-PER.NOM", "70\tO"]
    path = write(tmp_path / "a.conll", *rows)
    assert read_source(f"weibo={path}") == [("李开女人7", [(0, 2, "PERSON")])]


@pytest.mark.parametrize(
    "lines",
    [
        ["我 r O", "  w O", "中 n B-LOC", "国 n I-LOC"],
        ["我   O", "  O", "中  x y   B-LOC ", "国 I-LOC"],
        ["我\tr\tO", " \tw\tO", "中\tn x\tB-LOC", "国\tn x\tI-LOC"],
        ["我 O", " O", "中 B-LOC", "国 I-LOC", "   "],
        ["\ufeff我 O", "  O", "中 B-LOC", "国 I-LOC"],
    ],
    ids=["three columns", "columns aligned", "tabs", "a space", "byte order mark"],
)
def test_first_and_last_column_count(tmp_path: Path, lines: list[str]) -> None:
    path = write(tmp_path / "a.conll", *lines)
    assert read_source(str(path)) == [("我 中国", [(2, 4, "LOC")])]


def test_a_byte_order_mark_before_json(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", '\ufeff{"text": "我", "entities": []}')
    assert read_source(str(path)) == [("我", [])]


def test_cluener_offsets_are_inclusive_and_tags_leave_nested_mentions_out(tmp_path: Path) -> None:
    labels = {
        "company": {"浙商银行": [[0, 3]]},
        "address": {"浙": [[0, 0]]},
        "game": {"行": [[3, 3]]},
    }
    path = write(tmp_path / "a.json", json.dumps({"text": "浙商银行说", "label": labels}))
    (row,) = read_source(f"cluener={path}")
    assert row == ("浙商银行说", [(0, 4, "ORGANIZATION"), (0, 1, "LOCATION")])
    assert flat(row[1]) == [(0, 4, "ORGANIZATION")]
    assert entities_to_tags(5, row[1])[0] == "B-ORGANIZATION"


@pytest.mark.parametrize("scheme", ["BIO", "IOBES", "BMES", "BILOU"])
def test_tag_schemes(scheme: str) -> None:
    tags = {
        "BIO": ["B-A", "I-A", "B-A", "O", "B-B"],
        "IOBES": ["B-A", "E-A", "S-A", "O", "S-B"],
        "BMES": ["B-A", "E-A", "S-A", "O", "S-B"],
        "BILOU": ["B-A", "L-A", "U-A", "O", "U-B"],
    }[scheme]
    entities = [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]
    assert tags_to_entities(tags) == entities
    assert tags_to_entities(entities_to_tags(5, entities)) == entities


def test_tokens_of_several_characters(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", "北京\tB-LOC", "大学\tI-LOC", "2011\tO", "年\tO")
    assert read_source(str(path)) == [("北京大学2011年", [(0, 4, "LOC")])]
    path = write(tmp_path / "b.conll", "北京\tB-LOC", "大学\tE-LOC", "上海\tS-LOC", "年\tO")
    assert read_source(str(path)) == [("北京大学上海年", [(0, 4, "LOC"), (4, 6, "LOC")])]


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        ("a.conll", ["我 O", "爱"], "line 2: expected a character and a tag"),
        ("a.conll", ["我 O", "爱 X-LOC"], "line 2: unknown tag 'X-LOC'"),
        ("a.conll", ["我 O", "", "爱 B"], "line 3: unknown tag 'B'"),
        ("a.conll", ["我 O", " 爱 O"], "line 2: expected a character and a tag"),
        ("a.jsonl", ['{"text": "我"}', "{"], "line 1: no annotations"),
        ("a.jsonl", ['{"text": "我", "entities": []}', "{"], "line 2: not valid JSON"),
        ("a.jsonl", ['{"texts": "我"}'], 'line 1: expected an object with a string "text"'),
        ("a.jsonl", ['{"text": "我", "entities": [[0, 2, "A"]]}'], "line 1: entity [0, 2)"),
        ("a.jsonl", ['{"text": "我", "entities": [[0]]}'], "line 1: "),
        ("a.json", ['{"text": "我", "label": {"name": [[0, 0]]}}'], "line 1: "),
    ],
)
def test_a_broken_line_is_named(tmp_path: Path, name: str, lines: list[str], said: str) -> None:
    path = write(tmp_path / name, *lines)
    with pytest.raises(DataError) as error:
        read_source(str(path))
    assert f"{name}', {said}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_and_an_unknown_corpus_end_the_command(tmp_path: Path) -> None:
    for source in (str(tmp_path / "none.conll"), f"ontonotes={tmp_path}"):
        with pytest.raises(DataError, match=r"not found|not found; available") as error:
            prepare.main([source, "-o", str(tmp_path / "out.jsonl")])
        assert error.value.status == 400


@pytest.mark.parametrize(
    "command",
    [
        ["prepare.py", "none.conll", "-o", "out.jsonl"],
        ["evaluate.py", "demo", "none.conll"],
        ["finetune.py", "--train", "none.conll", "--dev", "none.conll", "--output", "out",
         "--checkpoint", "demo"],
    ],
    ids=lambda command: command[0],
)  # fmt: skip
def test_an_error_is_one_line(tmp_path: Path, command: list[str]) -> None:
    script = [sys.executable, str(FOLDER / command[0]), *command[1:]]
    done = subprocess.run(script, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: 'none.conll' not found")
    assert len(done.stderr.splitlines()) == 1


def test_runs_are_tracked_where_the_builder_tracks() -> None:
    for command in (evaluate, finetune):
        assert command.parser().get_default("tracking_uri") == packaging.TRACKING_URI


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        ("米哈游成立于2011年,致力于", ["2011年"]),
        ("一九九八年三月五日上午", ["一九九八年三月五日"]),
        ("他去年在这里住了三年零6个月", ["去年"]),
        ("16日，20世纪90年代的第30分钟", ["16日", "20世纪90年代"]),
        ("今年5月初花了1998元", ["今年5月初"]),
        ("1·5万人和120年", []),
        ("2023-10-01 12:30，2023/10/1，2023.10.1。", ["2023-10-01", "2023/10/1", "2023.10.1"]),
        (
            "1949 年 10 月 1 日，１９４９年１０月１日",
            ["1949 年 10 月 1 日", "１９４９年１０月１日"],
        ),
        ("民国三十八年，二〇二三年，5月5号", ["民国三十八年", "二〇二三年", "5月5号"]),
        ("上周五和98年5月3日，农历八月十五", ["上周五", "98年5月3日", "农历八月十五"]),
        ("12:30，版本2.1.0，192.168.1.1，2000-2023", []),
    ],
)
def test_what_is_a_date(text: str, dates: list[str]) -> None:
    assert [text[start:end] for start, end, _ in mark_dates(text, [])] == dates


def test_made_up_dates_are_dates_and_other_numbers_are_not() -> None:
    rng = random.Random(0)
    for _ in range(500):
        date = random_date(rng)
        assert mark_dates(date, []) == [(0, len(date), "DATE")]
        assert mark_dates(random_number(rng), []) == []


def test_a_date_gives_way_to_an_entity() -> None:
    assert mark_dates("1998年杯赛", [(0, 7, "ORGANIZATION")]) == [(0, 7, "ORGANIZATION")]


def test_augmentation_keeps_offsets_exact() -> None:
    sentence = ("邓小平在北京会见彼得·皮奥，邓小平说中国队1998年赢了。",
                [(0, 3, "PERSON"), (4, 6, "LOCATION"), (8, 13, "PERSON"), (14, 17, "PERSON"),
                 (18, 21, "ORGANIZATION"), (21, 26, "DATE")])  # fmt: skip
    names = Names.read(GAZETTEER, [sentence])
    rng = random.Random(0)
    for _ in range(200):
        text, entities = vary_width(replace_mentions(sentence, names, rng, 0.8), rng)
        marks = [text[start:end] for start, end, _ in entities]
        rest, position = "", 0
        for start, end, _ in entities:
            rest, position = rest + text[position:start] + "_", end
        rest += text[position:]
        assert rest.replace(",", "，").replace(" ", "") == "_在_会见_，_说__赢了。"
        assert all(marks)
        assert marks[0] == marks[3]  # the same person in both places
        assert [label for *_, label in entities] == [label for *_, label in sentence[1]]


def test_templates_are_filled_with_exact_offsets() -> None:
    names = MadeUpNames.read(
        GAZETTEER, [("王小明和北京队", [(0, 3, "PERSON"), (4, 7, "ORGANIZATION")])]
    )
    names.mined["LOCATION"].append("北京")
    rng = random.Random(0)
    for _ in range(50):
        text, entities = fill("[新华社|ORGANIZATION]{L}{D}电{A}{P}访{O}。", names, rng)
        assert text.startswith("新华社")
        assert text.endswith("。")
        labels = [label for *_, label in entities]
        assert labels == ["ORGANIZATION", "LOCATION", "DATE", "LOCATION", "PERSON", "ORGANIZATION"]
        assert text[entities[2][1]] == "电"


def test_prepare_is_reproducible(tmp_path: Path) -> None:
    digits = "一二三四五六"
    sentences = [["王 B-PER", "芳 I-PER", "在 O", "京 B-LOC", f"{digit} O", ""] for digit in digits]
    source = write(tmp_path / "a.conll", *[line for rows in sentences for line in rows])
    outputs = []
    for name in ("one", "two"):
        out, held = tmp_path / f"{name}.jsonl", tmp_path / f"{name}_dev.jsonl"
        prepare.main(
            [f"peoples_daily={source}", "-o", str(out), "--held-out", str(held), "--copies", "2",
             "--held-out-size", "3", "--gazetteer", str(GAZETTEER)]
        )  # fmt: skip
        outputs.append(out.read_bytes())
        assert len(read_source(str(held))) == 3
        assert len(read_source(str(out))) == 9
        assert (tmp_path / f"{name}.report.html").is_file()
    assert outputs[0] == outputs[1]
