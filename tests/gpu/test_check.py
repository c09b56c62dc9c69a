"""The GPU's check: all of it with the CPU in place of the GPU, and what becomes of what fails."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import bundle, page
from benchmarks.gpu.check import CHECKS, ROOT
from zoo.serving import devices

pytestmark = pytest.mark.gpu
HERE = "{}.{}".format(*sys.version_info)
# Checks that are forked from a process without torch begin at once.
QUICK = """
import sys
from pathlib import Path
from benchmarks.gpu import check
check.PRELOADED = ()
if sys.argv[2:]:
    names = sys.argv[2:]
    check.CHECKS = tuple(check.Check(name, "", f"tests.gpu.ends:{name}", 3) for name in names)
check.run(Path(sys.argv[1]) / "gpu.json", Path(sys.argv[1]) / "work", stand_in=bool(sys.argv[2:]))
"""


def run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return found


@pytest.mark.thorough
def test_every_check_runs_with_the_cpu_in_place_of_the_gpu(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    check = ["-m", "benchmarks.gpu", "check", "--stand-in", "--out", str(out)]
    run(*check, "--work", str(tmp_path / "work"))
    found = results(out)
    assert {name: (one["status"], one["why"]) for name, one in found["checks"].items()} == {
        check.name: ("done", "") for check in CHECKS
    }
    rows = [row for one in found["checks"].values() for row in one["rows"]]
    assert not [row for row in rows if row.get("kept") is False]
    # openai-whisper's float16 needs a GPU, so its aim has no figure here.
    assert len(page.chart(found)[0].groups) == len(page.AIMS) - 1
    assert page.render(found).count("| not run |") == 1

    run(*check, "--work", str(tmp_path / "work"), "--seconds", "1")  # has time for nothing
    assert results(out)["checks"] == found["checks"]


@pytest.mark.skipif(devices.is_there(), reason="a GPU is here")
def test_without_a_gpu_every_check_says_why(tmp_path: Path) -> None:
    run("-c", QUICK, str(tmp_path))
    found = results(tmp_path / "gpu.json")
    assert list(found["checks"]) == [check.name for check in CHECKS]
    assert {one["status"] for one in found["checks"].values()} == {"skipped"}
    assert all("GPU" in one["why"] for one in found["checks"].values())
    assert page.chart(found) == []


def test_a_check_that_ends_badly_ends_no_other(tmp_path: Path) -> None:
    run("-c", QUICK, str(tmp_path), "dies", "fails", "hangs", "lacks", "imports", "answers")
    checks = results(tmp_path / "gpu.json")["checks"]
    assert {name: one["status"] for name, one in checks.items()} == {
        "dies": "failed",
        "fails": "failed",
        "hangs": "stopped",
        "lacks": "skipped",
        "imports": "skipped",
        "answers": "done",
    }
    assert "on fire" in checks["fails"]["why"]
    assert "no_such_package" in checks["imports"]["why"]
    for name in ("dies", "hangs"):  # what it had found is kept
        assert [row["what"] for row in checks[name]["rows"]] == ["it began"]
    (row,) = checks["answers"]["rows"]
    assert row["items"] == 4
    assert len(row["seconds"]) == 3


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A wheel of one module."""
    path = tmp_path / "tiny-1.0-py3-none-any.whl"
    about = "tiny-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny.py", "SIZE = 1\n")
        file.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        file.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{about}/RECORD", "")
    return path


def test_parts_may_come_one_after_another(tmp_path: Path, wheel: Path) -> None:
    whole, first, work = tmp_path / "whole", tmp_path / "first", tmp_path / "work"
    for folder in (whole, first):
        folder.mkdir()
    parts = bundle.pack("engines", [wheel], whole, 4000)
    bundle.write_manifest(whole, HERE, {"engines": parts})
    names = [part["name"] for part in parts]
    assert len(names) > 1
    assert all((whole / name).stat().st_size <= 4000 for name in names)
    for name in (bundle.MANIFEST, names[0]):
        (first / name).write_bytes((whole / name).read_bytes())
    (whole / names[0]).unlink()

    why = bundle.join(first, work)["engines"]
    assert names[1] in why
    assert names[0] not in why
    assert bundle.join(whole, work) == {"engines": ""}
    assert (work / "site" / "engines" / "tiny.py").read_text() == "SIZE = 1\n"
    assert bundle.join(first, work) == {"engines": ""}  # it is installed already


def test_damaged_parts_and_other_pythons_are_refused(tmp_path: Path, wheel: Path) -> None:
    parts = bundle.pack("engines", [wheel], tmp_path, 4000)
    bundle.write_manifest(tmp_path, "2.7", {"engines": parts})
    assert "2.7" in bundle.join(tmp_path, tmp_path / "work")["engines"]
    bundle.write_manifest(tmp_path, HERE, {"engines": parts})
    (tmp_path / parts[0]["name"]).write_bytes(b"something else")
    with pytest.raises(bundle.BundleError, match=r"engines\.000"):
        bundle.join(tmp_path, tmp_path / "work")
    with pytest.raises(bundle.BundleError, match="nowhere"):
        bundle.join(tmp_path / "nowhere", tmp_path / "work")


def test_what_the_bundle_takes_is_pinned() -> None:
    names = {name for group in bundle.GROUPS.values() for name in group}
    assert names <= set(bundle.pins())
