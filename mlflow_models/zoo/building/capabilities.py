"""Finds the capabilities of this repository: folders with a `build.py` and a `model.py`."""

import importlib
from pathlib import Path

from zoo.building.tracking import ROOT
from zoo.serving.declaration import Declaration


def folders() -> list[Path]:
    """Find the capabilities' folders, by name."""
    scripts = (ROOT / "mlflow_models").glob("*/build.py")
    return sorted(path.parent for path in scripts if path.with_name("model.py").is_file())


def declaration(folder: Path) -> Declaration:
    """Import a capability's declaration."""
    found: Declaration = importlib.import_module(f"{folder.name}.options").DECLARATION
    return found
