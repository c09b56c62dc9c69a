"""Directories that a command writes and replaces."""

from pathlib import Path

from zoo.errors import ZooError


def check_output(directory: Path, mark: str, kind: str) -> None:
    """See that a command replaces only what it has written itself.

    Names that begin with `_` don't count: they are of a run that isn't done.

    Args:
        directory: Where the command writes to; it need not exist.
        mark: A file that each directory of this kind has.
        kind: What such a directory is, for the message.

    Raises:
        ZooError: It is a file, or a directory of another kind.
    """
    if directory.is_file() or (not (directory / mark).is_file() and any(directory.glob("[!_]*"))):
        raise ZooError(f"'{directory}' holds something else than {kind}; give a new directory.")
