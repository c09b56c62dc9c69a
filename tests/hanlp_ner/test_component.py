"""Loading checkpoints: what is incomplete, broken or unsafe is refused by name."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hanlp_ner.component import load
from tests.hanlp_ner.checkpoints import random_component
from zoo.errors import CheckpointError
from zoo.packaging import ROOT


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_component(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "copy"))


@pytest.mark.parametrize("name", ["config.json", "model.pt", "vocabs.json"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load(copy)


def test_a_missing_transformer_is_explained(copy: Path) -> None:
    shutil.rmtree(copy / "transformer")
    config = json.loads((copy / "config.json").read_text())
    config["transformer"] = "somebody/electra-that-no-hub-has"
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"put the transformer's config\.json"):
        load(copy)


def test_weights_that_would_run_code_are_refused(copy: Path, tmp_path: Path) -> None:
    class Exploit:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "exploited"),)

    (copy / "model.pt").write_bytes(pickle.dumps(Exploit()))
    with pytest.raises(CheckpointError, match=r"model\.pt.*state_dict"):
        load(copy)
    assert not (tmp_path / "exploited").exists()


def test_truncated_weights_are_refused(copy: Path) -> None:
    weights = (copy / "model.pt").read_bytes()
    (copy / "model.pt").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(CheckpointError, match=r"model\.pt.*damaged"):
        load(copy)


def test_incomplete_weights_are_refused(copy: Path) -> None:
    import torch

    weights = torch.load(copy / "model.pt", weights_only=True)
    del weights["classifier.bias"]
    torch.save(weights, copy / "model.pt")
    with pytest.raises(CheckpointError, match=r"classifier\.bias"):
        load(copy)


def test_a_foreign_class_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["secondary_encoder"] = {"classpath": "subprocess.Popen", "args": ["true"]}
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"subprocess\.Popen"):
        load(copy)


def test_another_kind_of_component_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    config["classpath"] = (
        "hanlp.components.sts.transformer_sts.TransformerSemanticTextualSimilarity"
    )
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="SemanticTextualSimilarity"):
        load(copy)


def test_the_builder_refuses_in_one_line(copy: Path, tmp_path: Path) -> None:
    (copy / "model.pt").unlink()
    script = ROOT / "mlflow_models" / "hanlp_ner" / "build.py"
    command = [sys.executable, str(script), "--checkpoint", str(copy)]
    done = subprocess.run(
        [*command, "--output", str(tmp_path / "saved")], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == f"error: '{copy}' is no HanLP checkpoint: it has no 'model.pt'.\n"
    assert not (tmp_path / "saved").exists()
