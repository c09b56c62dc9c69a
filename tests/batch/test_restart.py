"""A run that was killed goes on where it was, and only that run does."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psutil
import pytest
from mlflow.pyfunc import load_model

from batching.output import WITH_SPARK, WITHOUT_SPARK
from tests.batch.conftest import OUTPUT, PROCESSES, SPARK, WAYS, Score, ScoreBy
from tests.batch.spark import parts, wait_for
from tests.zoo.helpers import assert_same, without_nulls
from zoo.building.packaging import ROOT
from zoo.errors import ZooError

ROWS = {PROCESSES: 2000, SPARK: 30}
PART_ROWS = {PROCESSES: 20, SPARK: 1}
KINDS = {PROCESSES: WITHOUT_SPARK, SPARK: WITH_SPARK}


def is_loader(process: psutil.Process) -> bool:
    """Whether a process is the one that loads the model for the others."""
    try:
        return "batching.worker" in process.cmdline()
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return False


def test_after_a_kill_only_what_is_missing_is_scored(
    way: str, score: Score, ner_model: Path, tmp_path: Path
) -> None:
    count, all_parts = ROWS[way], ROWS[way] // PART_ROWS[way]
    table = pd.DataFrame({"text": [f"第{number}天,他在北京大学工作。" for number in range(count)]})
    table.to_parquet(tmp_path / "news.parquet")
    partial = tmp_path / f"{OUTPUT}.partial"
    command = ["--model", str(ner_model), "--input", str(tmp_path / "news.parquet"),
               "--output", str(tmp_path / OUTPUT), "--part-size", str(PART_ROWS[way])]  # fmt: skip
    script = [sys.executable, str(ROOT / "mlflow_models" / "batch.py"), *WAYS[way]]
    run = subprocess.Popen([*script, *command], stderr=subprocess.PIPE, start_new_session=True)
    wait_for(lambda: run.poll() is not None or len(parts(partial)) >= 4)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL, run.stderr and run.stderr.read()
    done = parts(partial)
    assert 4 <= len(done) < all_parts
    assert not (tmp_path / OUTPUT).exists()

    with pytest.raises(ZooError, match="another params"):
        score(ner_model, tmp_path / "news.parquet", "--params", '{"dictionary": "{}"}')
    rows = score(ner_model, tmp_path / "news.parquet")
    finished = parts(tmp_path / OUTPUT)
    assert len(finished) == all_parts
    assert done.items() <= finished.items()  # with the times that they had
    expected = load_model(str(ner_model)).predict(table)
    assert [row["text"] for row in rows] == table["text"].to_list()
    for row, record in zip(rows, expected, strict=True):
        assert_same(without_nulls(row["entities"]), record["entities"], where=row["text"])
    assert not partial.exists()


def test_a_worker_that_is_killed_leaves_what_is_finished(
    score_by: ScoreBy, ner_model: Path, tmp_path: Path
) -> None:
    table = pd.DataFrame({"id": range(2000), "text": "他在北京大学工作。"})
    table.to_parquet(tmp_path / "news.parquet")
    asked = (PROCESSES, ner_model, tmp_path / "news.parquet", "--part-size", "10")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(score_by, *asked)
        wait_for(lambda: running.done() or len(parts(tmp_path / f"{OUTPUT}.partial")) >= 2)
        (loader,) = filter(is_loader, psutil.Process().children())
        loader.kill()
        with pytest.raises(ZooError, match=r"worker process .* the same command continues"):
            running.result()
    done = parts(tmp_path / f"{OUTPUT}.partial")
    rows = score_by(*asked)
    assert done.items() <= parts(tmp_path / OUTPUT).items()
    assert [row["id"] for row in rows] == list(range(2000))


@pytest.mark.spark
def test_a_run_goes_on_as_it_was_begun(score_by: ScoreBy, ner_model: Path, tmp_path: Path) -> None:
    (tmp_path / "news.csv").write_text("text\n我爱中国\n", encoding="utf-8")
    (tmp_path / f"{OUTPUT}.partial").mkdir()
    (tmp_path / f"{OUTPUT}.partial" / "_batch.json").write_text('{"kind of run": "without Spark"}')
    with pytest.raises(ZooError, match="begun without Spark"):
        score_by(SPARK, ner_model, tmp_path / "news.csv")


def test_an_input_that_changed_is_refused(
    way: str, score: Score, ner_model: Path, tmp_path: Path
) -> None:
    table = tmp_path / "news.csv"
    table.write_text("text\n我爱中国\n", encoding="utf-8")
    partial = tmp_path / f"{OUTPUT}.partial"
    partial.mkdir()
    settings = {"kind of run": KINDS[way], "model": "another", "input": []}
    (partial / "_batch.json").write_text(json.dumps(settings))
    with pytest.raises(ZooError, match="another model and another input"):
        score(ner_model, table)
    assert [path.name for path in partial.iterdir()] == ["_batch.json"]
