"""Formats of annotation tools, each told by its shape, and what of them isn't used."""

import json
from pathlib import Path

import pytest

from hanlp_ner import prepare
from hanlp_ner.training.corpora import read_corpus, read_source
from tests.hanlp_ner.helpers import write

SAMPLES = Path(__file__).parent / "samples"
THE_SAME = [
    ("我爱中国。", [(2, 4, "LOC")]),
    ("Ada Lovelace visited Paris", [(0, 12, "PER"), (21, 26, "LOC")]),
    ("今天下雨了。", []),
]


@pytest.mark.parametrize(
    "name",
    ["tidy.jsonl", "cluener.json", "doccano_labels.jsonl", "doccano_label.jsonl",
     "doccano_entities.jsonl", "label_studio.json", "label_studio_min.json", "prodigy.jsonl",
     "served.jsonl"],
)  # fmt: skip
def test_every_tools_export_says_the_same(name: str) -> None:
    assert read_source(str(SAMPLES / name)) == THE_SAME


def test_what_a_tool_says_is_not_annotated_is_left_out_and_counted() -> None:
    studio = read_corpus(str(SAMPLES / "label_studio.json"))
    path = SAMPLES / "label_studio.json"
    assert {reason: len(at) for reason, at in studio.left_out.items()} == {
        "not annotated in Label Studio": 1,
        "skipped in Label Studio": 1,
    }
    assert studio.left_out["skipped in Label Studio"] == [f"'{path}', row 4 (line 65)"]
    assert studio.notes == {"other annotations of a sentence": [f"'{path}', row 1 (line 2)"]}
    prodigy = read_corpus(str(SAMPLES / "prodigy.jsonl"))
    assert {reason: len(at) for reason, at in prodigy.left_out.items()} == {
        "rejected in Prodigy": 1,
        "ignored in Prodigy": 1,
    }
    assert prodigy.rows == 5


def test_the_ground_truth_is_taken(tmp_path: Path) -> None:
    tasks = json.loads((SAMPLES / "label_studio.json").read_text(encoding="utf-8"))
    tasks[0]["annotations"][1]["ground_truth"] = True
    path = write(tmp_path / "a.json", json.dumps(tasks))
    assert read_source(str(path))[0] == ("我爱中国。", [])


def test_english_tokens_are_joined_as_people_write_and_documents_begin() -> None:
    corpus = read_corpus(str(SAMPLES / "english.conll"))
    assert corpus.examples == [
        ("I love New York", [(7, 15, "LOC")]),
        ("Ada Lovelace visited Paris .", [(0, 12, "PER"), (21, 26, "LOC")]),
    ]
    first, second = corpus.documents
    assert first != second


def test_chinese_tokens_are_joined_without_spaces_and_latin_words_within_with() -> None:
    ((text, entities),) = read_source(str(SAMPLES / "mixed.conll"))
    assert text == "我在北京用iPhone 13 Pro上网"
    assert entities == [(2, 4, "LOC"), (5, 18, "MISC")]


def test_latin_characters_one_by_one_stay_together(tmp_path: Path) -> None:
    path = write(tmp_path / "a.conll", *[f"{c} O" for c in "用iOS"], "好 B-LOC")
    assert read_source(str(path))[0][0] == "用iOS好"


def test_a_sentence_is_never_in_both_parts(tmp_path: Path) -> None:
    """Also not with other punctuation, nor by a copy whose mention was replaced."""
    rows = [
        {"text": f"{name}到了{end}", "entities": [[0, 2, "LOCATION"]]}
        for name in ("北京", "上海", "广州", "深圳", "天津", "重庆")
        for end in ("", "。", "！")
    ]
    source = write(tmp_path / "a.jsonl", *(json.dumps(row) for row in rows))
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    prepare.main([str(source), "-o", str(train), "--held-out", str(dev), "--held-out-size", "6",
                  "--copies", "3", "--rate", "1"])  # fmt: skip
    texts = [{text[:4] for text, _ in read_source(str(path))} for path in (train, dev)]
    assert len(read_source(str(dev))) == 6
    assert len(texts[1]) == 2
    assert texts[0].isdisjoint(texts[1])


def test_documents_stay_together(tmp_path: Path) -> None:
    lines = []
    for document in "一二三四五六":
        sentences = [f"{document} O", "京 B-LOC", "", f"{document} O", "市 O", ""]
        lines += ["-DOCSTART- O", "", *sentences]
    source = write(tmp_path / "a.conll", *lines)
    train, dev = tmp_path / "train.jsonl", tmp_path / "dev.jsonl"
    prepare.main([str(source), "-o", str(train), "--held-out", str(dev), "--held-out-size", "4"])
    ours = [{text[0] for text, _ in read_source(str(path))} for path in (train, dev)]
    assert ours[0].isdisjoint(ours[1])
    assert len(ours[1]) == 2


def test_the_report_shows_counts_samples_and_contradictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        *THE_SAME,
        ("我爱中国", [(0, 4, "ORG")]),
        (" ", []),
        ("上海市", [(0, 3, "LOC"), (0, 2, "LOC")]),
    ]
    source = write(
        tmp_path / "a.jsonl",
        *(json.dumps({"text": text, "entities": entities}) for text, entities in rows),
    )
    prepare.main([str(source), "-o", str(tmp_path / "out.jsonl"), "--map", "PER="])
    *said, verdict = capsys.readouterr().out.splitlines()
    page = (tmp_path / "out.report.html").read_text(encoding="utf-8")
    assert verdict.startswith("Look first: ")
    for problem in ("without text: 1 row", f"('{source}', line 1 and '{source}', line 4)"):
        assert problem in verdict
    assert f"overlap another and can't be learnt: 1 ('{source}', line 6)" in verdict
    assert any("PER 1" in line for line in said)
    assert "我爱[中国 LOC]。" in page
    assert "[上海市 LOC] (overlapping: 上海 LOC)" in page
    assert not {"src=", "href="} & set(page.split())  # it needs no network
    assert read_source(str(tmp_path / "out.jsonl"))[1][1] == [(21, 26, "LOC")]
