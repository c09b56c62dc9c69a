"""Copies the code that a saved model carries."""

import re
import shutil
from pathlib import Path

from zoo.building.tracking import ROOT
from zoo.errors import ZooError
from zoo.speech import silero

COMMAND = '\nif __name__ == "__main__":'
ROOMS = ("serving", "speech", "data")  # the rooms of zoo/ that every model carries
SHARED = "transcripts"  # the package that clients have, too


def stage_code(folder: Path, work: Path) -> list[str]:
    """Copy the code that serving needs; return the packages for MLflow's `code_paths`.

    These are `zoo` with its rooms for serving, `transcripts`, and the capability's own modules. Of
    its packages those are copied that these modules import; the rest, as its commands, is for
    building and training.
    """
    zoo = ROOT / "mlflow_models" / "zoo"
    _copy_modules(zoo, work / "zoo", commands=False)
    for name in ROOMS:
        _copy_modules(zoo / name, work / "zoo" / name)
    shutil.copy(zoo / "serving" / "requirements.txt", work / "zoo" / "serving")
    shutil.copy(silero.weights(), work / "zoo" / "speech" / silero.WEIGHTS)
    _copy_modules(ROOT / SHARED, work / SHARED)
    own = work / folder.name
    _copy_modules(folder, own, commands=False)
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    while missing := sorted(packages & _imported(own) - {one.name for one in own.iterdir()}):
        for name in missing:
            _copy_modules(folder / name, own / name)
    return [str(work / name) for name in ("zoo", SHARED, folder.name)]


def _imported(package: Path) -> set[str]:
    """Name what a package's modules import of it: modules, and packages below it."""
    pattern = re.compile(rf"^\s*from {package.name}\.(\w+)[. ]", re.MULTILINE)
    code = "".join(file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    return set(pattern.findall(code))


def _copy_modules(package: Path, target: Path, commands: bool = True) -> None:
    """Copy a package's modules and tables; with or without its commands, which have a `main`."""
    if not (package / "__init__.py").is_file():
        raise ZooError(f"'{package}' has no __init__.py, which a package needs.")
    target.mkdir()
    for file in sorted(package.glob("*.py")):
        if commands or COMMAND not in file.read_text(encoding="utf-8"):
            shutil.copy(file, target)
    for table in sorted(package.glob("*.csv")):
        shutil.copy(table, target)
