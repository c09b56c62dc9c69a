"""Resolving what a person names to a directory."""

import hashlib
from pathlib import Path

import pytest

from zoo.building.checkpoints import fingerprint, resolve
from zoo.errors import CheckpointError


def refuse(name: str) -> Path:
    raise CheckpointError(f"'{name}' can't be downloaded here")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / "weights").write_bytes(b"weights")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "config").write_bytes(b"config")
    return tmp_path


def test_demo_a_directory_or_what_fetch_finds(checkpoint: Path, tmp_path: Path) -> None:
    assert resolve("demo", checkpoint, refuse) == checkpoint
    assert resolve(str(checkpoint), Path("elsewhere"), refuse) == checkpoint
    assert resolve("PUBLISHED", Path("elsewhere"), lambda name: tmp_path / name).name == "PUBLISHED"


def test_the_hubs_refusal_is_passed_on(checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="'PUBLISHED' can't be downloaded"):
        resolve("PUBLISHED", checkpoint, refuse)


def test_a_file_is_no_checkpoint(checkpoint: Path) -> None:
    with pytest.raises(CheckpointError, match="is a file; give the directory"):
        resolve(str(checkpoint / "weights"), checkpoint, refuse)


def test_fingerprints_are_those_of_sha256sum(checkpoint: Path) -> None:
    assert fingerprint(checkpoint) == {
        "sub/config": hashlib.sha256(b"config").hexdigest(),
        "weights": hashlib.sha256(b"weights").hexdigest(),
    }


def test_checksums_are_compared(checkpoint: Path) -> None:
    sums = "".join(f"{digest}  {name}\n" for name, digest in fingerprint(checkpoint).items())
    (checkpoint / "SHA256SUMS").write_text(sums)
    assert resolve(str(checkpoint), checkpoint, refuse) == checkpoint
    (checkpoint / "weights").write_bytes(b"weightz")
    with pytest.raises(CheckpointError, match=r"weights' is damaged"):
        resolve("demo", checkpoint, refuse)
    (checkpoint / "weights").unlink()
    with pytest.raises(CheckpointError, match="'weights' is missing"):
        resolve("demo", checkpoint, refuse)
