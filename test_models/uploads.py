"""Files that a browser sends to a page: read once, and gone."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from gradio.utils import get_upload_folder

from test_models.calls import ServiceError


def take(path: str) -> bytes:
    """What is in an uploaded file; the file is deleted.

    Args:
        path: as `upload` gave it to a component's script.

    Raises:
        ServiceError: it isn't there, or is no upload.
    """
    with held(path) as file:
        return file.read_bytes()


@contextlib.contextmanager
def held(path: str) -> Iterator[Path]:
    """An uploaded file, which is deleted when the block ends; otherwise as `take`."""
    file = Path(path).resolve()
    if not file.is_relative_to(Path(get_upload_folder()).resolve()) or not file.is_file():
        raise ServiceError("The upload isn't there any more; send it again.")
    try:
        yield file
    finally:
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the same content was uploaded under another name, too
            file.parent.rmdir()
