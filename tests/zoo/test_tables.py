"""Tables, texts and JSON as people give them: what can be read, and what is said of the rest."""

import gzip
from pathlib import Path

import pytest

from zoo.data import texts
from zoo.data.tables import ColumnNotFound, TableError, open_table, write_table
from zoo.data.texts import open_text, read_json, read_object, read_text
from zoo.errors import CheckpointError, ZooError

ROWS = [["a.wav", 'said "yes"'], ["b.wav", "one,\ntwo"], ["ค.wav", "ไทย;中文|x\ty"]]
CELLS = [dict(zip(("path", "text"), row, strict=True)) for row in ROWS]


@pytest.mark.parametrize("name", ["table.csv", "table.tsv"])
@pytest.mark.parametrize("mark", [False, True])
def test_what_is_written_is_read_again(name: str, mark: bool, tmp_path: Path) -> None:
    path = tmp_path / "new" / name
    write_table(path, ("path", "text"), ROWS, mark)
    table = open_table(path)
    assert table.header == ["path", "text"]
    assert [cells for _, cells in table.strict_rows()] == CELLS
    assert [line for line, _ in table.rows()] == [2, 3, 5]
    zipped = tmp_path / f"{name}.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    assert list(open_table(zipped).filled_rows()) == CELLS


@pytest.mark.parametrize("delimiter", ",;|\t")
def test_the_header_tells_the_delimiter(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'a{delimiter}"b\nc"\n1{delimiter}2\n', encoding="utf-8")
    table = open_table(tmp_path / "a.csv")
    assert table.delimiter == delimiter
    assert list(table.rows()) == [(3, {"a": "1", "b\nc": "2"})]


def test_ragged_rows_are_marked_filled_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1\n\n1,2,3\n", encoding="utf-8")
    table = open_table(path)
    assert list(table.rows()) == [(2, None), (4, None)]
    assert list(table.filled_rows()) == [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]
    with pytest.raises(TableError, match=r"a\.csv', line 2: 1 cells, not 2"):
        list(table.strict_rows())


def test_quotation_marks_may_quote_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('path\tsentence\na.mp3\t"No\nb.mp3\tYes"\n', encoding="utf-8")
    rows = open_table(tmp_path / "a.tsv", quoted=False).filled_rows()
    assert [row["sentence"] for row in rows] == ['"No', 'Yes"']


def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    write_table(tmp_path / "a.csv", ("path", "text"), [])
    table = open_table(tmp_path / "a.csv")
    assert table.column(None, ("words", "text")) == "text"
    assert table.find("words") is None
    with pytest.raises(ColumnNotFound) as refused:
        table.column(None, ("words", "caption"), "--caption-column")
    assert refused.value.columns == ["words", "caption"]
    assert refused.value.available == ["path", "text"]
    assert str(refused.value) == (
        f"Column 'words' or 'caption' not found in '{tmp_path / 'a.csv'}'; available: path, text "
        "(name it with --caption-column)."
    )


def test_what_is_no_text_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"word\n" * 10_000 + "ไทย\n".encode("cp874"))
    with pytest.raises(CheckpointError, match=r"a\.txt' is not UTF-8 \(line 10001\)"):
        read_text(path, CheckpointError)
    with pytest.raises(ZooError, match="none' not found"):
        read_text(tmp_path / "none")
    with pytest.raises(ZooError, match="can't be read: Is a directory"):
        read_text(tmp_path)


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_a_large_file_is_read_behind_a_bar(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(texts, "LARGE_BYTES", 1)
    lines = [f"{number} ก\n" for number in range(20_000)]
    content = "".join(lines).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with open_text(tmp_path / name) as file:
        assert list(file) == lines
    assert f"{name}: " in capsys.readouterr().err


def test_what_is_no_json_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('\ufeff{"a":\n 1}', encoding="utf-8")
    assert read_object(path) == {"a": 1}
    assert read_object(tmp_path / "none.json", missing={}) == {}
    path.write_text('{"a":\n 1,}', encoding="utf-8")
    with pytest.raises(ZooError, match=r"a\.json', line 2: not valid JSON"):
        read_json(path)
    path.write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(ZooError, match="not valid JSON"):
        read_json(path)
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ZooError, match="is not a JSON object"):
        read_object(path)
