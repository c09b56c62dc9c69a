"""What is scored without Spark is what Spark gives: the same rows, columns, types and errors."""

import datetime
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.batch.conftest import OUTPUT, PROCESSES, SPARK, ScoreBy
from tests.zoo.helpers import assert_same

CSV = [
    '\ufeffid,,"text",note',
    '1,7,我爱中国,"a ""b"""',
    "",
    '2,8,,""',
    "   ",
    "3,9",
    "4,10,他去了北京,x,more",
    '5,11,"北京\n上海",  y',
]
JSON = [
    '{"text": "我爱中国", "z": 1, "b": "x", "s": {"y": 1, "x": [1, 2.5]}, "m": 1, "n": null}',
    '{"text": "北京", "t": "2024-01-01T00:00:00Z", "k": [1, "a"], "g": 12345678901234567890}',
    "",
    '{"m": "s", "z": 2.5, "s": {"q": null}, "bool": true, "mixed": {"r": 1.5, "u": "我"}}',
    '[{"text": "上海", "z": 7}, {"text": null, "z": 8}]',
    "5",
    '{"bad',
    '{"text": "好", "m": false, "mixed": [1, null], "big": 9007199254740993, "none": {}, "e": []}',
]


@pytest.fixture(params=["csv", "json", "parquet", "texts"])
def news(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An input of a kind, with all that its readers may take otherwise."""
    path = tmp_path / f"news.{request.param}"
    if request.param in ("csv", "json"):
        path.write_text("\n".join(CSV if request.param == "csv" else JSON), encoding="utf-8")
        return path
    if request.param == "parquet":
        table = pd.DataFrame(
            {
                "text": pd.Categorical(["我爱中国", "北京", None] * 2),
                "time": [datetime.datetime(2024, 1, 2, 3, 4, 5)] * 6,
                "nested": [[{"a": 1}], [], None] * 2,
                "content": [b"1", None, b""] * 2,
                "year": [2023] * 3 + [2024] * 3,
            }
        )
        table.to_parquet(path, partition_cols=["year"])
        return path
    path.mkdir()
    (path / "deep").mkdir()
    (path / "a b.txt").write_text("我爱中国", encoding="utf-8")
    (path / "deep" / "empty.txt").touch()
    (path / "_hidden").write_text("北京", encoding="utf-8")
    (path / "latin.txt").write_bytes(b"\xff")
    return path


def columns(table: pa.Table) -> dict[str, str]:
    """The columns' types; Spark has times in ns, and names the elements of lists otherwise."""
    found = {field.name: str(field.type) for field in table.schema}
    return {name: kind.replace("[us]", "[ns]") for name, kind in found.items()}


def kept(row: dict[str, Any]) -> str:
    """What a row has from the input."""
    return str([value for name, value in row.items() if not name.startswith("ner_")])


@pytest.mark.spark
def test_both_ways_give_the_same(
    score_by: ScoreBy, ner_model: Path, news: Path, tmp_path: Path
) -> None:
    found: dict[str, list[dict[str, Any]]] = {}
    kinds: dict[str, dict[str, str]] = {}
    for way in (PROCESSES, SPARK):
        rows = score_by(way, ner_model, news, "--prefix", "ner_")
        # Spark begins with the largest of several files.
        found[way] = sorted(rows, key=kept) if news.is_dir() else rows
        kinds[way] = columns(pq.read_table(tmp_path / OUTPUT))
        shutil.rmtree(tmp_path / OUTPUT)
    assert kinds[PROCESSES] == kinds[SPARK]
    assert len(found[PROCESSES]) == len(found[SPARK])
    for one, other in zip(found[PROCESSES], found[SPARK], strict=True):
        assert_same(one, other)
