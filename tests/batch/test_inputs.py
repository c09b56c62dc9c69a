"""Every kind of input gives typed answers; what is bad in it is a row with an error."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.pyfunc import load_model

from batching.source import BATCH_BYTES
from tests.batch.conftest import OUTPUT, Score
from tests.hanlp_ner.helpers import CHINA
from tests.test_models.calls import call
from tests.zoo.helpers import assert_same, without_nulls
from zoo.building.packaging import ROOT

RECORDINGS = ROOT / "mlflow_models" / "whisper_asr" / "samples"
PHOTOS = ROOT / "mlflow_models" / "clip_caption" / "samples"


def test_a_csv_is_answered_row_by_row_and_a_bad_row_stops_nothing(
    score: Score, ner_model: Path, tmp_path: Path
) -> None:
    table = tmp_path / "news.csv"
    table.write_text(
        'id,body\n1,我爱中国\n2,"他说""你好"",\n然后去了北京"\n3,多,一列\n4,\n', encoding="utf-8"
    )
    rows = score(ner_model, table, "--column", "body")
    assert [(row["id"], row["body"]) for row in rows[:2]] == [
        ("1", "我爱中国"),
        ("2", '他说"你好",\n然后去了北京'),
    ]
    (entity,) = rows[0]["entities"]
    assert without_nulls(entity) == CHINA
    assert rows[1]["entities"][0]["text"] == "北京"
    assert [row["error"] for row in rows] == [
        None,
        None,
        "The row is malformed.",
        "Column 'text': is null; send a text.",
    ]
    assert [row["entities"] for row in rows[2:]] == [None, None]
    kinds = pq.read_schema(next((tmp_path / OUTPUT).glob("part-*.parquet")))
    assert pa.types.is_list(kinds.field("entities").type)
    assert pa.types.is_int64(kinds.field("entities").type.value_type.field("start").type)


def test_a_table_as_a_spreadsheet_exports_it(score: Score, ner_model: Path, tmp_path: Path) -> None:
    table = tmp_path / "news [1].csv"
    table.write_bytes("user.id;text\r\n007;我爱中国\r\n008;他去了北京\r\n".encode("gb18030"))
    rows = score(ner_model, table)
    assert [(row["user.id"], row["text"], row["error"]) for row in rows] == [
        ("007", "我爱中国", None),
        ("008", "他去了北京", None),
    ]
    assert rows[0]["entities"][0]["text"] == "中国"


def test_lines_of_json_keep_their_columns_and_params_reach_the_model(
    score: Score, ner_model: Path, tmp_path: Path
) -> None:
    table = tmp_path / "news.jsonl"
    lines = [
        {"text": "我玩吉他", "error": 7, "tags": ["a"]},
        {"text": "好", "error": 8, "tags": []},
    ]
    text = "\n".join([*(json.dumps(line) for line in lines), '{"text": "不完'])
    table.write_text(text, encoding="utf-8")
    words = json.dumps({"dictionary": json.dumps({"吉他": "INSTRUMENT"})})
    rows = score(ner_model, table, "--params", words, "--prefix", "ner_")
    assert [(row["error"], row["tags"]) for row in rows[:2]] == [(7, ["a"]), (8, [])]
    assert [one["type"] for one in rows[0]["ner_entities"]] == ["INSTRUMENT"]
    assert [row["ner_error"] for row in rows] == [None, None, "The row is malformed."]


def test_a_folder_of_recordings(score: Score, whisper_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "recordings [1]"
    folder.mkdir()
    for name in ("bank", "doctor"):
        shutil.copy(RECORDINGS / f"{name}.flac", folder)
    (folder / "empty.wav").touch()
    (folder / "no [sound] {here}.wav").write_bytes(b"RIFF, or so it says")
    (folder / "call.flac").write_bytes(call("office", "bank"))
    apart = json.dumps({"channels": "separate"})
    rows = {Path(row["path"]).name: row for row in score(whisper_model, folder, "--params", apart)}
    assert len(rows) == 5
    contents = [(folder / f"{name}.flac").read_bytes() for name in ("bank", "doctor")]
    expected = load_model(str(whisper_model)).predict(pd.DataFrame({"audio": contents}))
    for name, record in zip(("bank", "doctor"), expected, strict=True):
        row = rows[f"{name}.flac"]
        assert row["error"] is None
        heard, wanted = (
            {
                **{field: said[field] for field in ("text", "language", "duration")},
                "segments": [{"start": one["start"]} for one in said["segments"]],
            }
            for said in (row, record)
        )
        assert_same(heard, wanted)
        assert row["segments"][0]["words"] is None  # nobody asked for them
    assert rows["empty.wav"]["error"] == "The file is empty."
    assert rows["no [sound] {here}.wav"]["error"].startswith("Column 'audio': ")
    assert [row["segments"] for row in rows.values()].count(None) == 2
    assert [one["channel"] for one in rows["call.flac"]["segments"]] == [1, 2]
    kinds = pq.read_schema(next((tmp_path / OUTPUT).glob("part-*.parquet")))
    speaker = kinds.field("speakers").type.value_type  # nobody asked; the column is there
    assert pa.types.is_string(speaker.field("name").type)
    assert pa.types.is_float64(speaker.field("seconds").type)


def test_a_manifest_of_photos_one_of_which_is_missing(
    score: Score, clip_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    shutil.copy(PHOTOS / "flood.jpg", tmp_path / "photos" / "flood {1}.jpg")
    manifest = pd.DataFrame(
        {"path": ["photos/flood {1}.jpg", "photos/gone.jpg", str(PHOTOS / "map.png"), None],
         "number": [1, 2, 3, 4], "user.id": ["007", "008", "009", "010"]}
    )  # fmt: skip
    manifest.to_parquet(tmp_path / "manifest [1].parquet")
    rows = score(clip_model, tmp_path / "manifest [1].parquet", "--params", '{"embedding": "clip"}')
    by_number = {row["number"]: row for row in rows}
    assert {number: row["error"] for number, row in by_number.items()} == {
        1: None,
        2: "The file doesn't exist.",
        3: None,
        4: "The file doesn't exist.",
    }
    content = (PHOTOS / "flood.jpg").read_bytes()
    (expected,) = load_model(str(clip_model)).predict(
        pd.DataFrame({"image": [content]}), params={"embedding": "clip"}
    )
    assert_same(without_nulls({name: by_number[1][name] for name in expected}), expected, 2e-3)
    assert by_number[2]["captions"] is None


def test_whole_files_of_text(score: Score, ner_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "texts" / "deep"
    folder.mkdir(parents=True)
    (folder / "good.txt").write_text("我爱中国", encoding="utf-8-sig")
    (folder / "other.txt").write_bytes("我爱中国".encode("gb18030"))
    rows = {Path(row["path"]).name: row for row in score(ner_model, tmp_path / "texts")}
    assert rows["good.txt"]["entities"][0]["start"] == 2
    assert rows["other.txt"]["error"] == "Column 'text': the file isn't text in UTF-8."


def test_a_request_to_the_model_has_so_many_bytes_and_any_number_of_rows(spark: Any) -> None:
    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield pa.RecordBatch.from_pydict({"rows": [batch.num_rows]})

    texts = (
        spark.range(20_005)
        .repartition(1)
        .selectExpr(f"repeat('x', if(id < 20000, 1, {BATCH_BYTES * 3 // 4})) AS text")
    )
    sizes = [row["rows"] for row in texts.mapInArrow(count, "rows LONG").collect()]
    assert sum(sizes) == 20_005
    assert len(sizes) >= 3
    assert max(sizes) >= 20_000
