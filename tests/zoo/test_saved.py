"""A saved model is asked with the code that it was saved with."""

import shutil
from pathlib import Path

import pytest

from zoo.building import saved
from zoo.errors import ZooError


def test_rows_are_answered_in_their_order(ner_model: Path) -> None:
    rows = ["啊" * number + "我爱中国" for number in range(20)]
    found = list(saved.ask(str(ner_model), "", "text", rows))
    assert [one["entities"][0]["end"] for one in found] == [*range(4, 24)]


def test_a_row_that_is_refused_has_its_error(clip_model: Path) -> None:
    (bad,) = saved.ask(str(clip_model), "", "image", [b"no image"])
    assert bad["error"]


def test_its_own_code_runs(ner_model: Path, tmp_path: Path) -> None:
    model = tmp_path / "older"
    shutil.copytree(ner_model, model)
    (engine,) = model.rglob("hanlp_ner/engine.py")
    engine.write_text("raise RuntimeError('of another version')\n", encoding="utf-8")
    with pytest.raises(ZooError, match=r"fails: .*of another version"):
        list(saved.ask(str(model), "", "text", ["我爱中国"]))
    with pytest.raises(ZooError, match="no file MLmodel"):
        list(saved.ask(str(tmp_path), "", "text", ["x"]))
