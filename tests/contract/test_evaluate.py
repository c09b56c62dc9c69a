"""Every evaluate.py takes saved models, and compares two of them as `zoo.promote` needs it."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.conftest import Capability
from zoo.training.comparison import ScoreChange


def prepared(capability: Capability, work: Path) -> list[str]:
    """The samples, as the capability's prepare.py makes a data set of them."""
    prepare = importlib.import_module(f"{capability.name}.prepare")
    prepare.main([str(capability.folder / "samples"), "-o", str(work / "data"), "--jobs", "1"])
    (data,) = {info.parent for info in (work / "data").rglob("dataset_info.json")}
    return [str(data)]


def sentences(_: Capability, work: Path) -> list[str]:
    (work / "a.jsonl").write_text(
        '{"text": "我爱中国", "entities": [[2, 4, "LOCATION"]]}\n', encoding="utf-8"
    )
    return [str(work / "a.jsonl"), "--labels", "LOCATION"]


def photos(capability: Capability, work: Path) -> list[str]:
    rows = [f"{path},a photo" for path in sorted((capability.folder / "samples").glob("f*.jpg"))]
    (work / "a.csv").write_text("\n".join(["image,captions", *rows]), encoding="utf-8")
    return [str(work / "a.csv"), "--no-meteor", "--mode", "greedy"]


def recordings(capability: Capability, work: Path) -> list[str]:
    folder = capability.folder / "samples"
    rows = [f"{folder / name}.flac\t{code}" for name, code in (("english", "en"), ("thai", "th"))]
    (work / "a.tsv").write_text("\n".join(["path\tlanguage", *rows]), encoding="utf-8")
    return [str(work / "a.tsv")]


TEST_SETS: dict[str, Callable[[Capability, Path], list[str]]] = {
    "clip_caption": photos,
    "hanlp_ner": sentences,
    "language_id": recordings,
    "wav2vec2_asr": prepared,
    "whisper_asr": prepared,
}


def test_two_saved_models_are_compared(
    capability: Capability, saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not (capability.folder / "evaluate.py").is_file():
        pytest.skip(f"{capability.name} has no evaluate.py")
    other = tmp_path / "other"
    other.symlink_to(saved)
    data = TEST_SETS[capability.name](capability, tmp_path)
    capsys.readouterr()
    evaluate = importlib.import_module(f"{capability.name}.evaluate")
    command = [str(saved), *data, "--compare", str(other), "--json", "--output",
               str(tmp_path / "out"), "--tracking-uri", ""]  # fmt: skip
    evaluate.main(command)
    found = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    changes = [ScoreChange(**one) for one in found["comparison"]]
    assert any(change.decisive for change in changes)
    for change in changes:
        assert change.first == change.other
        assert change.difference == change.loss == 0
    assert (tmp_path / "out" / "differences.tsv").is_file()
