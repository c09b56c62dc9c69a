"""Files that a person drops: tables, texts, and own words."""

import pytest

from test_models.calls import ServiceError
from test_models.ner.texts import MOST, dictionary, read
from test_models.tables import table

POEM = "床前明月光，疑是地上霜。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_table_is_read(encoding: str, delimiter: str) -> None:
    lines = delimiter.join(["编号", "文本", ""]) + "\r\n" + delimiter.join(["1", f'"{POEM}\n二"'])
    found = table(lines.encode(encoding))
    assert found.columns == ["编号", "文本", "column 3"]
    assert found.rows == [["1", f"{POEM}\n二", ""]]


def test_columns_of_one_name_are_told_apart() -> None:
    assert table(b"a,a\n1,2").cells("a (2)") == ["2"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text in UTF"),
        (b"text\n", "no rows"),
        (b"", "no rows"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        table(content)


def test_the_column_of_texts_is_found_or_given() -> None:
    named = b"id,note,text\n1,a very long note indeed,short\n"
    assert read("x.csv", named).texts == ["short"]
    assert read("x.csv", named, "note").texts == ["a very long note indeed"]
    assert read("x.csv", named, "of another file").column == "text"
    assert read("x.CSV", f"a,b\n1,{POEM}\n".encode("gb18030")).column == "b"
    assert read("x.txt", f"{POEM}\n\n,{POEM}\n".encode()).texts == [POEM, "," + POEM]


def test_a_file_without_texts_or_with_too_many_is_refused() -> None:
    with pytest.raises(ServiceError, match="no text in"):
        read("x.txt", b"\n \n")
    with pytest.raises(ServiceError, match="20,001 texts"):
        read("x.txt", b"a\n" * (MOST + 1))


def test_own_words() -> None:
    assert dictionary("原神 GAME\n\n  New York\tPLACE \n") == {"原神": "GAME", "New York": "PLACE"}
    for lines, reason in {
        "原神 GAME\n\n米哈游": "Line 3 .* isn't WORD TYPE",
        "字" * 65 + " A": "Line 1 .* 65 characters",
        "原神 GAME\n原神 FILM": "Line 2 .* second type",
    }.items():
        with pytest.raises(ServiceError, match=reason):
            dictionary(lines)
