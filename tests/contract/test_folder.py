"""A capability's folder: what must be there, and that everything else finds it."""

import functools
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import yaml

from tests.contract.conftest import Capability
from zoo.building import hardware
from zoo.building.cards import written
from zoo.building.packaging import ROOT
from zoo.serving.declaration import parameters, table

# Imports a module where some packages aren't installed.
IMPORT = """
import importlib, json, sys
class Hidden:
    names = set(json.load(sys.stdin))
    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
importlib.import_module(sys.argv[1])
"""
packages = functools.cache(packages_distributions)  # of each module that is installed here
MAX_FILES = 15  # Python files besides `__init__.py` and packages such as training/


def test_the_card_has_the_declarations_table(capability: Capability) -> None:
    card = (capability.folder / "README.md").read_text("utf-8")
    assert written(card, table(capability.declaration.options)) == card, "run `make cards`"


def test_the_demo_says_its_licence_and_its_limits(capability: Capability) -> None:
    from zoo.building.checkpoints import about

    said = about(capability.folder / "demo")
    assert said["license"] != "not stated"
    assert said["limits"].endswith(".")


def test_the_sample_has_columns_that_are_declared(capability: Capability) -> None:
    sample = capability.sample
    known = {column.name for column in capability.declaration.columns}
    assert set(sample["dataframe_split"]["columns"]) <= known
    assert set(sample.get("params") or {}) <= set(capability.declaration.options.model_fields)
    assert len(json.dumps(sample)) < 2_000_000


def test_every_parameter_has_a_sentence_and_a_default(capability: Capability) -> None:
    options = capability.declaration.options()
    for one in parameters(capability.declaration.options):
        assert one["description"].endswith("."), one["name"]
        given = getattr(options, one["name"])
        assert (list(given) if one["list"] else given) == one["default"]


def test_a_folder_is_small(capability: Capability) -> None:
    files = {path.name for path in capability.folder.glob("*.py")} - {"__init__.py"}
    assert len(files) <= MAX_FILES, sorted(files)


def test_the_engine_knows_neither_mlflow_nor_pandas(capability: Capability) -> None:
    for path in capability.folder.glob("*.py"):
        text = path.read_text("utf-8")
        if path.name != "model.py" and '\nif __name__ == "__main__":' not in text:
            assert not re.search(r"^\s*(import|from) (mlflow|pandas)\b", text, re.MULTILINE), path


def test_the_engine_imports_what_the_requirements_have(capability: Capability) -> None:
    """More is installed here than in a model's image."""
    pins = (capability.folder / "requirements.txt").read_text("utf-8")
    pinned = {plain(name) for name in re.findall(r"^([\w.-]+)==", pins, re.M)}
    hidden = [
        module
        for module, names in packages().items()
        if not pinned & {plain(name) for name in names}
        and not (ROOT / "mlflow_models" / module).is_dir()
    ]
    command = [sys.executable, "-c", IMPORT, f"{capability.name}.engine"]
    done = subprocess.run(command, input=json.dumps(hidden), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def plain(name: str) -> str:
    """A package's name as pins write it."""
    return name.lower().replace("_", "-")


def test_it_is_built_for_gpus_as_well(capability: Capability) -> None:
    """ONNX Runtime's two builds overwrite each other's files, so a model has one of them."""
    pinned = {
        file: dict(re.findall(r"^([\w.-]+)==(\S+)", (capability.folder / file).read_text(), re.M))
        for file in ("requirements.txt", hardware.REQUIREMENTS)
    }
    ours, gpu = pinned.values()
    assert hardware.cuda_line(capability.folder / "requirements.txt") == ""
    assert hardware.cuda_line(capability.folder / hardware.REQUIREMENTS) in ("12", "13")
    assert len({"onnxruntime", "onnxruntime-gpu"} & set(gpu)) == 1
    more = {name for name in gpu if name.startswith("nvidia-")} | {"onnxruntime-gpu"}
    assert {name: gpu[name] for name in set(gpu) - more} == {
        name: ours[name]
        for name in set(ours) - (set() if "onnxruntime" in gpu else {"onnxruntime"})
    }


def test_the_pipeline_tests_and_builds_it(capability: Capability) -> None:
    jobs = yaml.safe_load((ROOT / "screwdriver.yaml").read_text("utf-8"))["jobs"]
    for job in (capability.name, f"test_{capability.name}"):
        assert jobs[job]["environment"]["MODEL"] == capability.name
    assert f"-r mlflow_models/{capability.name}/requirements.in" in (
        ROOT / "requirements.in"
    ).read_text("utf-8")
