"""Loading checkpoints: what is incomplete, broken or unsafe is refused by name."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hanlp_ner.network.component import load
from tests.hanlp_ner.checkpoints import random_component
from zoo.building.packaging import ROOT
from zoo.errors import CheckpointError


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


LAMBDA = "hanlp.components.lambda_wrapper.LambdaComponent"


@pytest.mark.parametrize(
    "part",
    [
        {"secondary_encoder": {"classpath": "subprocess.Popen", "args": ["true"]}},
        {"transform": {"classpath": LAMBDA, "function": "os.abort"}},
        {"transform": [{"classpath": "hanlp.components.pipeline.Pipe"}]},
    ],
    ids=str,
)
def test_a_class_that_could_do_harm_is_refused(copy: Path, part: dict[str, object]) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **part}))
    with pytest.raises(CheckpointError, match="isn't among those of HanLP that are known"):
        load(copy)


def test_a_vocabulary_of_a_harmful_class_is_refused(copy: Path) -> None:
    vocabs = json.loads((copy / "vocabs.json").read_text())
    vocabs["tag"]["type"] = "os.abort"
    (copy / "vocabs.json").write_text(json.dumps(vocabs))
    with pytest.raises(CheckpointError, match=r"vocabs\.json' asks for the class 'os\.abort'"):
        load(copy)


@pytest.mark.parametrize("name", ["config.json", "vocabs.json"])
@pytest.mark.parametrize("content", ["[]", "{}", "{", "[" * 100_000, '{"tag": 5}'])
def test_broken_json_is_refused_by_name(copy: Path, name: str, content: str) -> None:
    (copy / name).write_text(content)
    with pytest.raises(CheckpointError, match="copy"):
        load(copy)


def test_a_config_without_a_transformer_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    del config["transformer"]
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="doesn't describe a component of HanLP"):
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
    assert done.stderr.startswith(f"error: '{copy}' ")
    assert "'model.pt'" in done.stderr
    assert not (tmp_path / "saved").exists()
