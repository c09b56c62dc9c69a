"""What a builder is given on its command line: missing or broken, it is refused before the work."""

import importlib
import re
from pathlib import Path

import pytest

from zoo.building import packaging

BROKEN = {
    "dictionary": ("hanlp_ner", "--dictionary", '{"a": "X",}', "is not valid JSON: see line 1"),
    "no dictionary": ("hanlp_ner", "--dictionary", None, "can't be read: No such file"),
    "index": ("clip_caption", "--index", "", "complete index"),
    "no index": ("clip_caption", "--index", None, "complete index"),
    "model": ("wav2vec2_asr", "--language-model", "no model", "KenLM can't read"),
    "no model": ("wav2vec2_asr", "--language-model", None, "not found"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_missing_or_broken_is_refused_before_the_conversion(
    case: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name, option, content, reason = BROKEN[case]
    given = tmp_path / "given"
    if content is not None:
        given.write_text(content, encoding="utf-8")
    options = ["--tracking-uri", f"sqlite:///{tmp_path}/mlflow.db", "--output", f"{tmp_path}/model"]
    monkeypatch.setattr("sys.argv", ["build.py", option, str(given), *options])
    with pytest.raises(SystemExit) as end:
        packaging.run(importlib.import_module(f"{name}.build").main)
    assert re.fullmatch(rf"error: .*'{given}'.*\.", str(end.value)) or "KenLM" in str(end.value)
    assert reason in str(end.value)
    assert "Converting" not in capsys.readouterr().out
    assert not (tmp_path / "mlflow.db").exists()
    assert not (tmp_path / "model").exists()


def test_a_missing_json_of_a_language_model_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = tmp_path / "language_model.json"
    monkeypatch.setattr("sys.argv", ["build.py", "--language-model", str(given)])
    with pytest.raises(SystemExit, match=f"'{given}' not found"):
        packaging.run(importlib.import_module("wav2vec2_asr.build").main)
