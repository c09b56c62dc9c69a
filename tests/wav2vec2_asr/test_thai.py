"""Thai transcripts are written as they are spoken; what is no Thai survives or is named."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wav2vec2_asr.training import numerals, thai
from wav2vec2_asr.training.profiles import (
    PROFILES,
    RULES,
    read_decisions,
    remove_symbols,
    text_of,
    write_decisions,
)
from zoo.errors import ZooError
from zoo.training.cleaning import spell

THAI = text_of(PROFILES["th"], frozenset(), {})
ENGLISH = text_of(PROFILES["en"], frozenset(), {})


def cleaned(text: str, *without: str, **decisions: str) -> str:
    return spell(text, text_of(PROFILES["th"], frozenset(without), decisions)).text


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("ดีมาก ๆ", "ดีมากมาก"),
        ("เล็ก ๆ", "เล็กเล็ก"),
        ("คนต่าง ๆ มา", "คนต่างต่าง มา"),
        ("เดินช้าๆ", "เดินช้าช้า"),
        ("เด็กเล็ก ๆ วิ่งเล่น", "เด็กเล็กเล็ก วิ่งเล่น"),
        ("พี่ๆ น้องๆ", "พี่พี่ น้องน้อง"),
        ("พี่ๆน้องๆ", "พี่พี่น้องน้อง"),
        ("ไปบ่อยๆๆ", "ไปบ่อยบ่อยบ่อย"),
        ("คนอื่น ๆ", "คนอื่นอื่น"),
        ("ในวันหนึ่งๆ", "ในวันหนึ่งวันหนึ่ง"),
        ("มีมากมายๆ", "มีมากมายมากมาย"),
        ("อะไร ๆ ก็ดี", "อะไรอะไร ก็ดี"),
        ("เป็นสิบๆ คน", "เป็นสิบสิบ คน"),
        ("ดีมาก\u200bๆ", "ดีมากมาก"),
        ("“ดี” ๆ", "ดี ดี"),
        ("very ๆ", "very very"),
        ("ๆ", ""),
        ("ชิ้นเล็ก เล็ก", "ชิ้นเล็ก เล็ก"),
    ],
)
def test_repetition_repeats_the_right_word(written: str, spoken: str) -> None:
    assert cleaned(written) == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("10.30 น.", "สิบนาฬิกาสามสิบนาที"),
        ("๑๐.๓๐ น.", "สิบนาฬิกาสามสิบนาที"),
        ("ตอน 10:30", "ตอน สิบนาฬิกาสามสิบนาที"),
        ("0.05 น", "ศูนย์นาฬิกาห้านาที"),
        ("24.00 น.", "ยี่สิบสี่นาฬิกา"),
        ("9 น. ครับ", "เก้านาฬิกา ครับ"),
        ("08.00-16.30 น.", "แปดนาฬิกาถึงสิบหกนาฬิกาสามสิบนาที"),
        ("10.75 น.", "สิบจุดเจ็ดห้า น"),  # no such time
        ("5 น.ส. มา", "ห้า นส มา"),  # three ladies, no time
        ("12 ม.ค. 2564", "สิบสอง มกราคม สองพันห้าร้อยหกสิบสี่"),
        ("๑๒ม.ค.๖๔", "สิบสอง มกราคม หกสิบสี่"),
        ("31/12/2564", "สามสิบเอ็ด ธันวาคม สองพันห้าร้อยหกสิบสี่"),
        ("2021-01-02", "สอง มกราคม สองพันยี่สิบเอ็ด"),
        ("ปี พ.ศ. 2564", "ปี พศ สองพันห้าร้อยหกสิบสี่"),
        ("50 บาท", "ห้าสิบบาท"),
        ("1,250.50 บาท", "หนึ่งพันสองร้อยห้าสิบบาทห้าสิบสตางค์"),
        ("0.25 บาท", "ยี่สิบห้าสตางค์"),
        ("12.345 บาท", "สิบสองจุดสามสี่ห้าบาท"),
        ("฿1,250 หรือ 50.-", "หนึ่งพันสองร้อยห้าสิบบาท หรือ ห้าสิบบาท"),
        ("$5 ล้าน", "ห้าล้านดอลลาร์"),
        ("5-10 บาท", "ห้าถึงสิบ บาท"),
        ("๑๒๓", "หนึ่งร้อยยี่สิบสาม"),
        ("21 101 1,000,001", "ยี่สิบเอ็ด หนึ่งร้อยเอ็ด หนึ่งล้านเอ็ด"),
        ("3.14", "สามจุดหนึ่งสี่"),
        ("-5", "ลบห้า"),
        ("50% 10-20 %", "ห้าสิบเปอร์เซ็นต์ สิบถึงยี่สิบเปอร์เซ็นต์"),
        ("30°C", "สามสิบองศาเซลเซียส"),
        ("081-234-5678", "ศูนย์แปดหนึ่งสองสามสี่ห้าหกเจ็ดแปด"),
        ("0812345678", "ศูนย์แปดหนึ่งสองสามสี่ห้าหกเจ็ดแปด"),
        ("โทร 1669", "โทร หนึ่งหกหกเก้า"),
        ("007", "ศูนย์ศูนย์เจ็ด"),
        ("99/1", "เก้าสิบเก้าทับหนึ่ง"),
        ("iPhone 12 กับ MP3", "iPhone สิบสอง กับ MP3"),
    ],
)
def test_numbers_are_written_as_they_are_spoken(written: str, spoken: str) -> None:
    assert cleaned(written) == spoken


def test_every_rule_can_be_left_out() -> None:
    assert cleaned("10.30 น.", "times", "numbers") == "10.30 น"
    assert cleaned("ปี ๒๕๖๔ ราคา 1,250.50", "numbers") == "ปี ๒๕๖๔ ราคา 1,250.50"
    assert cleaned("12 ม.ค. 64", "dates", "numbers") == "12 มค 64"
    assert cleaned("50 บาท", "money", "numbers") == "50 บาท"
    assert cleaned("ดี ๆ", "repetition") == "ดี ๆ"
    assert cleaned("ดี! #1", "symbols", "numbers") == "ดี! #1"
    assert cleaned("เเปลก", "unicode") == "เเปลก"
    assert cleaned(" a  b ", "spaces", "unicode") == " a  b "
    assert cleaned("จ.ตาก", "abbreviations", **{"จ.": "จังหวัด"}) == "จตาก"
    everything = frozenset(RULES)
    text = " “น.”  ๆ 5! "
    assert spell(text, text_of(PROFILES["th"], everything, {})).text == text


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("น\u0e49\u0e4d\u0e32", "น้ำ"),  # tone mark, nikhahit, aa
        ("น\u0e4d\u0e49\u0e32", "น้ำ"),
        ("เเปลก", "แปลก"),
        ("ดีี", "ดี"),
        ("ที่่", "ที่"),
        ("ท\u0e48\u0e35", "ที่"),  # the tone mark before the vowel
        ("ภาษา\u200bไทย\ufeff", "ภาษาไทย"),
        ("Ｈｅｌｌｏ　๕", "Hello ห้า"),
        ("café naïve", "cafe naive"),
        ("มา\tนี่\r\nนะ", "มา นี่ นะ"),
    ],
)
def test_what_looks_the_same_is_the_same(typed: str, meant: str) -> None:
    assert cleaned(typed) == meant


def test_what_is_not_spoken_goes_and_the_rest_survives() -> None:
    assert cleaned('สวัสดี! @สมชาย #ดี *จริง?* "ใช่" 😀👍🏽') == "สวัสดี สมชาย ดี จริง ใช่"
    assert cleaned("I don't know, 'she' said... ครับ") == "I don't know she said ครับ"
    assert cleaned("อีเมล a@b.com", "numbers") == "อีเมล a b com"
    assert remove_symbols("3.5 4:30 5. .6") == "3.5 4:30 5   6"


def test_english_is_lower_case_without_punctuation() -> None:
    def english(text: str) -> str:
        return spell(text, ENGLISH).text

    assert english("She had your dark suit, in greasy wash-water all year.") == (
        "she had your dark suit in greasy wash water all year"
    )
    assert english('Don’t ask me "why"; \'tis 10.30!') == "don't ask me why tis 10.30"
    assert ENGLISH.foreign is not None
    assert ENGLISH.foreign("hello ไทย") == "ทย" + "ไ"


def test_letters_of_other_scripts_are_named() -> None:
    assert THAI.foreign is not None
    assert THAI.foreign("ภาษา 中文 и ไทย hello 12 ๑๒ ๆ !?") == "и中文"
    assert THAI.foreign("ลาว ລາວ") == "".join(sorted("ລາວ"))


def test_abbreviations_are_found_and_said_as_decided(tmp_path: Path) -> None:
    text = "ปีพ.ศ.2540 ที่ จ.ตาก กับดร.สมชาย น.ส.สมหญิง ผบ.ตร. กรุงเทพฯ ฯลฯ Dr. U.S. เขาไป."
    found = spell(text, THAI).found
    assert sorted(found) == sorted(
        ["พ.ศ.", "จ.", "ดร.", "น.ส.", "ผบ.ตร.", "กรุงเทพฯ", "ฯลฯ", "Dr.", "U.S."]
    )
    table = tmp_path / "abbreviations.tsv"
    counts = dict.fromkeys(found, 1) | {"จ.": 7}
    write_decisions(table, counts, {"จ.": "ที่ จ.ตาก\tนะ"}, {})
    assert read_decisions(table) == {}
    lines = table.read_text(encoding="utf-8-sig").splitlines()
    assert lines[1].split("\t") == ["จ.", "7", "", "ที่ จ.ตาก นะ"]

    lines[1] = lines[1].replace("\t7\t\t", "\t7\tจังหวัด\t")
    said = {"พ.ศ.": "พุทธศักราช", "ฯลฯ": "และอื่น ๆ", "Dr.": "doctor"}
    lines += [f"{short}\t0\t{spoken}\t" for short, spoken in said.items()]
    table.write_text("\n".join(lines), encoding="utf-8")
    decisions = read_decisions(table)
    assert decisions == {"จ.": "จังหวัด", **said}
    assert spell(text, text_of(PROFILES["th"], frozenset(), decisions)).text == (
        "ปีพุทธศักราชสองพันห้าร้อยสี่สิบ ที่ จังหวัดตาก กับดรสมชาย นสสมหญิง ผบตร กรุงเทพ และอื่นอื่น doctor US เขาไป"
    )
    write_decisions(table, counts, {}, decisions)  # what was decided stays in the next list
    assert read_decisions(table) == decisions


def test_a_table_that_has_no_decisions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "decisions.tsv"
    with pytest.raises(ZooError, match="not found"):
        read_decisions(path)
    path.write_text("พ.ศ.,พุทธศักราช\n", encoding="utf-8")
    with pytest.raises(ZooError, match="Column 'abbreviation' not found"):
        read_decisions(path)
    path.write_bytes("abbreviation\tspoken\nพ.ศ.\tx\n".encode("cp874"))
    with pytest.raises(ZooError, match=r"is not UTF-8 \(line 2\)"):
        read_decisions(path)


WILD = st.text(
    st.sampled_from("กขนมาำิี่้เแไๆฯ๑๒12350.,:-/%฿$ \t\u200b\u0e4d!?'“ABcé中😀°|" + "น.พ.ศ."),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(WILD, st.text(max_size=40)))
@example("1,234,567,890,123,456,789,012" + ",000" * 2000)
@example("9" * 6000 + " บาท")
@example("12/13/2564 99:99:99 น. 0-0-0 ..-- ฿ $ %")
def test_any_text_is_cleaned(text: str) -> None:
    result = spell(text, THAI).text
    assert "ๆ" not in result
    assert "|" not in result
    assert result == " ".join(result.split())
    assert not any(character in '!?@*#"“”😀\u200b' for character in result)
    assert not any(character in "๐๑๒๓๔๕๖๗๘๙" for character in result) or any(
        character.isascii() and character.isalpha() for character in result
    )


def test_a_long_text_takes_no_more_than_its_length() -> None:
    def seconds(text: str) -> float:
        begin = time.process_time()
        spell(text, THAI)
        return time.process_time() - begin

    for piece in ("1-", "1,", "พ.", "0 ", "12:", "น. ", "ๆ ", "กก", "1/", "$"):
        seconds(piece * 10)
        short, long = seconds(piece * 1_000), seconds(piece * 8_000)
        assert long < 30 * short + 0.5, piece  # eight times as much text


def test_nothing_is_downloaded_or_written(tmp_path: Path) -> None:
    offline = (
        "import socket, sys; socket.socket.connect = lambda *a: sys.exit('a connection');"
        "from wav2vec2_asr.training.thai import last_word, abbreviation;"
        "print(last_word('ดีมาก'), abbreviation('ปีพ.ศ.'))"
    )
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", offline],
        env={"HOME": str(home), "PYTHONPATH": ":".join(sys.path), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    assert (done.returncode, done.stdout) == (0, "มาก พ.ศ.\n"), done.stderr
    assert list(home.iterdir()) == []


def test_the_parts_are_what_they_say() -> None:
    assert numerals.say_number("1,250.05") == "หนึ่งพันสองร้อยห้าสิบจุดศูนย์ห้า"
    assert numerals.say_digits("02-123") == "ศูนย์สองหนึ่งสองสาม"
    assert thai.last_word("อากาศดีมาก") == "มาก"
    assert thai.last_word("...") == ""
