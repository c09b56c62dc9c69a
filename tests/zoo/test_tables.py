"""Tables, texts and JSON as people give them: what can be read, and what is said of the rest."""

import gzip
from pathlib import Path

import pytest

from zoo.data import texts
from zoo.data.tables import ColumnNotFound, TableError, listed, open_table, write_table
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
    assert [cells for _, cells in open_table(zipped).strict_rows()] == CELLS


@pytest.mark.parametrize("delimiter", ",;|\t")
def test_the_header_tells_the_delimiter(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f'a{delimiter}"b\nc"\n1{delimiter}2\n', encoding="utf-8")
    table = open_table(tmp_path / "a.csv")
    assert list(table.rows()) == [(3, {"a": "1", "b\nc": "2"})]


def test_ragged_rows_are_marked_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1\n\n1,2,3\n", encoding="utf-8")
    table = open_table(path)
    assert list(table.rows()) == [(2, None), (4, None)]
    with pytest.raises(TableError, match=r"a\.csv', line 2: 1 cells, not 2"):
        list(table.strict_rows())


def test_quotation_marks_may_quote_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text('path\tsentence\na.mp3\t"No\nb.mp3\tYes"\n', encoding="utf-8")
    rows = open_table(tmp_path / "a.tsv", quoted=False).strict_rows()
    assert [row["sentence"] for _, row in rows] == ['"No', 'Yes"']


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('path,text\na.wav,"x\nb.wav,y\nc.wav,z\n', 2),
        ('path,text\na.wav,"x\nb.wav,y"\nc.wav,z\n', 2),
        ('path,text\na.wav,x\nb/1.wav,"y\nb/12.wav,z\nb/3.wav,"z"\n', 3),
        ('path,text,n\na.wav,"x,1\nb.wav,y,2\nc.wav,z",3\n', 2),
        ('path,text\na.wav,"he said "yes" to me"\n', 2),
        ('path,"text\na.wav,x\n', 1),
    ],
    ids=["to the end", "two rows", "to the next", "in the middle", "within quotes", "the header"],
)
def test_a_broken_quotation_mark_is_named_with_its_line(
    content: str, line: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TableError, match=rf"a\.csv', line {line}: a quotation mark"):
        list(open_table(path).rows())


@pytest.mark.parametrize(
    "text",
    ["one,\ntwo", "at the market\n2, road 5", "first, part\nsecond, part", "a.wav\nis gone"],
)
def test_a_cell_may_have_lines_of_its_own(text: str, tmp_path: Path) -> None:
    for header, row in ((("id", "text"), ("1", text)), (("path", "text"), ("a.wav", text))):
        write_table(tmp_path / "a.csv", header, [row, ("b", "x")])
        found = [cells for _, cells in open_table(tmp_path / "a.csv").strict_rows()]
        assert found[0] == dict(zip(header, row, strict=True))
        assert len(found) == 2


ROADS = "编号,问题,รายละเอียด\n00000,道路,ถนน\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (ROADS, "utf-8"),
        (ROADS, "utf-8-sig"),
        (ROADS, "utf-16"),
        (ROADS, "utf-16-le"),
        (ROADS, "utf-16-be"),
        ("id,text\n00000,甚至出现交易几乎停滞的情况\n", "gb18030"),
        ("id,text\n00000,你好吗\n", "gb18030"),
        ("id,text\n00000,甚至出現交易幾乎停滯的情況\n", "big5"),
        ("id,text\n00000,น้ำท่วมถนนหน้าตลาด\n", "cp874"),
    ],
)
def test_the_encoding_is_told_and_said(
    text: str, encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(encoding))
    table = open_table(path)
    ((_, cells),) = table.strict_rows()
    assert ",".join(table.header) + "\n" + ",".join(cells.values()) + "\n" == text
    assert ("a.csv" in capsys.readouterr().err) == (not encoding.startswith("utf-8"))


def test_records_are_tables_too(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    lines = tmp_path / "a.jsonl"
    lines.write_text(
        '{"id": "00000", "n": 1.10}\n\n{"types": ["a", "b"], "id": null}\n', encoding="utf-8"
    )
    assert list(open_table(lines).strict_rows()) == [
        (1, {"id": "00000", "n": "1.10", "types": ""}),
        (3, {"id": "", "n": "", "types": '["a", "b"]'}),
    ]
    lines.write_text('{"id": 1}\n[1]\n', encoding="utf-8")
    with pytest.raises(TableError, match=r"a\.jsonl', line 2: not a JSON object"):
        open_table(lines)
    columns = {"id": ["00000", None], "n": [1, 2], "types": [["a"], []], "photo": [b"x", b"y"]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    table = open_table(tmp_path / "a.parquet")
    assert table.header == ["id", "n", "types"]  # a photo is no text
    assert [list(cells.values()) for _, cells in table.rows() if cells] == [
        ["00000", "1", '["a"]'], ["", "2", "[]"]]  # fmt: skip


def test_features_on_a_map_are_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    feature = '{"type": "Feature", "geometry": %s, "properties": {"ticket_id": "00000"}}'
    point = '{"type": "Point", "coordinates": [100.50, 13.75]}'
    path.write_text(
        f'{{"type": "FeatureCollection", "features": [{feature % point}, {feature % "null"}]}}',
        encoding="utf-8",
    )
    assert [cells for _, cells in open_table(path).strict_rows()] == [
        {"coords": "100.5,13.75", "ticket_id": "00000"},
        {"coords": "", "ticket_id": "00000"},
    ]
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(TableError, match=r"a\.geojson"):
        open_table(path)


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("", []),
        ("{}", []),
        (" road ", ["road"]),
        ("{ถนน,\nทางเท้า}", ["ถนน", "ทางเท้า"]),
        ('{flood,"two, words", flood}', ["flood", "two, words"]),
        ('["a", "b, c"]', ["a", "b, c"]),
        ("[a]", ["[a]"]),
    ],
)
def test_a_cell_may_have_several_labels(cell: str, labels: list[str]) -> None:
    assert listed(cell) == labels


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
    path.write_bytes("ไทย\n".encode() * 10_000 + b"\xe0\xb8\n")
    with pytest.raises(CheckpointError, match=r"a\.txt' is not UTF-8 \(line 10001\)"):
        read_text(path, CheckpointError)
    path.write_bytes("一\n二\n".encode("utf-16") + b"\0")  # cut off in the middle of a character
    with pytest.raises(ZooError, match=r"a\.txt' is not UTF-16 \(line 3\)"):
        read_text(path)
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


@pytest.mark.parametrize(
    ("texts_", "encoding"),
    [
        (["这个", "银行四点关门", "请早点来", "好", "我们去了北京"], "gb18030"),
        (["ถนน", "น้ำท่วมหน้าตลาด", "ตลาด", "พรุ่งนี้เช้าเราจะไปตลาด"], "cp874"),
    ],
)
def test_files_that_belong_together_have_one_encoding(
    texts_: list[str], encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(len(texts_))]
    for path, text in zip(paths, texts_, strict=True):
        path.write_bytes(text.encode(encoding))
    (tmp_path / "utf-8.txt").write_text("ก好", encoding="utf-8")
    told = texts.encodings([*paths, tmp_path / "utf-8.txt", tmp_path / "none.txt"])
    assert [read_text(path, told=told[path]) for path in paths] == texts_
    assert read_text(tmp_path / "utf-8.txt", told=told[tmp_path / "utf-8.txt"]) == "ก好"
    assert len(capsys.readouterr().err.splitlines()) == 1
