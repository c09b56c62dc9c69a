"""Scores of Thai tables: against jiwer and published figures, under every switch, of hard ones."""

import csv
import json
import random
import re
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import jiwer
import pytest

from wav2vec2_asr import evaluate
from wav2vec2_asr.training.words import CHUNK, Convention, score
from zoo.errors import ZooError
from zoo.training.error_rates import ErrorCounts

SENTENCES = [
    "วันนี้อากาศดีมากเราไปเดินเล่นกันเถอะ",
    "ฉันชอบกินข้าวผัดกับไข่ดาว",
    "รถไฟขบวนนี้มาสายสิบนาที",
    "เขาเรียน machine learning ที่มหาวิทยาลัย",
    "ราคา GPU ขึ้นห้าเปอร์เซ็นต์เมื่อวานนี้",
    "กรุณาปิดประตูด้วยค่ะ",
    "พรุ่งนี้ฝนจะตกหนักทั่วประเทศ",
    "เธอทำงานที่โรงพยาบาลมาหลายปีแล้ว",
]
NO_TRACKING = ["--tracking-uri", ""]


def write_csv(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header or ("reference", "prediction"), *rows])
    return path


def rates(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> tuple[float, float]:
    """WER and CER as they are printed for a table."""
    evaluate.main(["--predictions", str(path), *options, *NO_TRACKING])
    out = capsys.readouterr().out
    (wer,), (cer,) = re.findall(r"WER (\d+\.\d\d) %", out), re.findall(r"CER (\d+\.\d\d) %", out)
    return float(wer), float(cer)


def corrupted(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """References of several sentences, and what a recogniser with a bad ear makes of them."""
    chance = random.Random(seed)
    pairs = []
    for _ in range(count):
        reference = " ".join(chance.choices(SENTENCES, k=chance.randint(1, 3)))
        heard = [
            chance.choice("กขคงนม ่") if chance.random() < 0.05 else character
            for character in reference
            if chance.random() > 0.04
        ]
        pairs.append((reference, "".join(heard).strip()))
    return pairs


@pytest.mark.parametrize(
    ("options", "wer", "cer"),
    [
        (["--words", "spaces"], 50.00, 14.29),
        (["--words", "spaces", "--spaces"], 50.00, 11.76),
        (["--words", "given"], 50.00, 14.29),
    ],
)
def test_the_examples_of_the_published_notebook(
    options: list[str], wer: float, cer: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """vistec-AI/wav2vec2-large-xlsr-53-th: 0.5; 0.1176 with spaces and 0.1429 without."""
    table = write_csv(tmp_path / "a.csv", [("สวัสดี ค่ะ ทุก คน", "สวัสดี ค่า ทุก โคน")])
    assert rates(capsys, table, *options) == (wer, cer)


def test_the_rates_are_those_of_jiwer_for_the_joined_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pythainlp.tokenize import word_tokenize

    pairs = corrupted(60)
    said, heard = (
        [text.replace(" ", "") for text in column] for column in zip(*pairs, strict=True)
    )
    tokens = [[" ".join(word_tokenize(text)) for text in column] for column in (said, heard)]
    expected = round(100 * jiwer.wer(*tokens), 2), round(100 * jiwer.cer(said, heard), 2)
    assert expected[0] > 20  # there is something to get wrong
    assert rates(capsys, write_csv(tmp_path / "a.csv", pairs)) == pytest.approx(expected, abs=0.006)
    joined = write_csv(tmp_path / "b.csv", list(zip(*tokens, strict=True)))
    assert rates(capsys, joined, "--words", "given") == pytest.approx(expected, abs=0.006)


def test_a_corpus_is_summed_not_averaged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [("a b c d e f g h", "a b c d e f g h"), ("a b", "c d")]
    assert rates(capsys, write_csv(tmp_path / "a.csv", rows), "--words", "spaces") == (20, 20)


@pytest.mark.parametrize(
    ("switch", "reference", "prediction"),
    [
        ({"lower": True}, "ใช้ GPU", "ใช้ gpu"),
        ({"normalize": True}, "เเม่นํ้า", "แม่น้ำ"),
        ({"spaces": False}, "ไปบ้าน ครับ", "ไป บ้านครับ"),
        ({"words": "given"}, "ไป|บ้าน|ครับ", "ไป บ้าน ครับ"),
    ],
)
def test_each_choice_is_a_switch(
    switch: dict[str, bool | str], reference: str, prediction: str
) -> None:
    plain = {"words": "spaces", "spaces": True, "lower": False, "normalize": False}
    words, characters = Convention(**{**plain, **switch}).compare(reference, prediction)  # type: ignore[arg-type]
    assert characters.mistakes == 0
    assert words.mistakes == 0 or switch == {"spaces": False}  # the words stay the text's own
    assert Convention(**plain).compare(reference, prediction)[1].mistakes  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reference", "prediction", "words", "characters"),
    [
        ("ฉันเลี้ยงแมว", "ฉันเลี้ยงแมว", ErrorCounts(0, 3), ErrorCounts(0, 12)),
        ("ฉันเลี้ยงแมว", "ฉันเลี้ยงแกะ", ErrorCounts(1, 3), ErrorCounts(2, 12)),
        ("ฉันเลี้ยงแมว", "", ErrorCounts(3, 3), ErrorCounts(12, 12)),
        ("", "ครับ", ErrorCounts(1, 0), ErrorCounts(4, 0)),
        ("", "", ErrorCounts(0, 0), ErrorCounts(0, 0)),
        (" \u00a0 ", "|", ErrorCounts(1, 0), ErrorCounts(1, 0)),
        ("ใช้ GPU ใหม่", "ใช้GPSใหม่", ErrorCounts(1, 3), ErrorCounts(1, 10)),
    ],
)
def test_words_and_characters_by_hand(
    reference: str, prediction: str, words: ErrorCounts, characters: ErrorCounts
) -> None:
    assert Convention().compare(reference, prediction) == (words, characters)


def test_the_tokenizer_and_its_version_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from pythainlp import __version__

    table = write_csv(tmp_path / "a.csv", [("ผมกินข้าว", "ผมกินข่าว")])
    evaluate.main(["--predictions", str(table), *NO_TRACKING])
    assert f"newmm (pythainlp {__version__}), spaces removed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reference", "options", "noted"),
    [
        ("วันนี้ อากาศ ดี มาก", [], True),
        ("she had your dark suit", [], True),
        ("she had your dark suit", ["--words", "given"], False),
        ("she had your dark suit", ["--spaces"], False),
        ("วันนี้อากาศดีมาก เราไปเดินเล่นกันเถอะ", [], False),
    ],
)
def test_words_that_are_apart_already_are_noted(
    reference: str,
    options: list[str],
    noted: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    table = write_csv(tmp_path / "a.csv", [(reference, reference)])
    evaluate.main(["--predictions", str(table), *options, *NO_TRACKING])
    assert ("words apart by spaces" in capsys.readouterr().out) == noted


def test_processes_count_as_one_does() -> None:
    pairs = corrupted(50) * (2 * CHUNK // 50) + corrupted(7, seed=2)
    assert len(pairs) > 2 * CHUNK
    assert score(pairs, Convention(), jobs=2) == score(pairs, Convention())


@pytest.mark.parametrize(
    "content",
    [
        '\ufeffreference,prediction\r\n"ก,ข\nค","ก,ข\nค"\r\nดี,ดู\r\n'.encode(),
        b"reference;prediction\n" + "ก,ขค;ก,ขค\nดี;ดู\n\n".encode(),
        b"name\tprediction\treference\n" + "x\tก,ขค\tก,ขค\ny\tดู\tดี\n".encode(),
        '" reference " ,"prediction"\n"ก,ขค","ก,ขค"\nดี,ดู'.encode(),
    ],
    ids=["BOM, CRLF, a quoted line break", "semicolons", "tabs, another order", "quoted header"],
)
def test_tables_as_other_programs_write_them(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.csv").write_bytes(content)
    wer, cer = rates(capsys, tmp_path / "a.csv", "--words", "spaces")
    assert cer == pytest.approx(100 / 6, abs=0.01)
    assert wer in (50, pytest.approx(33.33))  # a line break is between words


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "not found"),
        (b"", "a.csv'; available: none"),
        (b"reference,predicted\na,b\n", "a.csv'; available: reference, predicted"),
        (b"reference,prediction,reference\na,b,c\n", "more than one column 'reference'"),
        (b"reference,prediction\n", "has no predictions"),
        (b"reference,prediction\na,b\nc\n", "line 3: 1 cells, not 2"),
        (b"reference,prediction\na,b,c\n", "line 2: 3 cells, not 2"),
        ("reference,prediction\nก,ข\n".encode() + b"\xe0\xb8,b\n", "is not UTF-8 (line 3)"),
        (b"reference,prediction,duration\na,b,long\n", "line 2: the duration is not a number"),
    ],
)
def test_a_table_that_cannot_be_scored(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(ZooError, match=re.escape(message)) as caught:
        evaluate.main(["--predictions", str(tmp_path / "a.csv"), *NO_TRACKING])
    assert "a.csv" in str(caught.value)


@pytest.mark.skipif(find_spec("deepcut") is not None, reason="deepcut is installed")
def test_a_tokenizer_that_is_not_installed_is_refused(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "a.csv", [("ก", "ก")])
    with pytest.raises(ZooError, match="deepcut"):
        evaluate.main(["--predictions", str(table), "--words", "deepcut", *NO_TRACKING])


def test_systems_are_compared_and_durations_grouped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(said, heard, said, str(1 + index % 7)) for index, (said, heard) in
            enumerate(corrupted(40))]  # fmt: skip
    rows += [("", "ครับ", "", "1")]
    header = ("reference", "first", "better one", "duration")
    table = write_csv(tmp_path / "a.csv", rows, header)
    options = ["--predictions", str(table), "--columns", ",".join(header[:3]), *NO_TRACKING]
    evaluate.main([*options, "--output", str(tmp_path / "out")])
    out = capsys.readouterr().out
    assert "1 empty references" in out
    assert "| 2 to 5 s |" in out
    assert "SNR" not in out  # nobody heard these recordings
    assert "No mistake." in out  # of the second
    evaluate.main([*options, "--worst", "0"])
    assert "worst" not in capsys.readouterr().out
    evaluate.main([*options, "--json"])
    figures = json.loads(capsys.readouterr().out)
    assert figures["better_one_wer"] == 0
    assert figures["better_one_cer_low"] < -figures["cer"] < figures["better_one_cer_high"] < 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "cer.png", "differences.tsv", "scores.md", "utterances1.tsv", "utterances2.tsv",
    }  # fmt: skip
