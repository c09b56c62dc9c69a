"""Files that a browser sends to a page: read once, and gone."""

import contextlib
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
    file = Path(path).resolve()
    if not file.is_relative_to(Path(get_upload_folder()).resolve()) or not file.is_file():
        raise ServiceError("The upload isn't there any more; send it again.")
    try:
        return file.read_bytes()
    finally:
        file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the same content was uploaded under another name, too
            file.parent.rmdir()
