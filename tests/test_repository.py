"""Promises that the repository as a whole keeps."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from zoo.building.packaging import ROOT

MODELS = ROOT / "mlflow_models"
CAPABILITIES = sorted(path.parent.name for path in MODELS.glob("*/build.py"))
LOCKS = sorted(MODELS.glob("*/requirements*.txt"))
GPU_ONLY = ("nvidia-", "onnxruntime-gpu")  # nothing here or in CI would load them
# Every capability declares its own in `options.py`, or has its own engine.
ONE_CONCEPT = {"Options", "Engine", "Record", "Segment", "Word", "Language", "Caption", "Neighbour",
               "Speaker", "SpokenTurn", "HeardChannel"}  # fmt: skip
CLIENTS = ("test_models", "transcripts")
CLIENTS_VIEW = ("answers.py", "about.py")  # there: the same records, as clients have them
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    return dict(PIN.findall(path.read_text()))


def imports(path: Path) -> set[str]:
    """The top-level packages that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_package_has_one_version_everywhere(lock: Path) -> None:
    root, own = pins(ROOT / "requirements.txt"), pins(lock)
    assert own
    assert own == {name: own[name] if name.startswith(GPU_ONLY) else root.get(name) for name in own}


def test_lock_files_carry_no_address() -> None:
    for path in [ROOT / "requirements.txt", *LOCKS]:
        assert "://" not in path.read_text(), path


def test_the_zoo_imports_no_capability_and_capabilities_not_each_other() -> None:
    for folder in ["zoo", *CAPABILITIES]:
        others = set(CAPABILITIES) - {folder}
        for path in (MODELS / folder).rglob("*.py"):
            assert not imports(path) & others, path


@pytest.mark.parametrize("folder", ["kong", *CLIENTS])
def test_what_speaks_http_with_the_models_imports_nothing_of_them(folder: str) -> None:
    modules = sorted((ROOT / folder).rglob("*.py"))
    assert modules
    for path in modules:
        assert not imports(path) & {"mlflow", "zoo", *CAPABILITIES}, path


@pytest.mark.parametrize("model", CAPABILITIES)
def test_a_capability_is_complete(model: str) -> None:
    for name in ("__init__.py", "build.py", "model.py", "options.py", "engine.py",
                 "requirements.in", "README.md", "sample.json", "demo"):  # fmt: skip
        assert (MODELS / model / name).exists(), name
    size = sum(path.stat().st_size for path in (MODELS / model / "demo").rglob("*"))
    assert size <= 20e6


def test_unrelated_classes_have_different_names() -> None:
    """A class and its base may share a name; two things may not."""
    places: dict[str, list[str]] = {}
    for folder in (MODELS, *(ROOT / name for name in ("kong", "deploy", *CLIENTS))):
        for path in folder.rglob("*.py"):
            if "models" in path.relative_to(folder).parts:  # that builders have written
                continue
            if path.parent.name in CLIENTS and path.name in CLIENTS_VIEW:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    bases = {re.split(r"\W", ast.unparse(base).partition("[")[0])[-1]
                             for base in node.bases}  # fmt: skip
                    if node.name not in bases:
                        places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert not {name: shared[name] for name in shared.keys() - ONE_CONCEPT}


def test_the_map_of_the_code_names_what_is_there() -> None:
    text = (ROOT / "docs" / "code.md").read_text(encoding="utf-8")
    for path in re.findall(r"`([a-z][\w./]*/[\w./]*\.(?:py|yaml|md)|[a-z][a-z_/]+/)`", text):
        places = (ROOT, MODELS, MODELS / "zoo", *MODELS.glob("*/"))
        there = any((place / path).exists() for place in places)
        assert there or path in (ROOT / ".gitignore").read_text(), path
    for path, names in re.findall(r"`(mlflow_models/[\w/]+\.py)`: ((?:`\w+`(?:, )?)+)", text):
        for name in re.findall(r"`(\w+)`", names):
            assert re.search(rf"^(?:def |class )?{name}\b", (ROOT / path).read_text(), re.M), name


def test_make_check_leaves_out_whatever_is_marked() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    marks = settings["tool"]["pytest"]["ini_options"]["markers"]
    (alone,) = re.findall("^ALONE = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert [*alone.split(" or "), "training", "thorough"] == [
        mark.partition(":")[0] for mark in marks
    ]
