"""Wheels for a machine with a GPU and no network: gathered here, cut into parts, joined there.

A bundle is a folder of parts and `manifest.json`. A group of wheels is one tar file, cut into
parts. The parts may come to the other machine one after another: `join` keeps what has come.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu.bench import ROOT

MANIFEST = "manifest.json"
PYTHON = "3.12"  # of the other machine
PART_BYTES = 50_000_000
PIN = re.compile(r"^([\w.-]+)==([^\s;\\]+)", re.MULTILINE)
# What a machine for computing with torch, transformers, onnx and onnxruntime is likely to lack.
GROUPS: dict[str, tuple[str, ...]] = {
    "engines": (
        "annotated-types", "pydantic", "pydantic-core", "pydantic-settings", "python-dotenv",
        "typing-inspection", "httpcore2", "truststore", "tokenizers", "pillow-heif", "av",
        "ftfy", "wcwidth", "open-clip-torch",
        "hanlp", "hanlp-common", "hanlp-downloader", "hanlp-trie", "phrasetree", "toposort",
        "termcolor", "dill",
        "openai-whisper", "more-itertools",
        "flashlight-text", "noisereduce", "faster-whisper", "opencc", "cn2an", "proces",
    ),
    "onnxruntime": ("onnxruntime-gpu",),
    "curand": ("nvidia-curand",),
    "ctranslate2": ("ctranslate2",),
    "cublas": ("nvidia-cublas-cu12",),
}  # fmt: skip
FIRST = ("onnxruntime",)  # takes the place of the CPU's build, which has the same module


class BundleError(Exception):
    """A bundle that can't be made or joined; the message is a sentence that says why."""


def gather(out: Path, groups: Sequence[str], python: str, part_bytes: int) -> None:
    """Fetch the wheels of groups in the project's pinned versions, and write the bundle.

    Args:
        out: The bundle's folder; what another run left there is replaced.
        groups: Which of `GROUPS`.
        python: The other machine's Python, such as `3.12`.
        part_bytes: The most bytes of a part.

    Raises:
        BundleError: A package has no pin, or no wheel that fits.
    """
    pinned = pins()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    found = {}
    for group in groups:
        with tempfile.TemporaryDirectory() as work:
            for name in GROUPS[group]:
                if name not in pinned:
                    raise BundleError(f"Package '{name}' not found among the project's pins.")
                _fetch(name, pinned[name], Path(work), python)
            found[group] = pack(group, sorted(Path(work).iterdir()), out, part_bytes)
        size = sum(part["bytes"] for part in found[group])
        print(f"{group}: {len(found[group])} parts, {size / 1e6:.0f} MB.")
    write_manifest(out, python, found)


def pins() -> dict[str, str]:
    """Read the versions that the project pins, by package."""
    files = [ROOT / "requirements.txt"]
    files += sorted((ROOT / "mlflow_models").glob("*/requirements-gpu.txt"))
    return dict(pair for path in files for pair in PIN.findall(path.read_text(encoding="utf-8")))


def pack(group: str, files: Sequence[Path], out: Path, part_bytes: int) -> list[dict[str, Any]]:
    """Write files as one tar, cut into parts.

    Returns:
        For each part its name, its bytes and its SHA-256.
    """
    parts: list[dict[str, Any]] = []
    with tempfile.TemporaryFile() as whole:
        with tarfile.open(fileobj=whole, mode="w") as tar:
            for path in files:
                tar.add(path, path.name)
        whole.seek(0)
        while piece := whole.read(part_bytes):
            name = f"{group}.{len(parts):03}"
            (out / name).write_bytes(piece)
            digest = hashlib.sha256(piece).hexdigest()
            parts.append({"name": name, "bytes": len(piece), "sha256": digest})
    return parts


