"""Finds the directory of a checkpoint: the demo's, a published one's, or a person's own."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from zoo.errors import CheckpointError

SUMS = "SHA256SUMS"
BLOCK_BYTES = 1 << 20
MAX_SILENCE_SECONDS = 10.0  # of a host, before it counts as one that can't be reached


def resolve(
    name: str, demo: Path, fetch: Callable[[str], Path], suffixes: tuple[str, ...] = ()
) -> Path:
    """Find the directory of a checkpoint, or its file if its format is a single file.

    Args:
        name: `demo`, a local directory or file, or an identifier that `fetch` knows.
        demo: The demo checkpoint's directory.
        fetch: Downloads a published checkpoint, or finds it in its cache; returns its path.
        suffixes: The suffixes of checkpoints that are a single file.

    Raises:
        CheckpointError: The checkpoint isn't found, or a file differs from `SHA256SUMS`.
    """
    if name == "demo":
        directory = demo
    elif Path(name).is_dir() or (Path(name).is_file() and Path(name).suffix in suffixes):
        directory = Path(name)
    elif Path(name).exists():
        raise CheckpointError(f"'{name}' is a file; give the directory that holds the checkpoint.")
    else:
        directory = fetch(name)
    verify(directory)
    return directory


def from_hub(name: str, patterns: list[str] | None = None) -> Path:
    """Download a checkpoint from the Hugging Face hub, or find it in the cache.

    Args:
        name: `owner/name`.
        patterns: Patterns of the files that are needed. None: all files.

    Raises:
        CheckpointError: The checkpoint isn't found, or the hub can't be reached.
    """
    import httpx2
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        try:  # snapshot_download alone would wait for ever where the hub is silent
            HfApi().repo_info(name, timeout=MAX_SILENCE_SECONDS)
            answers = True
        except (httpx2.HTTPError, OSError):
            answers = False
        found = snapshot_download(name, allow_patterns=patterns, local_files_only=not answers)
        return Path(found)
    except (HFValidationError, LocalEntryNotFoundError, httpx2.HTTPError, OSError) as error:
        raise CheckpointError(
            f"Checkpoint '{name}' not found, neither as a directory nor on the Hugging Face hub. "
            "Without a network, download it elsewhere and give its directory."
        ) from error


def verify(directory: Path) -> None:
    """Check the files that `SHA256SUMS` lists (in the format of `sha256sum`), if it exists.

    Raises:
        CheckpointError: A listed file is missing or differs.
    """
    if not (directory / SUMS).is_file():
        return
    for line in (directory / SUMS).read_text(encoding="utf-8").splitlines():
        expected, _, name = line.partition(" ")
        name = name.lstrip(" *")  # sha256sum's marks of text and binary
        if not (directory / name).is_file():
            raise CheckpointError(f"'{directory}' is incomplete: '{name}' is missing.")
        if sha256(directory / name) != expected:
            raise CheckpointError(
                f"'{directory / name}' is damaged: its SHA-256 isn't the one in {SUMS}; "
                "download the checkpoint again."
            )


def about(checkpoint: Path) -> dict[str, str]:
    """Read the front matter of a checkpoint's README.md, as on the Hugging Face hub.

    Args:
        checkpoint: A directory; or a file, whose README.md lies beside it.

    Returns:
        `license`; and those that the front matter has of `limits`, one sentence on what the model
        can't do, and `origin`, where the weights come from.
    """
    import yaml

    card = (checkpoint.parent if checkpoint.is_file() else checkpoint) / "README.md"
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    front = text.split("\n---", 1)[0].removeprefix("---") if text.startswith("---\n") else ""
    given = yaml.safe_load(front) or {}
    found = {"license": str(given.get("license_name") or given.get("license") or "not stated")}
    return {**found, **{name: str(given[name]) for name in ("limits", "origin") if name in given}}


def sample(folder: Path, checkpoint: Path) -> Path:
    """Find the request that a model is tried with.

    Args:
        folder: The capability's folder; its `sample.json` suits what the model is made for.
        checkpoint: It has a `sample.json` of its own if it doesn't understand that.
    """
    own = checkpoint / "sample.json"
    return own if own.is_file() else folder / "sample.json"


def fingerprint(directory: Path) -> dict[str, str]:
    """Compute the SHA-256 of each file below a directory, by its path; or of a single file."""
    if directory.is_file():
        return {directory.name: sha256(directory)}
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hex, with a progress bar if the file is large."""
    from tqdm import tqdm

    size, digest = path.stat().st_size, hashlib.sha256()
    with (
        path.open("rb") as file,
        tqdm(
            total=size,
            unit="B",
            unit_scale=True,
            desc=f"checking {path.name}",
            leave=False,
            disable=size < 100 * BLOCK_BYTES,
        ) as bar,
    ):
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            bar.update(len(block))
    return digest.hexdigest()
