"""A standalone cluster of two workers: nothing is lost with an executor."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from mlflow.pyfunc import load_model

from batch import main
from batching.session import LOCAL_JAVA
from tests.batch.spark import cluster, parts, wait_for
from tests.zoo.helpers import assert_same, without_nulls

TEXTS = [
    "我爱中国",
    "他在北京大学工作。",
    "",
    "米哈游成立于2011年,致力于为用户提供美好的产品与内容。",
]
ROWS, PART = 400, 10


@pytest.mark.thorough
@pytest.mark.usefixtures("java")
def test_an_executor_that_is_killed_takes_nothing_along(ner_model: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"id": range(ROWS), "text": [TEXTS[n % 4] + str(n) for n in range(ROWS)]})
    table.loc[7, "text"] = None
    table.to_parquet(tmp_path / "news.parquet")
    output = tmp_path / "out"
    command = ["--model", str(ner_model), "--input", str(tmp_path / "news.parquet"),
               "--output", str(output), "--part-size", str(PART)]  # fmt: skip
    with cluster(tmp_path) as machines, ThreadPoolExecutor(1) as pool:
        settings = {
            "spark.cores.max": "2",
            "spark.scheduler.minRegisteredResourcesRatio": "1",
            "spark.driver.extraJavaOptions": LOCAL_JAVA,
            "spark.executor.extraJavaOptions": LOCAL_JAVA,
        }
        both = [word for pair in settings.items() for word in ("--conf", "=".join(pair))]
        running = pool.submit(main, [*command, *both, "--master", machines.url])
        partial = Path(f"{output}.partial")
        wait_for(lambda: running.done() or len(parts(partial)) >= 4)
        assert not output.exists()
        os.kill(machines.executors()[0], signal.SIGKILL)
        assert len(parts(partial)) < ROWS // PART
        running.result()
        assert machines.launched() >= 3, "the executor that was killed wasn't replaced"
    assert not partial.exists()
    assert len(parts(output)) == ROWS // PART
    found = pq.read_table(output).sort_by("id").to_pylist()
    expected = load_model(str(ner_model)).predict(table[["text"]], params={"on_error": "report"})
    for row, text, record in zip(found, table["text"], expected, strict=True):
        assert_same(without_nulls(row["entities"]), record["entities"], where=text)
        assert (row["error"] is None) == (record["error"] is None)
    assert [row["id"] for row in found] == list(range(ROWS))
    assert found[7]["error"] == "Column 'text': is null; send a text."
