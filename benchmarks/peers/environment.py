"""The environments of the peers, one each: the zoo's own pins would hold them back, or they it."""

import shutil
import subprocess
import sys
from pathlib import Path

from zoo.building.packaging import ROOT

HERE = Path(__file__).parent
HOMES = ROOT / ".venv-peers"


def pins(name: str) -> Path:
    """The versions of a peer and of all that it needs."""
    return HERE / name / "requirements.txt"


def programs(name: str) -> Path:
    """The folder of a peer's programs, Python among them; makes its environment where it must."""
    home = HOMES / name
    made = home / "requirements.txt"  # of what is installed
    if not made.is_file() or made.read_bytes() != pins(name).read_bytes():
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(home)], check=True
        )
        python = str(home / "bin" / "python")
        command = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--compile-bytecode",  # as ours has it, or their start takes longer
            "--python",
            python,
            "--requirements",
            str(pins(name)),
        ]
        subprocess.run(command, check=True)
        shutil.copy(pins(name), made)  # last: what is half done is begun anew
    return home / "bin"


def version(name: str, package: str) -> str:
    """The version of a package that a peer's pins have."""
    lines = pins(name).read_text(encoding="utf-8").splitlines()
    (line,) = [one for one in lines if one.startswith(f"{package}==")]
    return line.partition("==")[2]