def write_manifest(out: Path, python: str, groups: dict[str, list[dict[str, Any]]]) -> None:
    """Write what a bundle has: the parts of each group, and the Python that they are for."""
    text = json.dumps({"python": python, "groups": groups}, indent=1)
    (out / MANIFEST).write_text(text + "\n", encoding="utf-8")


def join(bundle: Path, work: Path) -> dict[str, str]:
    """Join the groups whose parts are all here, and install them below `work`.

    Parts of other groups are kept in `work`, until the rest comes.

    Args:
        bundle: Has the manifest, and some of the parts or all.
        work: Keeps parts that came earlier, and gets `site/GROUP`.

    Returns:
        For each group `""` where it is installed, else why not.

    Raises:
        BundleError: The manifest is missing or can't be read, or a part is damaged.
    """
    path = bundle / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        groups, python = dict(manifest["groups"]), str(manifest["python"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"'{path}' can't be read ({type(error).__name__}).") from error
    here = "{}.{}".format(*sys.version_info)
    if python != here:
        return dict.fromkeys(groups, f"the bundle is for Python {python}, and this is {here}")
    kept = work / "parts"
    kept.mkdir(parents=True, exist_ok=True)
    found = {}
    for group, parts in groups.items():
        mark = {"parts": [part["sha256"] for part in parts]}
        site = work / "site" / group
        if _mark(site) == mark:
            found[group] = ""
            continue
        places = [_place(part, bundle, kept) for part in parts]
        missing = [part["name"] for part, place in zip(parts, places, strict=True) if not place]
        if missing:
            found[group] = f"parts missing: {', '.join(missing)}"
            continue
        _install([place for place in places if place], site)
        (site / MANIFEST).write_text(json.dumps(mark), encoding="utf-8")
        found[group] = ""
    return found


def _place(part: dict[str, Any], bundle: Path, kept: Path) -> Path | None:
    """Find a part, check it, and keep it; None: it has not come yet.

    Raises:
        BundleError: The part is damaged.
    """
    new, old = bundle / part["name"], kept / part["name"]
    if not new.is_file() and not old.is_file():
        return None
    place = new if new.is_file() else old
    with place.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != part["sha256"]:
        raise BundleError(f"Part '{place}' is damaged: its SHA-256 isn't the manifest's.")
    if place == new:
        shutil.copy(new, old)
    return old


def _install(parts: Sequence[Path], site: Path) -> None:
    """Install the wheels of a whole group into a folder of its own."""
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=parts[0].parent) as work_:
        work = Path(work_)
        with (work / "whole.tar").open("wb") as whole:
            for part in parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, whole)
        with tarfile.open(work / "whole.tar") as tar:
            tar.extractall(work / "wheels", filter="data")
        wheels = sorted(str(path) for path in (work / "wheels").iterdir())
        options = ["--no-index", "--no-deps", "--no-compile", "--target", str(site)]
        _pip("install", *options, *wheels)
    for part in parts:
        part.unlink()


def _mark(site: Path) -> dict[str, Any] | None:
    """Read which parts a folder was installed from; None: it wasn't, or not to the end."""
    path = site / MANIFEST
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def _fetch(name: str, version: str, into: Path, python: str) -> None:
    """Download a wheel; build it where the index has only the source of a package of pure Python.

    Raises:
        BundleError: No wheel fits the other machine.
    """
    asked = f"{name}=={version}"
    options = ["--no-deps", "--quiet"]
    binary = ["--only-binary", ":all:", "--python-version", python]
    try:
        _pip("download", *options, *binary, "--dest", str(into), asked)
        return
    except BundleError:
        before = set(into.iterdir())
        _pip("wheel", *options, "--wheel-dir", str(into), asked)
    (wheel,) = set(into.iterdir()) - before
    if not wheel.name.endswith("-none-any.whl"):
        raise BundleError(f"Package '{asked}' has no wheel for Python {python}.")


def _pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise BundleError(f"pip {arguments[0]} {arguments[-1]}: {last}")
