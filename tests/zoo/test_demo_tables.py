"""The tables that `make demo` prints."""

from rich.console import Console

from zoo.building.demo import tables


def test_a_field_that_some_rows_lack_has_its_column() -> None:
    record = {
        "entities": [
            {"text": "北京", "normalized": {"kind": "place", "path": ["中国", "北京市"]}, "end": 2},
            {"text": "张三", "end": 4},
            {"text": "2011年", "normalized": {"kind": "year", "value": "2011"}, "end": 9},
        ]
    }
    (table,) = tables(record)
    assert [column.header for column in table.columns] == ["text", "normalized", "end"]
    cells = [list(column.cells) for column in table.columns]
    assert cells[1] == ["place · 中国 · 北京市", "", "year · 2011"]
    assert cells[2] == ["2", "4", "9"]
    Console(quiet=True).print(table)
